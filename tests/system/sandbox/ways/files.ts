/** Files: reading, listing, making, changing, removing, and whether they are there. */
import { ASKING, BOTH, CALLING, type Category, OPENING, type Way, ways } from "../way.ts";

const FS = `const fs = await import("node:fs");`;
const READ = { ...OPENING, grant: { read: ["$folder"] } };
const WRITE = { ...OPENING, grant: { write: ["$folder"] } };
const BOTH_RIGHTS = { ...OPENING, grant: { read: ["$folder"], write: ["$folder"] } };

const reading: Way[] = ways(READ, {
  "readTextFileSync": "return Deno.readTextFileSync(at.file)",
  "readTextFile": "return await Deno.readTextFile(at.file)",
  "readFileSync": "return Deno.readFileSync(at.file)",
  "open and read": "using file = Deno.openSync(at.file); return file.readSync(new Uint8Array(9))",
  "open by URL": "return await Deno.readTextFile(new URL('file://' + at.file))",
  "through a folder and back": "return Deno.readTextFileSync(at.folder + '/sub/../file')",
  "node:fs readFileSync": `${FS} return fs.readFileSync(at.file, "utf8")`,
  "node:fs readFile": `${FS} return await fs.promises.readFile(at.file, "utf8")`,
  "node:fs open and fd": `${FS} const fd = fs.openSync(at.file); fs.closeSync(fd); return fd`,
  "node:fs createReadStream": `${FS}
    return await new Promise((done, failed) => fs.createReadStream(at.file).on("data", done).on("error", failed))`,
  "node:fs opendir": `${FS} const dir = fs.opendirSync(at.folder); dir.closeSync(); return 1`,
  "node:fs readdir": `${FS} return fs.readdirSync(at.folder)`,
  "readDirSync": "return [...Deno.readDirSync(at.folder)].length",
  "readDir": "return (await Array.fromAsync(Deno.readDir(at.folder))).length",
  "getBuiltinModule":
    "return (await import('node:process')).default.getBuiltinModule('fs').readFileSync(at.file, 'utf8')",
});

const named: Way[] = [
  ...ways({ ...READ, compiled: { deno: "refused", landlock: "unreached" } }, {
    "fetch of a file": "return await (await fetch('file://' + at.file)).text()",
  }),
  ...ways({ ...OPENING, grant: { read: true, env: true } }, {
    "process.loadEnvFile": `(await import("node:process")).default.loadEnvFile(at.folder + "/env")`,
  }),
  ...ways({ ...OPENING, grant: { read: true } }, {
    "/etc/passwd": "return Deno.readTextFileSync('/etc/passwd')",
  }),
];

const links: Way[] = [
  ...ways({ ...OPENING, grant: { read: true } }, {
    "a link that leads out": "return Deno.readTextFileSync(at.folder + '/link')",
    "a folder that is a link": "return Deno.readTextFileSync(at.folder + '/way/secret')",
  }),
  ...ways({ ...OPENING, grant: { read: true, write: true } }, {
    "a link made and followed": `
      Deno.symlinkSync(at.secret, at.fresh); return Deno.readTextFileSync(at.fresh)`,
  }),
];

/** Deno grants these to nobody but who has all rights. */
const procfs: Way[] = ways(OPENING, {
  "/proc/self/environ": "return Deno.readTextFileSync('/proc/self/environ')",
  "/proc/self/maps": "return Deno.readTextFileSync('/proc/self/maps').length",
  "/proc/self/status": "return Deno.readTextFileSync('/proc/self/status')",
  "/proc/self/mountinfo": "return Deno.readTextFileSync('/proc/self/mountinfo')",
  "/proc/self/fd": "return [...Deno.readDirSync('/proc/self/fd')].length",
  "/proc/self/mem": "using file = Deno.openSync('/proc/self/mem'); return 1",
  "/proc/thread-self": "return Deno.readTextFileSync('/proc/thread-self/comm')",
  "/proc of the host, cmdline": "return Deno.readTextFileSync(`/proc/${at.host}/cmdline`)",
  "/proc/net/tcp": "return Deno.readTextFileSync('/proc/net/tcp').length",
  "/proc/net/unix": "return Deno.readTextFileSync('/proc/net/unix').length",
  "/proc/version": "return Deno.readTextFileSync('/proc/version')",
  "/proc/cpuinfo": "return Deno.readTextFileSync('/proc/cpuinfo').length",
  "list of processes": "return [...Deno.readDirSync('/proc')].length",
  "/sys": "return [...Deno.readDirSync('/sys')].length",
  "/dev/urandom": "using file = Deno.openSync('/dev/urandom'); return 1",
  "/dev/shm": "return [...Deno.readDirSync('/dev/shm')].length",
});

/** Pipes lie in no folder, so Landlock does not hold them; they are what the task holds anyway. */
const streams: Way[] = ways(ASKING, {
  "/dev/stdin": "using file = Deno.openSync('/dev/stdin'); return 1",
  "/dev/fd/0": "using file = Deno.openSync('/dev/fd/0'); return 1",
  "/proc/self/fd/0": "using file = Deno.openSync('/proc/self/fd/0'); return 1",
});

const writing: Way[] = [
  ...ways(WRITE, {
    "make an empty file": "Deno.openSync(at.fresh, { write: true, createNew: true }).close()",
    "append": "Deno.openSync(at.file, { append: true }).close()",
    "truncate": "Deno.truncateSync(at.file, 0)",
    "mkdir": "Deno.mkdirSync(at.fresh)",
    "node:fs mkdir": `${FS} fs.mkdirSync(at.fresh)`,
    "remove": "Deno.removeSync(at.file)",
    "node:fs unlink": `${FS} fs.unlinkSync(at.file)`,
    "makeTempFile": "Deno.makeTempFileSync({ dir: at.folder })",
    "makeTempDir": "Deno.makeTempDirSync({ dir: at.folder })",
    "node:fs mkdtemp": `${FS} fs.mkdtempSync(at.fresh)`,
    "node:fs createWriteStream": `${FS} await new Promise((done, failed) =>
      fs.createWriteStream(at.fresh).on("open", done).on("error", failed))`,
  }),
  ...ways({ ...OPENING, grant: { write: ["$folder"] } }, {
    "remove a tree": "Deno.removeSync(at.folder + '/sub', { recursive: true })",
  }),
  ...ways(BOTH_RIGHTS, {
    "node:fs truncate": `${FS} fs.truncateSync(at.file, 0)`,
    "node:fs rm": `${FS} fs.rmSync(at.folder + "/sub", { recursive: true })`,
    "rename": "Deno.renameSync(at.file, at.fresh)",
    "node:fs rename": `${FS} fs.renameSync(at.file, at.fresh)`,
    "hard link": "Deno.linkSync(at.file, at.fresh)",
  }),
  // The copy is there when the filter refuses to set its mode.
  ...ways({
    ...BOTH_RIGHTS,
    seccomp: "EPERM",
    inPart: "seccomp",
    first: "landlock",
    compiled: { ...BOTH, first: "landlock" },
  }, {
    "copy": "Deno.copyFileSync(at.folder + '/empty', at.fresh)",
    "node:fs copyFile": `${FS} fs.copyFileSync(at.folder + "/empty", at.fresh)`,
    "node:fs cp": `${FS} fs.cpSync(at.folder + "/empty", at.fresh)`,
  }),
  ...ways({ ...OPENING, grant: { read: true, write: true } }, {
    "symbolic link": "Deno.symlinkSync(at.file, at.fresh)",
    "node:fs symlink": `${FS} fs.symlinkSync(at.file, at.fresh)`,
  }),
  ...ways(OPENING, {
    "a device": "Deno.openSync('/dev/null', { write: true }).close()",
    "its own name": "Deno.openSync('/proc/self/comm', { write: true }).close()",
    "out of memory score": "Deno.openSync(`/proc/${at.host}/oom_score_adj`, { write: true }).close()",
  }),
  {
    name: "write bytes",
    code: "Deno.writeTextFileSync(at.folder + '/empty', 'changed')",
    ...WRITE,
  },
];

const attributes: Way[] = [
  ...ways({ ...CALLING, grant: { write: ["$folder"] } }, {
    "chmod": "Deno.chmodSync(at.file, 0o600)",
    "chown": "Deno.chownSync(at.file, 0, 0)",
    "utime": "Deno.utimeSync(at.file, 1, 1)",
    "node:fs chmod": `${FS} fs.chmodSync(at.file, 0o600)`,
    "node:fs chown": `${FS} fs.chownSync(at.file, 0, 0)`,
    "node:fs utimes": `${FS} fs.utimesSync(at.file, 1, 1)`,
    "node:fs lutimes": `${FS} fs.lutimesSync(at.file, 1, 1)`,
  }),
  ...ways({ ...CALLING, grant: { read: ["$folder"] } }, {
    "watch": "Deno.watchFs(at.folder).close()",
  }),
  // The older one says nothing of what was refused.
  ...ways({ ...CALLING, only: "source", grant: { read: ["$folder"] } }, {
    "node:fs watch": `${FS} await new Promise((done, failed) => {
      const watcher = fs.watch(at.folder);
      watcher.on("error", failed);
      setTimeout(() => { watcher.close(); done(); }, 50);
    })`,
  }),
];

const existence: Way[] = [
  ...ways({ ...ASKING, grant: { read: true, sys: true } }, {
    "node:fs access": `${FS} fs.accessSync(at.file)`,
    "node:fs statfs": `${FS} return fs.statfsSync("/").bsize`,
  }),
  ...ways({ ...ASKING, grant: { read: true } }, {
    "stat": "return Deno.statSync(at.file).size",
    "lstat": "return Deno.lstatSync(at.file).size",
    "node:fs stat": `${FS} return fs.statSync(at.file).size`,
    "readLink": "return Deno.readLinkSync(at.folder + '/link')",
    "realPath": "return Deno.realPathSync(at.folder + '/link')",
    "node:fs realpath": `${FS} return fs.realpathSync(at.folder + "/link")`,
  }),
];

/** The kernel asks for more than a look here. */
const others: Way[] = ways({ ...OPENING, lesser: "EACCES" }, {
  "/proc of the host, environ": "return Deno.readTextFileSync(`/proc/${at.host}/environ`).length",
  "/proc of the host, mem": "using file = Deno.openSync(`/proc/${at.host}/mem`); return 1",
  "/proc of the host, root": "return Deno.readTextFileSync(`/proc/${at.host}/root/etc/hostname`)",
  "links of another's /proc": "return Deno.readLinkSync(`/proc/${at.host}/cwd`)",
});

/** Files in all their forms. */
export const files: Category = {
  title: "files",
  ways: [
    ...reading,
    ...named,
    ...links,
    ...procfs,
    ...streams,
    ...writing,
    ...attributes,
    ...existence,
    ...others,
  ],
};
