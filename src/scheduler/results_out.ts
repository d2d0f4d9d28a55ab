/**
 * Results on their way to clients that are not passed on as they came: parts of an engine's group, those of second tries, and the scheduler's own answers.
 */
import { now } from "../base/clock.ts";
import { GroupReader } from "../protocol/group_reader.ts";
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, emptyResult, KIND } from "../protocol/groups.ts";
import type { ClientEnds } from "./client_ends.ts";
import type { SchedulerCore } from "./core.ts";
import { type EngineEnds, seal, type Sealing } from "./engine_ends.ts";
import type { HubLink } from "./hub_link.ts";
import { type Answer, writeAnswer } from "./own_answers.ts";
import { copyWithTries } from "./tries.ts";

export interface ResultsOutParts {
  readonly clients: ClientEnds;
  readonly engines: EngineEnds;
  readonly core: SchedulerCore;
  readonly link: HubLink;
  readonly sealing: Sealing;
}

export class ResultsOut {
  readonly #parts: ResultsOutParts;
  readonly #reader = new GroupReader();
  readonly #result = emptyResult();
  readonly #scratch = new GroupWriter(1 << 10);

  constructor(parts: ResultsOutParts) {
    this.#parts = parts;
  }

  /** Passes on the results that are to be relayed, client by client. @param verdicts the number of tries of each, 0: not this one */
  relay(frame: Uint8Array, verdicts: Uint8Array): void {
    const reader = this.#reader, result = this.#result;
    reader.open(frame);
    for (let i = 0, from = reader.offset; reader.result(result); i++, from = reader.offset) {
      const tries = verdicts[i]!;
      if (tries === 0) continue;
      this.#write(result.client, (to) => {
        const attempts = this.#parts.core.attempts.get(i);
        if (attempts === undefined) to.copy(frame, from, reader.offset - from);
        else copyWithTries(to, frame, result, tries, attempts);
      });
    }
  }

  /** Answers a task in an engine's place. */
  answer(answer: Answer): void {
    const uuid = this.#parts.engines.get(answer.engine)?.uuid;
    this.#write(answer.client, (writer) => writeAnswer(writer, answer, uuid, now()));
  }

  /** Of a client that has never spoken to this run, its record keeps the result. */
  #write(client: number, write: (writer: GroupWriter) => void): void {
    const { clients, link, sealing } = this.#parts;
    const writer = clients.answersTo(client);
    if (writer !== null) return write(writer);
    this.#scratch.reset();
    write(this.#scratch);
    link.send("results", [seal(sealing, this.#scratch, { kind: KIND.results, target: ANY })]);
  }
}
