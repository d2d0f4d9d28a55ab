/**
 * The store that keeps nothing (`--nodb`): clients still get their index, and it is known which tasks have ended; every question for
 * a record is answered with NoData.
 */

import { GroupReader } from "../protocol/group_reader.ts";
import { emptyResult } from "../protocol/groups.ts";
import { ClientTable } from "./client_table.ts";
import { FinishedTasks } from "./finished_tasks.ts";
import {
  type CommitReport,
  msgIdOf,
  type PeerFields,
  type RecordStore,
  type StoredRecord,
} from "./records.ts";
import { RequestError } from "./request_error.ts";

export class NoRecords implements RecordStore {
  readonly name = "none";
  readonly keepsFrames = false;
  readonly waiting = 0;
  readonly clients = new ClientTable();
  readonly #engines = new Map<number, string>();
  readonly #tasks = new FinishedTasks();
  readonly #group = new GroupReader();

  /** What is known of ended tasks nevertheless. */
  readonly finished = {
    has: (msgId: string): boolean => {
      const name = this.clients.nameOf(msgId);
      return this.#tasks.hasPeer(msgId) || (name !== undefined && this.#tasks.hasGroup(name.client, name.n));
    },
    at: (engine: string): string[] => {
      const groups = [...this.#tasks.groupsOf(engine)].flatMap(([client, n]) => {
        const card = this.clients.card(client);
        return card ? msgIdOf(card, n) : [];
      });
      return [...this.#tasks.peersOf(engine), ...groups];
    },
  };

  engine(id: number, uuid: string): void {
    this.#engines.set(id, uuid);
  }

  takeTasks(): void {}

  takeResults(frame: Uint8Array): void {
    this.#group.open(frame);
    const result = emptyResult();
    while (this.#group.result(result)) {
      this.#tasks.addGroup(result.client, result.n, this.#engines.get(result.engine) ?? "");
    }
  }

  takeChunk(): void {}

  put(msgId: string, fields: PeerFields): void {
    if (typeof fields.completed !== "number") return;
    const engine = fields.engine_uuid ?? fields.result_metadata?.["engine"];
    this.#tasks.addPeer(msgId, typeof engine === "string" ? engine : "");
  }

  output(): void {}
  await(): void {}

  commit(): CommitReport {
    return { kind: "committed" };
  }

  get(): StoredRecord | undefined {
    throw noData();
  }

  find(): StoredRecord[] {
    throw noData();
  }

  history(): string[] {
    throw noData();
  }

  drop(): void {}
  dropFinished(): void {}
  close(): void {}
}

/** The refusal of every question for a record. */
export function noData(): RequestError {
  return new RequestError("NoData", "the controller was started without a database: no records are kept");
}
