/** Runs ways in slots, in one state of the walls, and tells what answered. */
import { THIS_HOST } from "../../../src/engine/grant_host.ts";
import { Grants } from "../../../src/engine/grants.ts";
import { type Grant, NO_GRANT, type WallReport } from "../../../src/engine/slot_contract.ts";
import { specialStart } from "../../../src/engine/special_start.ts";
import { readSet } from "../../../src/protocol/permissions.ts";
import { Slot } from "../../../src/engine/slot.ts";
import { type ErrorBody, SETTINGS, SlotHost } from "../../contracts/slot_host.ts";
import { fingerprint, type Outside, type Targets } from "./outside.ts";
import type { Answer, Grantable, Switches, Way } from "./way.ts";

/** What became of one attempt. */
export interface Attempt {
  readonly way: Way;
  /** Undefined for an error that no wall tells so. */
  readonly answer: Answer | undefined;
  /** The error in words. */
  readonly said: string;
  /** What changed outside, although it should not. */
  readonly harm?: string;
}

/** A way that has not ended by then has failed. */
const WAY_MS = 2000;

/** Makes a system call, in the slot. Buffers go as their address. */
const SYS = `
const sys = (number, ...args) => {
  const numbers = args.map((arg) => typeof arg === "object" ? 0n : BigInt(arg));
  const library = sys.library ??= Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], result: "i64" },
    __errno_location: { parameters: [], result: "pointer" },
  }).symbols;
  args.forEach((arg, i) => { if (typeof arg === "object") numbers[i] = Deno.UnsafePointer.value(Deno.UnsafePointer.of(arg)); });
  while (numbers.length < 6) numbers.push(0n);
  const result = Number(library.syscall(BigInt(number), ...numbers));
  if (result !== -1) return result;
  const errno = new Deno.UnsafePointerView(library.__errno_location()).getInt32();
  const name = { 1: "EPERM", 13: "EACCES", 38: "ENOSYS", 9: "EBADF", 95: "EOPNOTSUPP" }[errno] ?? "errno " + errno;
  throw new Error(name);
};
sys.close = (fd) => sys(3, fd);
sys.vector = (length) => {
  const kept = sys.kept = new Uint8Array(length);
  return new Uint8Array(new BigUint64Array([Deno.UnsafePointer.value(Deno.UnsafePointer.of(kept)), BigInt(length)]).buffer);
};`;

function wrapped(code: string): string {
  return `async (at) => {${SYS}
    const late = new Promise((_, failed) => setTimeout(() => failed(new Error("HANGS")), ${WAY_MS}));
    const way = (async () => {${code}\n})();
    // Where an error hides why, its causes know.
    const told = (error, depth = 0) => error === undefined || depth > 3 ? "" :
      [error?.name, error?.code, error?.message ?? error, told(error?.cause, depth + 1)].filter(Boolean).join(": ");
    const value = await Promise.race([way, late]).catch((error) => { throw new Error(told(error)) });
    return typeof value === "string" ? value.slice(0, 100) : String(typeof value);
  }`;
}

/** What a refusal says, by the words of Deno, node and the kernel. */
export function answerOf({ ename, evalue }: Pick<ErrorBody, "ename" | "evalue">): Answer | undefined {
  const text = `${ename}: ${evalue}`;
  for (const [answer, words] of WORDS) if (words.test(text)) return answer;
  return undefined;
}

const WORDS: readonly (readonly [Answer, RegExp])[] = [
  ["refused", /NotCapable|Requires .* access/],
  ["EFBIG", /EFBIG|os error 27\b|File too large/],
  ["ENOSYS", /ENOSYS|os error 38\b/],
  ["EOPNOTSUPP", /EOPNOTSUPP|os error 95\b/],
  ["EPERM", /EPERM|os error 1\b|not permitted/i],
  ["EACCES", /EACCES|os error 13\b|Permission ?denied/i],
  [
    "unreached",
    /failed to connect|fetch failed|Command failed|NetworkError when|ECONNREFUSED|Error: -111$|connect UNKNOWN|query\w+ UNKNOWN/i,
  ],
  ["gone", /is not defined|is not a function|is not a constructor|of undefined/],
  [
    "unknown",
    /not a dependency|Cannot find|not found|ext: modules|Unsupported scheme|is specified|could not find|list of packages/i,
  ],
];

/** How the slots are started. */
export interface State {
  readonly command: readonly string[];
  readonly walls: Switches;
  readonly isCompiled: boolean;
  /** What they are granted; nothing if it is left out. */
  readonly grant?: Grantable;
}

/** The grant that an engine would make of it. */
function grantOf(grant: Grantable | undefined, outside: Outside): Grant {
  if (grant === undefined) return NO_GRANT;
  const places: Readonly<Record<string, string>> = {
    "$folder": outside.folders,
    "$socket": outside.socket,
    "$scratch": outside.granted,
  };
  const given = Object.fromEntries(
    Object.entries(grant).map(([name, values]) => [
      name,
      values === true ? true : values.map((value) => places[value] ?? value),
    ]),
  );
  const ceiling = readSet(given, "permissions");
  const options = { ceiling, sets: {}, isolation: "shared", sharing: "all", host: THIS_HOST } as const;
  const grants = new Grants(options);
  return grants.grantOf(grants.default, "");
}

/** Tries ways in the state; each slot takes as many as it lives for. */
export function tryWays(
  ways: readonly Way[],
  outside: Outside,
  { command, walls, isCompiled, grant }: State,
): { readonly attempts: readonly Attempt[]; readonly report: WallReport } {
  const given = grantOf(grant, outside);
  const start = () => {
    const slot = Slot.start({ ...SETTINGS, walls }, command, specialStart(given, isCompiled));
    return new SlotHost(slot, given).untilReady();
  };
  let host = start();
  const report = host.walls!;
  const attempts: Attempt[] = [];
  try {
    for (const way of ways) {
      if (host.end !== undefined || (way.isAlone && attempts.length > 0)) {
        host.slot.close();
        host = start();
      }
      attempts.push(tryWay(way, outside, host));
    }
  } finally {
    host.slot.close();
  }
  return { attempts, report };
}

function tryWay(way: Way, outside: Outside, host: SlotHost): Attempt {
  const targets = outside.targets();
  const before = fingerprint(targets.folder);
  const { answer, said } = runWay(way, targets, host);
  const isHarmed = answer !== "open" && fingerprint(targets.folder) !== before;
  return { way, answer, said, ...(isHarmed ? { harm: "files were changed" } : {}) };
}

function runWay(way: Way, targets: Targets, host: SlotHost): { answer: Answer | undefined; said: string } {
  const source = { kind: "function", source: wrapped(way.code), captures: {}, name: "way" };
  try {
    const { status, value } = host.answer(host.offerCall(host.defineText(source), { ...targets }));
    if (status === "ok") return { answer: "open", said: String(value) };
    const error = value as ErrorBody;
    return { answer: answerOf(error), said: `${error.ename}: ${error.evalue}` };
  } catch (error) {
    host.slot.close();
    host.end ??= { code: null, signal: null, reason: "killed by host", detail: String(error), lastWords: "" };
    return { answer: undefined, said: `${error} ${host.end.lastWords}` };
  }
}
