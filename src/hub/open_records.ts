/** Which store the options ask for. */

import type { Logger } from "../base/log.ts";
import type { HubOptions } from "./options.ts";
import type { RecordContext, RecordStore } from "./records.ts";
import { MemoryRecords } from "./records_memory.ts";
import { NoRecords } from "./records_none.ts";
import { SqliteRecords } from "./records_sqlite.ts";

/**
 * Opens the record store.
 * @throws Error if the database cannot be used; the text names its file
 */
export function openRecords(options: HubOptions, context: RecordContext, log: Logger): RecordStore {
  const { database = "sqlite", profileDir, clusterId = "", durability } = options;
  const file = options.databaseFile ??
    `${profileDir}/tsparallel${clusterId === "" ? "" : `-${clusterId}`}.db`;
  const store = openStore(database, file);
  log.info(`Hub using DB backend: '${store.name}'`, database === "sqlite" ? { file } : {});
  return store;

  function openStore(kind: typeof database, file: string): RecordStore {
    switch (kind) {
      case "none":
        return new NoRecords();
      case "memory":
        return new MemoryRecords(context);
      case "sqlite":
        return new SqliteRecords(context, { file, durability });
    }
  }
}
