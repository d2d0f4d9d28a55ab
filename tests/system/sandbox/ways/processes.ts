/** Starting programs, signals, and other processes' memory. */
import { BOTH, CALLING, type Category, ways } from "../way.ts";

const CHILD = `const child = await import("node:child_process");`;
const RUN = { ...BOTH, grant: { run: true } } as const;
const NODE_RUN = { ...BOTH, grant: { run: true, env: true } } as const;

export const processes: Category = {
  title: "processes and signals",
  ways: [
    ...ways(RUN, {
      "Deno.Command, spawned": "await new Deno.Command('/bin/true').spawn().status",
    }),
    ...ways({ ...RUN, first: "landlock", compiled: { ...BOTH, first: "landlock" } }, {
      "Deno.Command":
        "if (new Deno.Command('/bin/true').outputSync().code !== 0) throw new Error('it failed')",
      "its own program": "new Deno.Command(Deno.execPath(), { args: ['--version'], env: {} }).outputSync()",
      "a shell": "new Deno.Command('/bin/sh', { args: ['-c', 'true'] }).outputSync()",
    }),
    ...ways({ ...NODE_RUN, seccomp: "unreached", landlock: "unreached" }, {
      "execSync": `${CHILD} return child.execSync("true", { stdio: "ignore" })`,
      "spawnSync":
        `${CHILD} if (child.spawnSync("/bin/true").status !== 0) throw new Error("Command failed")`,
      "execFileSync": `${CHILD} child.execFileSync("/bin/true", { stdio: "ignore" })`,
    }),
    // Node's own interface says EACCES for whatever the kernel refused.
    ...ways({ ...NODE_RUN, seccomp: "EACCES", compiled: BOTH }, {
      "spawn": `${CHILD} await new Promise((done, failed) =>
        child.spawn("/bin/true").on("exit", done).on("error", failed))`,
      "exec": `${CHILD} await new Promise((done, failed) =>
        child.exec("true", (error) => error ? failed(error) : done()))`,
    }),
    ...ways({ ...BOTH, landlock: "EPERM" }, {
      "signal to the host": "Deno.kill(at.host, 'SIGCONT')",
      "signal to the parent": "Deno.kill(Deno.ppid, 'SIGCONT')",
      "signal to a neighbour": "Deno.kill(at.victim, 'SIGCONT')",
      "process.kill": "(await import('node:process')).default.kill(at.victim, 'SIGCONT')",
      "process._kill":
        "const code = process._kill(at.victim, 18); if (code) throw new Error(code === -1 ? 'EPERM' : code)",
      "whether a process is there": "(await import('node:process')).default.kill(at.victim, 0)",
    }),
    ...ways({ ...CALLING, landlock: "EPERM" }, {
      "kill(2)": "sys(62, at.victim, 18)",
      "tgkill(2)": "sys(234, at.victim, at.victim, 18)",
      "tkill(2)": "sys(200, at.victim, 18)",
      "rt_sigqueueinfo(2)": `const info = new Int32Array(32); info[0] = 18; info[2] = -1;
        sys(129, at.victim, 18, new Uint8Array(info.buffer))`,
    }),
    ...ways(CALLING, {
      "pidfd_open": "sys.close(sys(434, at.victim, 0))",
      "vfork and clone as a process":
        "try { sys(56, 0x10000000 | 0x200, 0, 0, 0, 0) } catch (error) { if (!/errno/.test(error.message)) throw error }",
    }),
  ],
};

export const memory: Category = {
  title: "other processes' memory",
  ways: [
    ...ways({ deno: "refused", seccomp: "EPERM", landlock: "EPERM" }, {
      "ptrace attach":
        "sys(101, 16, at.victim, 0, 0); await new Promise((done) => setTimeout(done, 20)); sys(101, 17, at.victim, 0, 0)",
      "process_vm_readv":
        `const iov = sys.vector(8), other = new Uint8Array(new BigUint64Array([4096n, 8n]).buffer);
        try { sys(310, at.victim, iov, 1, other, 1, 0) } catch (error) { if (!/errno 14/.test(error.message)) throw error }`,
      "process_vm_writev":
        `const iov = sys.vector(8), other = new Uint8Array(new BigUint64Array([4096n, 8n]).buffer);
        try { sys(311, at.victim, iov, 1, other, 1, 0) } catch (error) { if (!/errno 14/.test(error.message)) throw error }`,
    }),
    ...ways({ deno: "refused", landlock: "EACCES", lesser: "EACCES" }, {
      "/proc/<pid>/mem": "using file = Deno.openSync(`/proc/${at.victim}/mem`); return 1",
      "/proc/<pid>/maps": "return Deno.readTextFileSync(`/proc/${at.victim}/maps`).length",
      "/proc/<pid>/environ": "return Deno.readTextFileSync(`/proc/${at.victim}/environ`).length",
    }),
    ...ways({ deno: "refused", landlock: "EACCES" }, {
      "/proc/<pid>/fd": "return [...Deno.readDirSync(`/proc/${at.victim}/fd`)].length",
    }),
    ...ways({ deno: "refused" }, {
      "a pointer out of nothing": "return Deno.UnsafePointer.create(4096n) !== null",
      "a pointer to a buffer": "return Deno.UnsafePointer.of(new Uint8Array(8)) !== null",
      "dlopen": "Deno.dlopen('libc.so.6', { getpid: { parameters: [], result: 'i32' } }).close()",
      "a native callback": "new Deno.UnsafeCallback({ parameters: [], result: 'void' }, () => {}).close()",
    }).map((way) => ({ ...way, grant: { ffi: true } as const })),
  ],
};
