/**
 * The engine's core as text conversations: `> what happens`, then `< what comes of it`, line by line. The slot is played by a set of states;
 * a word may change there before the core hears of it.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { EngineCore } from "../../src/engine/core.ts";
import type { CoreOptions } from "../../src/engine/core_types.ts";
import type { LaneKey } from "../../src/engine/lanes.ts";
import { NO_LIMITS } from "../../src/engine/task_limits.ts";
import { emptyTask, STATUS } from "../../src/protocol/groups.ts";

const STATUS_NAME = Object.fromEntries(Object.entries(STATUS).map(([name, value]) => [value, name]));
/** Keys of the conversations: 0 is the engine's own; 1, 2, … share a process among their tasks, 10 and more have one for each, 20 and more a Worker. */
const KEYS: readonly LaneKey[] = Array.from({ length: 30 }, (_, number) => ({
  number,
  isolation: number >= 20 ? "worker" : number >= 10 ? "process" : "shared",
}));

function optionsOf(options: Partial<CoreOptions>): CoreOptions {
  return {
    key: KEYS[0]!,
    limits: NO_LIMITS,
    maxChildren: 4,
    tasksPerChild: Infinity,
    cancelGraceMs: 250,
    ...options,
  };
}

/** A core with a played slot. */
class Stage {
  core = new EngineCore(optionsOf({}));
  at = 1000;
  readonly out: string[] = [];
  readonly tickets = new Map<number, number>();
  readonly ns = new Map<number, number>();
  /** What the slot has, in order: offered or begun. */
  readonly slot = new Map<number, "offered" | "begun">();
  /** Tasks whose child was killed for them, and is not dead yet. */
  readonly dying: number[] = [];
  /** Tasks that look at their signal. */
  readonly looking = new Set<number>();

  say(line: string): string[] {
    const [verb = "", ...words] = line.split(" ");
    const numbers = words.filter((word) => /^\d+(\.\.\d+)?$/.test(word)).flatMap(range);
    const options = Object.fromEntries(
      words.filter((word) => word.includes("=")).map((word) => word.split("=")),
    );
    this.#do(verb, numbers, options, words);
    this.pump();
    return this.out.splice(0);
  }

  #do(verb: string, numbers: number[], options: Record<string, string>, words: string[]): void {
    const { core, at } = this;
    const [first = 0, second = 0] = numbers;
    switch (verb) {
      case "engine":
        this.core = new EngineCore(optionsOf({
          key: KEYS[words.includes("process") ? 10 : words.includes("worker") ? 20 : 0]!,
          limits: { ...NO_LIMITS, runTimeoutMs: Number(options["run"] ?? Infinity) },
          maxChildren: Number(options["children"] ?? 4),
          tasksPerChild: Number(options["tasks"] ?? Infinity),
        }));
        return;
      case "at":
        this.at = 1000 + first;
        return core.step({ kind: "tick", at: this.at });
      case "ready":
        return core.step({ kind: "child_ready", lane: this.#lane(options), at });
      case "add":
        for (const n of numbers) this.#add(n, !words.includes("direct"), options);
        return;
      case "told":
        return core.pace.told(first, second);
      case "begin":
        this.slot.set(first, "begun");
        return;
      case "start":
        this.slot.set(first, "begun");
        return core.started(this.tickets.get(first)!, at);
      case "finish":
        for (const n of numbers) this.#finish(n, options);
        return;
      case "ended":
        return this.#ended(this.#lane(options), words.filter((word) => !word.startsWith("key=")).join(" "));
      case "look":
        this.looking.add(first);
        return;
      case "cancel":
      case "abort": {
        const names = numbers.map((n) => ({ client: 1, n, waitingOnly: verb === "abort" }));
        return core.step({ kind: "cancel", names, at });
      }
      case "recall":
        return core.step({ kind: "recall", count: first, at });
      case "memory":
        return core.step({ kind: "usage", bytes: first * 2 ** 20, cpuMs: 0, at });
      case "cpu":
        return core.step({ kind: "usage", bytes: 0, cpuMs: first, at });
      case "interrupt":
        return core.step({ kind: "interrupt", how: "a test", at });
      case "restart":
        return core.step({ kind: "restart", at });
      case "forget":
        return core.step({ kind: "forget", at });
      case "leave":
        return core.step({ kind: "leave", reason: "it was told to", at });
      case "epoch":
        this.out.push(`epoch ${core.lanes.at(this.#lane(options)).child.epoch}`);
        return;
      default:
        throw new Error(`Cannot play "${verb}"`);
    }
  }

  #add(n: number, isScheduled: boolean, options: Record<string, string>): void {
    const { core } = this;
    const frame = core.frames.add(new Uint8Array(8));
    const given = (name: string) => Number(options[name] ?? Infinity);
    const limits = {
      runTimeoutMs: given("run"),
      deadlineMs: given("deadline"),
      cpuLimitMs: given("cpu"),
      memoryLimitMB: given("mem"),
      outputLimitBytes: Infinity,
      resultLimitBytes: given("result"),
    };
    const isAlone = options["alone"] === "yes";
    const isPlain = Object.values(limits).every((limit) => limit === Infinity) && !isAlone;
    const rare = isPlain ? null : { limits, submitted: this.at, pieces: null, isAlone, peer: undefined };
    const record = { ...emptyTask(), n, client: 1, seq: n };
    const key = options["key"] === undefined ? undefined : KEYS[Number(options["key"])];
    const ticket = core.add(record, frame, 1, isScheduled, 0, rare, key);
    this.tickets.set(n, ticket);
    this.ns.set(ticket, n);
  }

  /** Number of the lane of a key that is named, else of the engine's own. */
  #lane({ key }: Record<string, string>): number {
    return key === undefined ? 0 : this.core.lanes.of(KEYS[Number(key)]!).number;
  }

  /** How lanes are called: nothing where it is the engine's own. */
  #keyText(lane: number): string {
    return lane === 0 ? "" : ` key ${this.core.lanes.at(lane).key.number}`;
  }

  /** Words that name the key whose turn it is. */
  get keyOfCurrent(): string {
    const { key } = this.core.lanes.current;
    return key.number === 0 ? "" : ` key=${key.number}`;
  }

  #finish(n: number, options: Record<string, string>): void {
    const ms = Number(options["ms"] ?? 100);
    const ticket = this.tickets.get(n)!;
    if (!this.slot.delete(n)) throw new Error(`Task ${n} is not in the slot`);
    this.core.started(ticket, this.at);
    const value = Number(options["large"] ?? 0), max = 1000;
    const hit = value === 0 ? null : { limit: "result", value, max } as const;
    const isSent = this.core.finish(ticket, this.at, this.at + ms, hit);
    this.out.push(`${isSent ? "send" : "drop"} ${n}`);
    this.core.release(ticket);
  }

  #ended(lane: number, detail: string): void {
    const isWorking = lane === this.core.lanes.current.number && this.dying.length === 0;
    const begun = [...this.slot].filter(([, state]) => isWorking && state === "begun");
    const started = begun.map(([n]) => this.tickets.get(n)!);
    if (isWorking) this.slot.clear();
    const memoryMB = detail === "out of memory" ? 900 : null;
    const killedFor = this.dying.shift();
    const end = { started, memoryMB, detail, endedBy: "exit", code: 3, signal: null } as const;
    if (killedFor === undefined) this.core.step({ kind: "child_ended", lane, end, at: this.at });
    else this.core.step({ kind: "child_killed", ticket: killedFor, end, at: this.at });
  }

  /** What the shell does after each event. */
  pump(): void {
    const { core, out } = this;
    this.#act();
    for (let ticket = core.next(); ticket !== 0; ticket = core.next()) {
      this.#act();
      core.handed();
      const n = this.ns.get(ticket)!;
      this.slot.set(n, "offered");
      out.push(`hand ${n}`);
    }
  }

  #act(): void {
    const { core, out } = this;
    for (let i = 0; i < core.actions.length; i++) {
      const action = core.actions[i]!;
      switch (action.kind) {
        case "start_child":
          out.push(`start child${this.#keyText(action.lane)}`);
          break;
        case "retire":
          out.push(`retire${this.#keyText(action.lane)}`);
          break;
        case "turn":
          out.push(`turn${this.#keyText(action.to) || " key 0"}`);
          break;
        case "signal": {
          const n = this.ns.get(action.ticket)!;
          out.push(`signal ${n}`);
          core.signalled(action.ticket, this.looking.has(n), this.at);
          break;
        }
        case "returned":
          out.push(`returned ${action.n}`);
          break;
        case "answer":
          out.push(`answer ${action.n} ${STATUS_NAME[action.status]} ${action.ename}: ${action.evalue}`);
          break;
        case "interrupt":
          out.push(`interrupt ${this.ns.get(action.ticket)}`);
          break;
        case "withdraw": {
          const n = this.ns.get(action.ticket)!;
          const isBack = this.slot.get(n) === "offered";
          if (isBack) this.slot.delete(n);
          out.push(`withdraw ${n} ${isBack ? "back" : "too late"}`);
          core.withdrawn(action.ticket, isBack);
          break;
        }
        case "kill": {
          // The last look: words that have changed are heard now.
          for (const [n, state] of this.slot) {
            if (state === "begun") core.started(this.tickets.get(n)!, this.at);
          }
          const what = action.ticket === 0 ? "" : ` for ${this.ns.get(action.ticket)}`;
          const isKilled = core.confirmKill(action.ticket, action.lane);
          if (isKilled && action.ticket !== 0) {
            this.slot.clear();
            this.dying.push(action.ticket);
          }
          out.push(`${isKilled ? "kill" : "spare"}${what}${this.#keyText(action.lane)}`);
        }
      }
    }
    core.actions.length = 0;
  }
}

function range(word: string): number[] {
  const [from = 0, to = from] = word.split("..").map(Number);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Plays a conversation and returns it with what really came. */
function play(text: string): string {
  const stage = new Stage();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("< ")) continue;
    lines.push(line);
    if (line.startsWith("> ")) {
      for (const said of stage.say(line.slice(2).trim())) lines.push(`< ${said}`);
    }
  }
  return lines.join("\n");
}

const folder = new URL("../scenarios/engine/", import.meta.url);
for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name.localeCompare(b.name))) {
  if (!name.endsWith(".txt")) continue;
  Deno.test(`core, scenario ${name.replace(".txt", "").replaceAll("_", " ")}`, () => {
    const text = Deno.readTextFileSync(new URL(name, folder));
    const played = play(text);
    if (Deno.env.get("WRITE_SCENARIOS") === "1") Deno.writeTextFileSync(new URL(name, folder), played);
    else assert.equal(played, text);
  });
}

/** Whatever happens in whatever order, each task ends exactly once, and none that has started is handed again. */
Deno.test("core: every task ends once, whatever happens", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("add"), k: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      kind: fc.constantFrom(
        "begin",
        "start",
        "finish",
        "cancel",
        "abort",
        "recall",
        "ended",
        "interrupt",
        "restart",
        "tick",
      ),
      k: fc.integer({ min: 0, max: 9 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, isProcess) => {
      const stage = new Stage();
      stage.say(isProcess ? "engine process" : "engine shared children=2");
      const ends = new Map<number, number>(), begun = new Set<number>();
      let last = 0;
      const hear = (lines: string[]) => {
        for (const line of lines) {
          const [verb, word] = line.split(" ");
          const n = Number(word);
          if (verb === "send" || verb === "answer" || verb === "returned") {
            ends.set(n, (ends.get(n) ?? 0) + 1);
          }
          if (verb === "hand") assert.ok(!begun.has(n), `task ${n} was handed again after it had begun`);
          if (verb === "returned") assert.ok(!begun.has(n), `task ${n} was returned after it had begun`);
          const key = / key (\d+)/.exec(line);
          const which = key === null ? "" : ` key=${key[1]}`;
          if (verb === "kill") hear(stage.say(`ended killed${which}`));
          if (line.startsWith("start child")) hear(stage.say(`ready${which}`));
        }
      };
      const tell = (line: string) => hear(stage.say(line));
      const go = () => tell(`at ${stage.at - 1000 + 10_000}`);
      tell("told 0 1000");
      go();
      for (const { kind, k } of steps) {
        const inSlot = [...stage.slot.keys()];
        const first = inSlot[0];
        if (kind === "add") {
          const key = isProcess ? "" : [" ", " key=1", " key=11", " key=2"][k % 4];
          for (let i = 0; i < k; i++) tell(`add ${++last}${key}`);
        } else if (kind === "cancel" || kind === "abort") tell(`${kind} ${Math.max(1, last - k)}`);
        else if (kind === "recall") tell(`recall ${k}`);
        else if (kind === "tick") go();
        else if (kind === "ended") tell(`ended crash${stage.keyOfCurrent}`);
        else if (kind === "interrupt" || kind === "restart") tell(kind);
        else if (first !== undefined) {
          begun.add(first);
          tell(`${kind} ${first}`);
        }
      }
      for (let i = 0; i < 10_000 && stage.core.table.open > 0; i++) {
        const first = [...stage.slot.keys()][0];
        if (first === undefined) go();
        else {
          begun.add(first);
          tell(`finish ${first}`);
        }
      }
      for (let n = 1; n <= last; n++) {
        assert.equal(ends.get(n), 1, `task ${n} ended ${ends.get(n) ?? 0} times`);
      }
      assert.equal(stage.core.table.open, 0);
      assert.equal(stage.core.frames.count, 0);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("core: a group costs little", () => {
  const stage = new Stage();
  const { core } = stage;
  core.step({ kind: "tick", at: 1 });
  core.actions.length = 0;
  core.step({ kind: "child_ready", lane: 0, at: 2 });
  core.pace.told(0, 0x7fff_ffff);
  const record = { ...emptyTask(), client: 1, bodyLength: 8 };
  const began = performance.now();
  let done = 0;
  for (let group = 0; group < 400; group++) {
    const frame = core.frames.add(new Uint8Array(0));
    for (let i = 0; i < 500; i++) {
      record.n = record.seq = group * 500 + i + 1;
      core.add(record, frame, 1, true, 0, null);
    }
    for (let ticket = core.next(); ticket !== 0; ticket = core.next()) {
      core.handed();
      core.started(ticket, 3);
      core.finish(ticket, 3, 3);
      core.release(ticket);
      done++;
    }
  }
  const microseconds = (performance.now() - began) * 1000 / done;
  assert.equal(done, 200_000);
  assert.ok(microseconds < 5, `${microseconds.toFixed(2)} µs a task`);
});
