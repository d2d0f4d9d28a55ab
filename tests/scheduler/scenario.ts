/**
 * Runs a conversation with the scheduler core that stands in a text file: commands, `----`, what the core wants done.
 *
 * `SCENARIOS=rewrite deno task test` writes what the core answers into the files; read the difference before you commit it.
 */
import { GroupReader } from "../../src/protocol/group_reader.ts";
import { GroupWriter } from "../../src/protocol/group_writer.ts";
import { emptyResult, emptyTask, KIND, OP, RESULT_FLAG, STATUS } from "../../src/protocol/groups.ts";
import { SchedulerCore } from "../../src/scheduler/core.ts";
import type { CoreOptions } from "../../src/scheduler/events.ts";
import { POLICIES, type Scheme } from "../../src/scheduler/policies.ts";
import { taskKey } from "../../src/scheduler/dependencies.ts";
import { readOffer } from "../../src/protocol/task_asks.ts";
import { readTaskOptions, type TaskNames } from "../../src/scheduler/task_options.ts";

const HEADER = { origin: 0, seq: 1, target: 0, nonce: 0n, acked: 0, committed: 0, window: 0 };
const NO_TAIL = new Uint8Array(0);
const unsigned = () => {};
const REFUSED = { status: STATUS.error, started: 0, unmet: "not met" };

class Conversation {
  #core = core({});
  #at = 0;

  /** Carries out one command and returns what it led to. */
  say(line: string): string[] {
    const [command = "", ...words] = line.trim().split(/\s+/);
    const rest = line.trim().slice(command.length).trim();
    switch (command) {
      case "options":
        this.#core = core(JSON.parse(rest));
        return [];
      case "engine":
        return this.#step({
          kind: "engine_registered",
          id: Number(words[0]),
          uuid: `uuid-${words[0]}`,
          offer: words[1] === "peer"
            ? null
            : readOffer(rest.includes("{") ? JSON.parse(rest.slice(rest.indexOf("{"))) : null),
          at: this.#at,
        });
      case "gone":
        return this.#step({
          kind: "engine_unregistered",
          id: Number(words[0]),
          reason: words.slice(1).join(" "),
          at: this.#at,
        });
      case "submit":
        return this.#submit(
          words[0]!,
          rest.includes("{") ? JSON.parse(rest.slice(rest.indexOf("{"))) : null,
          words[1] === "peer",
        );
      case "unmet":
        return this.#unmet(Number(words[0]), id(words[1]!));
      case "finish":
        return this.#finish(Number(words[0]), words[1]!, words[2] ?? "ok", Number(words[3] ?? 1));
      case "nothere":
        return this.#finish(Number(words[0]), words[1]!, "error", 1, words.slice(2).join(" "));
      case "cancel":
        return this.#step({
          kind: "cancel",
          ...id(words[0]!),
          waitingOnly: words[1] === "waiting",
          at: this.#at,
        });
      case "returned": {
        const seqs = words.slice(1).map((text) => {
          const { client, n } = id(text);
          return this.#core.seqOf(client, n);
        });
        return this.#step({ kind: "returned", engine: Number(words[0]), seqs, at: this.#at });
      }
      case "tick":
        this.#at = Number(words[0]);
        return this.#step({ kind: "tick", at: this.#at });
      case "waiting":
        return [
          `${this.#core.waiting} waiting, ${this.#core.table.open} open, ${this.#core.frames.bytes} bytes kept`,
        ];
      default:
        throw new Error(`Cannot understand "${line}"`);
    }
  }

  #step(event: Parameters<SchedulerCore["step"]>[0]): string[] {
    this.#core.step(event);
    return this.#drain();
  }

  /** A peer's engine refuses a task whose dependencies it does not meet. */
  #unmet(engine: number, { client, n }: { client: number; n: number }): string[] {
    const state = this.#core.engines.get(engine);
    if (state !== undefined) this.#core.unmet(state, this.#core.seqOf(client, n), REFUSED, this.#at);
    this.#core.dispatch(this.#at);
    return this.#drain();
  }

  /** @param isPeer as single messages of a peer, else as a group of a client of ours */
  #submit(what: string, options: unknown, isPeer: boolean): string[] {
    const { client, from, to } = range(what);
    const writer = new GroupWriter();
    for (let n = from; n <= to; n++) {
      writer.task(n, client, 0, OP.apply, 0, 0, 0, 0, this.#at, new Uint8Array(4));
    }
    const frame = writer.close({ ...HEADER, kind: KIND.tasks }, unsigned).slice();
    const reader = new GroupReader(), task = emptyTask();
    reader.open(frame);
    const kept = this.#core.frames.add(frame);
    const taken: string[] = [];
    for (let at = reader.offset; reader.task(task); at = reader.offset) {
      const read = options === null ? null : readTaskOptions(options, namesOf(client));
      const peer = isPeer ? { sent: 0 } : undefined;
      const answer = this.#core.submit(task, kept, at, reader.offset - at, read, this.#at, peer);
      if (answer !== "taken") taken.push(`${answer} ${client}.${task.n}`);
    }
    this.#core.frames.release(kept);
    this.#core.dispatch(this.#at);
    return [...taken, ...this.#drain()];
  }

  /** @param unmet the tasks say that they cannot run there, and why */
  #finish(engine: number, what: string, status: string, ms: number, unmet?: string): string[] {
    const tail = unmet === undefined ? NO_TAIL : new TextEncoder().encode(JSON.stringify({ unmet }));
    const flags = unmet === undefined ? 0 : RESULT_FLAG.tail | RESULT_FLAG.unmet;
    const { client, from, to } = range(what);
    const writer = new GroupWriter();
    for (let n = from; n <= to; n++) {
      const code = STATUS[status as keyof typeof STATUS];
      const seq = this.#core.seqOf(client, n);
      const body = new Uint8Array([0, 0, 0, 0, ...tail]);
      writer.result(n, client, code, flags, 0, engine, tail.length, seq, 0, 1000, 1000 + ms, body);
    }
    const frame = writer.close({ ...HEADER, kind: KIND.results }, unsigned).slice();
    const reader = new GroupReader();
    reader.open(frame);
    const verdicts = new Uint8Array(to - from + 1);
    this.#core.finish(engine, reader, emptyResult(), verdicts, this.#at);
    this.#core.dispatch(this.#at);
    const told = [...verdicts].map((verdict, i) => `${verdict > 0 ? "relay" : "drop"} ${client}.${from + i}`);
    return [...told, ...this.#drain()];
  }

  #drain(): string[] {
    const { output, table } = this.#core;
    const lines: string[] = [];
    for (let i = 0; i < output.count; i++) {
      const place = table.at(output.tasks[i]!);
      lines.push(`assign ${table.client[place]}.${table.n[place]} to ${output.engines[i]}`);
    }
    for (const action of output.actions) {
      switch (action.kind) {
        case "answer": {
          const status = Object.keys(STATUS)[action.status];
          lines.push(`answer ${action.client}.${action.n} ${status} ${action.ename}: ${action.evalue}`);
          break;
        }
        case "cancel":
          lines.push(
            `tell ${action.engine} to cancel ${action.client}.${action.n}${
              action.waitingOnly ? " if it waits" : ""
            }`,
          );
          break;
        case "recall":
          lines.push(`recall ${action.count} from ${action.engine}`);
          break;
        case "waits":
          break;
        case "release":
          lines.push(`release ${action.client}.${action.n}`);
      }
    }
    output.clear();
    return lines;
  }
}

function core(options: { policy?: Scheme; hwm?: number; random?: number }): SchedulerCore {
  const made: CoreOptions = {
    policy: POLICIES[options.policy ?? "leastload"],
    hwm: options.hwm ?? null,
    graceMs: [100, 5000],
    random: () => options.random ?? 0,
  };
  return new SchedulerCore(made);
}

/** "1.3" → client 1, task 3. */
function id(text: string): { client: number; n: number } {
  const [client, n] = text.split(".");
  return { client: Number(client), n: Number(n) };
}

/** "1.3-5" → client 1, tasks 3 to 5. */
function range(text: string): { client: number; from: number; to: number } {
  const [client = "", ns = ""] = text.split(".");
  const [from = "", to = from] = ns.split("-");
  return { client: Number(client), from: Number(from), to: Number(to) };
}

/** Plays a file's conversation anew and returns the file as it would be. */
export function play(text: string): string {
  const conversation = new Conversation();
  const played: string[] = [];
  let isAnswer = false;
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("#") || line.trim() === "") {
      isAnswer = false;
      played.push(line);
    } else if (line === "----") isAnswer = true;
    else if (!isAnswer) played.push(line, "----", ...conversation.say(line));
  }
  return `${played.join("\n")}\n`;
}

/** Tasks are named by their count. */
function namesOf(client: number): TaskNames {
  return {
    key: (id) => typeof id === "number" ? taskKey(client, id) : undefined,
    text: (id) => `'${id}'`,
  };
}
