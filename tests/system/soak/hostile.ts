/**
 * Hostile tasks, each with what must become of it. Their functions run in slots and use nothing from outside.
 */
import type { TaskLimits } from "../../../src/client/client.ts";

/** How a task must end: a value, or an error by its class and words. */
export type Ending =
  | { readonly value: unknown }
  | { readonly error: readonly string[]; readonly says?: RegExp; readonly isLimit?: boolean };

export interface Hostile {
  readonly name: string;
  readonly run: (number: number) => unknown;
  readonly ends: Ending;
  readonly limits?: TaskLimits;
  /** The client cancels it when it has begun. */
  readonly isCancelled?: boolean;
  /** How often it is drawn; what takes long is drawn seldom. Default 4. */
  readonly weight?: number;
}

const limit = (name: string): Ending => ({
  error: ["LimitExceeded"],
  says: new RegExp(name),
  isLimit: true,
});
const SHORT: TaskLimits = { runTimeoutMs: 100 };

const loops: readonly Hostile[] = [
  {
    name: "a loop",
    limits: SHORT,
    ends: limit("run time"),
    run: () => {
      for (;;);
    },
  },
  {
    name: "a loop that defends itself",
    limits: SHORT,
    ends: limit("run time"),
    run: () => {
      for (;;) {
        try {
          for (;;);
        } finally {
          // deno-lint-ignore no-unsafe-finally
          continue;
        }
      }
    },
  },
  {
    name: "a promise that never settles",
    limits: SHORT,
    ends: limit("run time"),
    run: () => new Promise(() => {}),
  },
  {
    name: "a blocked thread",
    limits: SHORT,
    ends: limit("run time"),
    run: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  },
  {
    name: "microtasks without end",
    limits: SHORT,
    ends: limit("run time"),
    run: async () => {
      for (;;) await undefined;
    },
  },
  {
    name: "a pattern that takes for ever",
    limits: SHORT,
    ends: limit("run time"),
    run: () => /^(a+)+$/.test("a".repeat(40) + "b"),
  },
  {
    name: "its own process stopped",
    limits: { runTimeoutMs: 300 },
    ends: limit("run time"),
    run: () => {
      Deno.kill(Deno.pid, "SIGSTOP");
      return new Promise(() => {});
    },
  },
  {
    name: "processors, by a Worker of its own",
    limits: { cpuLimitMs: 300, runTimeoutMs: 20_000 },
    ends: limit("CPU time"),
    weight: 1,
    run: () => {
      new Worker("data:text/javascript,for (;;);", { type: "module" });
      return new Promise(() => {});
    },
  },
  {
    name: "a loop that is cancelled",
    isCancelled: true,
    ends: { error: ["TaskCancelled"] },
    run: () => {
      console.log("begun");
      for (;;);
    },
  },
];

const hunger: readonly Hostile[] = [
  {
    name: "a memory bomb",
    ends: limit("memory"),
    weight: 2,
    run: () => {
      const kept: Uint8Array[] = [];
      for (;;) kept.push(new Uint8Array(8 << 20).fill(1));
    },
  },
  {
    name: "a heap bomb",
    ends: limit("memory"),
    weight: 1,
    run: () => {
      const kept: number[][] = [];
      for (;;) kept.push(new Array(1 << 16).fill(1.5));
    },
  },
  {
    name: "WebAssembly's memory",
    ends: limit("memory"),
    weight: 1,
    run: () => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
      for (;;) {
        memory.grow(512);
        new Uint8Array(memory.buffer).fill(1);
      }
    },
  },
  {
    name: "forks of promises",
    ends: limit("memory|run time"),
    limits: { runTimeoutMs: 3000 },
    weight: 1,
    run: () => {
      const fork = (): Promise<unknown> => Promise.resolve().then(() => Promise.all([fork(), fork()]));
      return fork();
    },
  },
  {
    name: "a flood of output",
    limits: { outputLimitBytes: 100_000 },
    ends: limit("output"),
    run: () => {
      for (;;) console.log("x".repeat(1000));
    },
  },
  {
    name: "a flood past the console",
    limits: { outputLimitBytes: 100_000, runTimeoutMs: 5000 },
    ends: limit("output"),
    run: async () => {
      const { writeSync } = await import("node:fs");
      for (;;) writeSync(2, "y".repeat(1000));
    },
  },
  {
    name: "a result too large",
    limits: { resultLimitBytes: 100_000 },
    ends: limit("result"),
    run: () => new Uint8Array(1 << 20),
  },
];

const ends: readonly Hostile[] = [
  {
    name: "an exit",
    ends: { error: ["EngineError"], says: /exit code/ },
    run: (number) => Deno.exit(number % 256),
  },
  {
    name: "an exit by node",
    ends: { error: ["EngineError"], says: /exit code/ },
    run: async (number) => (await import("node:process")).default.exit(number % 256),
  },
  {
    name: "a signal to itself",
    ends: { error: ["EngineError"], says: /signal/ },
    run: (number) => {
      Deno.kill(Deno.pid, (["SIGKILL", "SIGTERM", "SIGQUIT", "SIGABRT"] as const)[number % 4]!);
      return new Promise(() => {});
    },
  },
  {
    name: "a closed Worker",
    ends: { error: ["EngineError"] },
    run: () => {
      (self as unknown as { close(): void }).close();
      return new Promise(() => {});
    },
  },
  {
    name: "closed streams",
    limits: { runTimeoutMs: 3000 },
    ends: { error: ["EngineError", "LimitExceeded"] },
    run: () => {
      for (const stream of [Deno.stdin, Deno.stdout, Deno.stderr]) stream.close();
      return new Promise(() => {});
    },
  },
];

const lies: readonly Hostile[] = [
  {
    name: "late throws",
    ends: { value: 7 },
    run: () => {
      for (let i = 0; i < 5; i++) {
        setTimeout(() => {
          throw new Error("late");
        }, i);
      }
      Promise.reject(new Error("left alone"));
      return 7;
    },
  },
  {
    name: "what goes on behind it",
    ends: { value: 8 },
    run: () => {
      setInterval(() => console.log("still here"), 0);
      new Worker("data:text/javascript,for (;;);", { type: "module" });
      return 8;
    },
  },
  {
    name: "a thenable that throws",
    ends: { error: ["RangeError"], says: /then/ },
    run: () => ({
      get then() {
        throw new RangeError("then");
      },
    }),
  },
  {
    name: "a thenable that answers twice",
    ends: { value: 9 },
    run: () => ({
      then(done: (value: number) => void) {
        done(9);
        done(10);
      },
    }),
  },
  {
    name: "a getter that throws",
    ends: { error: ["Error", "UncodableValue", "RangeError"] },
    run: () => ({
      get value() {
        throw new RangeError("getter");
      },
    }),
  },
  {
    name: "a result without a bottom",
    ends: { error: ["UncodableValue"] },
    run: () => {
      const deep: unknown[] = [];
      for (let i = 0, at = deep; i < 1e5; i++) at.push(at = []);
      return deep;
    },
  },
  {
    name: "an error that calls itself a limit",
    ends: { error: ["LimitExceeded"], says: /not really/, isLimit: false },
    run: () => {
      throw Object.assign(new Error("not really"), {
        name: "LimitExceeded",
        limit: "memory",
        value: 1,
        max: 1,
      });
    },
  },
  {
    name: "an error that defends itself",
    ends: { error: [""] },
    run: () => {
      throw new Proxy(new Error("p"), {
        get() {
          throw new Error("no");
        },
      });
    },
  },
  {
    name: "a thrown null",
    ends: { error: [""] },
    run: () => {
      throw null;
    },
  },
  {
    name: "bells without end",
    ends: { value: 11 },
    run: async () => {
      const { writeSync } = await import("node:fs");
      for (let i = 0; i < 200; i++) writeSync(1, new Uint8Array(100));
      return 11;
    },
  },
  {
    name: "stolen bells",
    ends: { value: 12 },
    run: () => {
      for (let i = 0; i < 3; i++) Deno.stdin.read(new Uint8Array(4096));
      return 12;
    },
  },
  {
    name: "everything reachable replaced",
    ends: { value: 13 },
    run: () => {
      const bad = () => {
        throw new Error("spoilt");
      };
      const { defineProperty } = Object, { set, ownKeys } = Reflect;
      for (const type of [Array, Uint8Array, Map, Set, Promise, Function, String, Number, TextEncoder]) {
        for (const name of Object.getOwnPropertyNames(type.prototype)) {
          try {
            defineProperty(type.prototype, name, { get: bad, set: bad });
          } catch { /* not all can be */ }
        }
      }
      for (const name of ownKeys(globalThis)) {
        try {
          set(globalThis, name, bad);
        } catch { /* not all can be */ }
      }
      return 13;
    },
  },
  {
    name: "polluted prototypes",
    ends: { value: 14 },
    run: () => {
      for (const name of ["ticket", "status", "body", "then", "0", "kind", "value", "length"]) {
        try {
          Object.defineProperty(Object.prototype, name, {
            get: () => undefined,
            set() {},
            configurable: true,
          });
        } catch { /* not all can be */ }
      }
      return 14;
    },
  },
  {
    name: "a file",
    ends: { error: ["PermissionDenied"] },
    run: () => Deno.readTextFileSync("/etc/passwd"),
  },
  {
    name: "a program",
    ends: { error: ["PermissionDenied"] },
    run: () => new Deno.Command("/bin/true").outputSync().code,
  },
];

export const HOSTILE: readonly Hostile[] = [...loops, ...hunger, ...ends, ...lies];
