/** The store that keeps nothing (`--nodb`): clients still get their index, every question is answered with NoData. */

import { ClientTable } from "./client_table.ts";
import type { ClientCard, CommitReport, RecordStore, StoredRecord } from "./records.ts";
import { RequestError } from "./request_error.ts";

export class NoRecords implements RecordStore {
  readonly name = "none";
  readonly keepsFrames = false;
  readonly waiting = 0;
  readonly #clients = new ClientTable();

  clientIndex(session: string, pid: number, username: string): number {
    return this.#clients.index(session, pid, username);
  }

  client(index: number): ClientCard | undefined {
    return this.#clients.card(index);
  }

  nameOf(msgId: string): { client: number; n: number } | undefined {
    return this.#clients.nameOf(msgId);
  }

  engine(): void {}
  takeTasks(): void {}
  takeResults(): void {}
  takeChunk(): void {}
  put(): void {}
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

function noData(): RequestError {
  return new RequestError("NoData", "the controller was started without a database: no records are kept");
}
