/**
 * Grants: in each state of the three switches what is granted works, and what is beside it is answered by the walls that can see the
 * difference. Where no wall but Deno's can, the kernel's report says so as excess.
 */
import assert from "node:assert/strict";
import { Slot } from "../../src/engine/slot.ts";
import { type Grant, NO_GRANT } from "../../src/engine/slot_contract.ts";
import { specialStart } from "../../src/engine/special_start.ts";
import { readSet } from "../../src/protocol/permissions.ts";
import type { SlotSuiteOptions } from "./slot.ts";
import { SETTINGS, SlotHost } from "./slot_host.ts";
import { type Answer, attempt, STATES, type Switches } from "./wall_answers.ts";

/** Places for the attempts: some within what is granted, some beside it. */
interface Places {
  readonly inside: string;
  readonly outside: string;
  readonly scratch: string;
  readonly port: number;
  readonly otherPort: number;
  /** Nobody listens there. */
  readonly freePort: number;
  readonly socket: string;
  readonly host: number;
  /** The C library's mathematics, in both folders. */
  readonly library: string;
}

interface Case {
  readonly name: string;
  readonly permissions: (at: Places) => object;
  readonly environment?: Readonly<Record<string, string>>;
  /** Must work in every state. It gives what is expected. */
  readonly works: Readonly<Record<string, readonly [run: (at: Places) => unknown, expected: unknown]>>;
  /** Is answered by Deno's wall, else by the kernel's where this says so. */
  readonly beside: Readonly<Record<string, readonly [run: (at: Places) => unknown, kernel: Holder]>>;
  /** Words of the kernel's excess. */
  readonly excess?: RegExp;
  readonly ignoresCompiled?: boolean;
}

type Holder = (walls: Switches) => boolean;
const landlock: Holder = (walls) => walls.landlock;
const seccomp: Holder = (walls) => walls.seccomp;
const either: Holder = (walls) => walls.landlock || walls.seccomp;
const nobody: Holder = () => false;
/** Deno's own wall cannot see it: for these it is the kernel's alone. */
const KERNEL_ONLY = /^kernel only: /;

const CASES: readonly Case[] = [
  {
    name: "read of a folder",
    permissions: ({ inside }) => ({ read: [inside] }),
    works: {
      "a file in it": [({ inside }) => Deno.readTextFileSync(`${inside}/file`), "inside"],
      "its list": [({ inside }) => [...Deno.readDirSync(inside)].length > 0, true],
      "a module in it": [
        async ({ inside }) =>
          (await import(`file://${inside}/module.json`, { with: { type: "json" } })).default,
        7,
      ],
      "a link within it": [({ inside }) => Deno.readTextFileSync(`${inside}/within`), "inside"],
      "being told of changes": [({ inside }) => (Deno.watchFs(inside).close(), 1), 1],
    },
    beside: {
      "a file beside it": [({ outside }) => Deno.readTextFileSync(`${outside}/file`), landlock],
      "kernel only: a link out of it": [({ inside }) => Deno.readTextFileSync(`${inside}/link`), landlock],
      "kernel only: a link to a folder out of it": [
        ({ inside }) => Deno.readTextFileSync(`${inside}/folder/file`),
        landlock,
      ],
      "to write it": [({ inside }) => Deno.writeTextFileSync(`${inside}/file`, "x"), landlock],
      "to change its mode": [({ inside }) => Deno.chmodSync(`${inside}/file`, 0o600), seccomp],
      "what is up from it": [({ inside }) => Deno.readTextFileSync(`${inside}/../outside/file`), landlock],
    },
  },
  {
    name: "write to a folder",
    permissions: ({ inside }) => ({ write: [inside] }),
    works: {
      "a new file": [({ inside }) => Deno.writeTextFileSync(`${inside}/new`, "x"), undefined],
      "an old one": [({ inside }) => Deno.writeTextFileSync(`${inside}/new`, "y"), undefined],
      "its length": [({ inside }) => Deno.truncateSync(`${inside}/new`, 0), undefined],
      "its mode and times": [
        ({ inside }) => (Deno.chmodSync(`${inside}/new`, 0o600), Deno.utimeSync(`${inside}/new`, 1, 1)),
        undefined,
      ],
      "folders": [({ inside }) => (Deno.mkdirSync(`${inside}/a`), Deno.removeSync(`${inside}/a`)), undefined],
      "its end": [({ inside }) => Deno.removeSync(`${inside}/new`), undefined],
    },
    beside: {
      "a file beside it": [({ outside }) => Deno.writeTextFileSync(`${outside}/file`, "x"), landlock],
      "a new one beside it": [({ outside }) => Deno.writeTextFileSync(`${outside}/new`, "x"), landlock],
      "to read it": [({ inside }) => Deno.readTextFileSync(`${inside}/file`), landlock],
      "to remove one beside it": [({ outside }) => Deno.removeSync(`${outside}/victim`), landlock],
      "kernel only: through a link out of it": [
        ({ inside }) => Deno.writeTextFileSync(`${inside}/link`, "x"),
        landlock,
      ],
    },
    excess: /mode, owner and times of any file/,
  },
  {
    name: "read and write of the own folder",
    permissions: () => ({ read: ["$SCRATCH"], write: ["$SCRATCH"] }),
    works: {
      "it is the working directory": [({ scratch }) => Deno.cwd() === scratch, true],
      "relative paths": [() => (Deno.writeTextFileSync("a", "b"), Deno.readTextFileSync("a")), "b"],
      "temporary files": [({ scratch }) => Deno.makeTempFileSync().startsWith(scratch), true],
      "links and moves": [() => (Deno.renameSync("a", "c"), Deno.readTextFileSync("c")), "b"],
    },
    beside: {
      "beside it": [({ outside }) => Deno.writeTextFileSync(`${outside}/file`, "x"), landlock],
      "above it": [() => Deno.writeTextFileSync("../x", "x"), landlock],
    },
  },
  {
    name: "write to a file that is not there yet",
    permissions: ({ inside }) => ({ write: [`${inside}/later`] }),
    works: {
      "to make it": [({ inside }) => Deno.writeTextFileSync(`${inside}/later`, "x"), undefined],
      "to replace it": [
        ({ inside }) => (Deno.removeSync(`${inside}/later`), Deno.writeTextFileSync(`${inside}/later`, "y")),
        undefined,
      ],
    },
    beside: {
      "beside its folder": [({ outside }) => Deno.writeTextFileSync(`${outside}/file`, "x"), landlock],
    },
    excess: /write .*inside, as ".*later" is not there yet/,
  },
  {
    name: "write to a file",
    permissions: ({ inside }) => ({ write: [`${inside}/file`] }),
    works: {
      "to write it": [({ inside }) => Deno.writeTextFileSync(`${inside}/file`, "x"), undefined],
      "to replace it": [
        ({ inside }) => (Deno.removeSync(`${inside}/file`), Deno.writeTextFileSync(`${inside}/file`, "y")),
        undefined,
      ],
    },
    beside: {
      "beside its folder": [({ outside }) => Deno.writeTextFileSync(`${outside}/file`, "x"), landlock],
      "to read it": [({ inside }) => Deno.readTextFileSync(`${inside}/file`), landlock],
    },
    excess: /write .*inside, to replace ".*file"/,
  },
  {
    name: "net to a host and a port",
    permissions: ({ port }) => ({ net: [`localhost:${port}`] }),
    works: {
      "to connect by name": [
        async ({ port }) => (await Deno.connect({ hostname: "localhost", port })).close(),
        undefined,
      ],
      "to fetch": [async ({ port }) => await (await fetch(`http://localhost:${port}`)).text(), "served"],
    },
    beside: {
      "another port": [
        async ({ otherPort }) => (await Deno.connect({ hostname: "localhost", port: otherPort })).close(),
        landlock,
      ],
      "another host": [
        async ({ port }) => (await Deno.connect({ hostname: "127.0.0.1", port })).close(),
        nobody,
      ],
      "to listen elsewhere": [
        ({ freePort }) => Deno.listen({ hostname: "localhost", port: freePort }).close(),
        landlock,
      ],
      "a Unix socket": [
        async ({ socket }) => (await Deno.connect({ transport: "unix", path: socket })).close(),
        seccomp,
      ],
      "files": [({ outside }) => Deno.readTextFileSync(`${outside}/file`), landlock],
    },
    excess: /TCP to any host at port \d+.*UDP to any host/,
  },
  {
    name: "net to an address, to listen and for datagrams",
    permissions: ({ freePort }) => ({ net: [`127.0.0.1:${freePort}`] }),
    works: {
      "to listen": [
        ({ freePort }) => Deno.listen({ hostname: "127.0.0.1", port: freePort }).close(),
        undefined,
      ],
      "datagrams": [
        async ({ freePort }) => {
          const { createSocket } = await import("node:dgram");
          const socket = createSocket("udp4");
          await new Promise((done, failed) => {
            socket.on("error", failed);
            socket.bind(freePort, "127.0.0.1", () => done(0));
          });
          socket.close();
        },
        undefined,
      ],
    },
    beside: {
      "to listen at another port": [
        ({ otherPort }) => {
          // Somebody else may listen there just now.
          for (let port = otherPort + 1;; port++) {
            try {
              return Deno.listen({ hostname: "127.0.0.1", port }).close();
            } catch (error) {
              if (!(error instanceof Deno.errors.AddrInUse) || port > otherPort + 20) throw error;
            }
          }
        },
        landlock,
      ],
    },
    excess: /UDP to any host and port/,
  },
  {
    name: "net, read and write to a Unix socket",
    permissions: ({ socket }) => ({ net: [`unix:${socket}`], read: [socket], write: [socket] }),
    works: {
      "to connect": [
        async ({ socket }) => (await Deno.connect({ transport: "unix", path: socket })).close(),
        undefined,
      ],
    },
    beside: {
      "TCP": [async ({ port }) => (await Deno.connect({ hostname: "127.0.0.1", port })).close(), either],
    },
    excess: /Unix sockets at any path/,
  },
  {
    name: "env of some variables",
    permissions: () => ({ env: ["GRANTED", "PREFIX_*"] }),
    environment: { GRANTED: "yes", PREFIX_A: "a" },
    works: {
      "one": [() => Deno.env.get("GRANTED"), "yes"],
      "one by its beginning": [() => Deno.env.get("PREFIX_A"), "a"],
    },
    beside: {
      // It is not there: nothing is open although nobody answers.
      "another": [() => Deno.env.get("TSPARALLEL_SECRET"), nobody],
      "all of them": [() => Object.keys(Deno.env.toObject()).length, nobody],
    },
  },
  {
    name: "run of some programs",
    permissions: ({ inside }) => ({ run: ["/usr/bin/head", "sh", "/usr/bin/setsid"], read: [inside] }),
    works: {
      "a program": [
        ({ inside }) => {
          const { stdout } = new Deno.Command("/usr/bin/head", { args: ["-c", "3", `${inside}/file`] })
            .outputSync();
          return new TextDecoder().decode(stdout);
        },
        "ins",
      ],
      "by name, with input": [
        async () => {
          const child = new Deno.Command("sh", {
            args: ["-c", "read x; echo $x > /dev/null; exit 7"],
            stdin: "piped",
          }).spawn();
          const writer = child.stdin.getWriter();
          await writer.write(new TextEncoder().encode("x\n"));
          await writer.close();
          return (await child.status).code;
        },
        7,
      ],
      "to end it": [
        async () => {
          const child = new Deno.Command("sh", { args: ["-c", "read x"], stdin: "piped" }).spawn();
          child.kill("SIGKILL");
          const { signal } = await child.status;
          await child.stdin.close().catch(() => {});
          return signal;
        },
        "SIGKILL",
      ],
    },
    beside: {
      "another program": [() => new Deno.Command("/usr/bin/true").outputSync().code, landlock],
      "signals to others": [({ host }) => Deno.kill(host, "SIGCONT"), landlock],
      "kernel only: another program, by the program": [
        () => {
          const { code } = new Deno.Command("sh", { args: ["-c", "/usr/bin/true"] }).outputSync();
          if (code !== 0) throw new Error("EACCES");
        },
        landlock,
      ],
      "kernel only: files, by the program": [
        ({ outside }) => {
          const { code } = new Deno.Command("head", { args: [`${outside}/file`] }).outputSync();
          if (code !== 0) throw new Error("EACCES");
        },
        landlock,
      ],
      "kernel only: to leave the group": [
        () => {
          const { code } = new Deno.Command("/usr/bin/setsid", { args: ["sh", "-c", "exit 0"] }).outputSync();
          if (code !== 0) throw new Error("EPERM");
        },
        seccomp,
      ],
      "kernel only: signals, by the program": [
        ({ host }) => {
          const { code } = new Deno.Command("sh", { args: ["-c", `kill -0 ${host}`] }).outputSync();
          if (code !== 0) throw new Error("EPERM");
        },
        landlock,
      ],
    },
    excess: /which starts what can be read/,
  },
  {
    name: "sys of some kinds",
    permissions: () => ({
      sys: ["hostname", "osRelease", "loadavg", "networkInterfaces", "systemMemoryInfo"],
    }),
    works: {
      "name": [() => Deno.hostname().length > 0, true],
      "release": [() => Deno.osRelease().length > 0, true],
      "load": [() => Deno.loadavg().length, 3],
      "interfaces": [() => Deno.networkInterfaces().length > 0, true],
      "memory": [() => Deno.systemMemoryInfo().total > 0, true],
    },
    beside: { "another kind": [() => Deno.uid(), nobody] },
  },
  {
    name: "ffi of a library",
    permissions: ({ inside }) => ({ ffi: [`${inside}/library.so`] }),
    works: {
      "to call it": [
        ({ inside }) => {
          const symbols = { cos: { parameters: ["f64"], result: "f64" } } as const;
          return Deno.dlopen(`${inside}/library.so`, symbols).symbols.cos(0);
        },
        1,
      ],
    },
    beside: {
      "another library": [
        ({ outside }) => {
          try {
            Deno.dlopen(`${outside}/library.so`, {});
          } catch (error) {
            // The loader says it in words of its own.
            throw new Error(
              `${(error as Error).message}`.replace("cannot open shared object file", "EACCES"),
            );
          }
        },
        landlock,
      ],
    },
    excess: /native code/,
  },
  {
    name: "import from elsewhere",
    permissions: ({ port }) => ({ import: [`localhost:${port}`] }),
    ignoresCompiled: true,
    works: {
      "a module": [async ({ port }) => (await import(`http://localhost:${port}/module.ts`)).default, 5],
    },
    beside: {
      "files": [({ outside }) => Deno.readTextFileSync(`${outside}/file`), landlock],
    },
  },
  {
    name: "denials below what is allowed",
    permissions: ({ inside }) => ({ read: [inside], deny: { read: [`${inside}/denied`] } }),
    works: { "beside it": [({ inside }) => Deno.readTextFileSync(`${inside}/file`), "inside"] },
    beside: {
      "outside": [({ outside }) => Deno.readTextFileSync(`${outside}/file`), landlock],
    },
  },
];

/** Registers the tests of grants. */
export function grantSuite({ name, command, ignore = false, isCompiled = false }: SlotSuiteOptions): void {
  Deno.test({
    name: `${name}: granted: to a fresh Worker each time`,
    ignore,
    fn: () => withPlaces((places) => checkFresh(places, command())),
  });
  for (const test of CASES) {
    if (isCompiled && test.ignoresCompiled === true) continue;
    for (const { name: up, walls } of STATES) {
      Deno.test({
        name: `${name}: granted: ${test.name}: walls: ${up}`,
        ignore,
        fn: () => withPlaces((places) => check(test, places, walls, command(), isCompiled)),
      });
    }
  }
}

/** A fresh Worker for each task has the rights that the first one had. */
function checkFresh(places: Places, command: readonly string[]): void {
  const permissions = readSet({ read: [places.inside] }, "permissions");
  using host = new SlotHost(Slot.start(SETTINGS, command), { ...NO_GRANT, permissions, isolation: "worker" });
  host.untilReady();
  for (let task = 0; task < 3; task++) {
    const inside = attempt(host, ({ inside }: Places) => Deno.readTextFileSync(`${inside}/file`), places);
    assert.deepEqual([inside.said, inside.value], ["open", "inside"], inside.text);
    const outside = attempt(host, ({ outside }: Places) => Deno.readTextFileSync(`${outside}/file`), places);
    assert.equal(outside.said, "deno", outside.text);
  }
}

function check(
  test: Case,
  places: Places,
  walls: Switches,
  command: readonly string[],
  isCompiled: boolean,
): void {
  const grant: Grant = {
    ...NO_GRANT,
    permissions: readSet(test.permissions(places), "permissions"),
    environment: test.environment ?? {},
    scratch: places.scratch,
  };
  const slot = Slot.start({ ...SETTINGS, walls }, command, specialStart(grant, isCompiled));
  using host = new SlotHost(slot, grant).untilReady();
  assert.equal(host.walls?.deno, walls.deno);
  if (walls.landlock && walls.seccomp) assert.deepEqual(host.walls?.missing, []);
  if (test.excess !== undefined) assert.match(host.walls?.excess.join("; ") ?? "", test.excess);
  for (const [what, [run, expected]] of Object.entries(test.works)) {
    const { said, value, text } = attempt(host, run, places);
    assert.deepEqual([said, value], ["open", expected], `${what}: ${text}`);
  }
  for (const [what, [run, kernel]] of Object.entries(test.beside)) {
    const holdsDeno = walls.deno && !KERNEL_ONLY.test(what);
    const expected: Answer = holdsDeno ? "deno" : kernel(walls) ? "kernel" : "open";
    const { said, value, text } = attempt(host, run, places);
    assert.equal(said, expected, `${what}: ${text}`);
    if (test.name.startsWith("env of") && said === "open" && what === "another") {
      assert.equal(value, undefined);
    }
  }
}

async function withPlaces(body: (places: Places) => void): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  for (const place of ["inside", "outside", "scratch"]) Deno.mkdirSync(`${folder}/${place}`);
  const inside = `${folder}/inside`, outside = `${folder}/outside`;
  for (const [place, text] of [[inside, "inside"], [outside, "outside"]]) {
    Deno.writeTextFileSync(`${place}/file`, text!);
    Deno.copyFileSync(findLibrary(), `${place}/library.so`);
  }
  Deno.writeTextFileSync(`${outside}/victim`, "");
  Deno.writeTextFileSync(`${inside}/module.json`, "7");
  Deno.symlinkSync(`${outside}/file`, `${inside}/link`);
  Deno.symlinkSync(outside, `${inside}/folder`);
  Deno.symlinkSync(`${inside}/file`, `${inside}/within`);
  const socket = `${inside}/socket`;
  const unix = Deno.listen({ transport: "unix", path: socket });
  const other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const freePort = free.addr.port;
  free.close();
  const server = await serve();
  try {
    body({
      inside,
      outside,
      scratch: `${folder}/scratch`,
      port: server.port,
      otherPort: other.addr.port,
      freePort,
      socket,
      host: Deno.pid,
      library: findLibrary(),
    });
  } finally {
    unix.close();
    other.close();
    await server.stop();
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A server in a thread of its own: the test's waits for the slot. */
async function serve(): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const code = `
    const body = (url) => url.endsWith(".ts") ? "export default 5 as number" : "served";
    const type = (url) => url.endsWith(".ts") ? "application/typescript" : "text/plain";
    const server = Deno.serve({ hostname: "localhost", port: 0, onListen: ({ port }) => postMessage(port) },
      ({ url }) => new Response(body(url), { headers: { "content-type": type(url) } }));
    onmessage = async () => { await server.shutdown(); postMessage(0); close(); };`;
  const worker = new Worker("data:application/javascript," + encodeURIComponent(code), { type: "module" });
  const heard = () => new Promise<number>((done) => worker.onmessage = ({ data }) => done(data));
  const port = await heard();
  return {
    port,
    async stop() {
      const stopped = heard();
      worker.postMessage("stop");
      await stopped;
      worker.terminate();
    },
  };
}

function findLibrary(): string {
  const places = [`/lib/${Deno.build.arch}-linux-gnu`, "/lib64", "/usr/lib64", "/usr/lib", "/lib"];
  for (const place of places) {
    try {
      return Deno.realPathSync(`${place}/libm.so.6`);
    } catch {
      // Elsewhere.
    }
  }
  throw new Error("There is no libm.so.6");
}
