/** Which store the options ask for. */

import type { Logger } from "../base/log.ts";
import type { HubOptions } from "./options.ts";
import type { RecordContext, RecordStore } from "./records.ts";
import { MemoryRecords } from "./records_memory.ts";
import { MongoRecords } from "./records_mongodb.ts";
import { NoRecords } from "./records_none.ts";
import { SqliteRecords } from "./records_sqlite.ts";

/**
 * Opens the record store; where it has an `open()`, that has to be awaited before anything is asked.
 * @throws Error if the database cannot be used; the text names its file
 */
export function openRecords(options: HubOptions, context: RecordContext, log: Logger): RecordStore {
  const { database = "sqlite", profileDir, clusterId = "", durability } = options;
  const file = options.databaseFile ??
    `${profileDir}/tsparallel${clusterId === "" ? "" : `-${clusterId}`}.db`;
  const mongoDatabase = options.mongoDatabase ?? databaseName(clusterId);
  const store = openStore(database, file);
  const where = database === "sqlite" ? { file } : database === "mongodb" ? { database: mongoDatabase } : {};
  log.info(`Hub using DB backend: '${store.name}'`, where);
  return store;

  function openStore(kind: typeof database, file: string): RecordStore {
    switch (kind) {
      case "none":
        return new NoRecords();
      case "memory":
        return new MemoryRecords(context, { maxRecords: options.recordLimit, maxBytes: options.recordBytes });
      case "sqlite":
        return new SqliteRecords(context, { file, durability });
      case "mongodb": {
        const url = options.mongoUrl ?? "mongodb://127.0.0.1:27017";
        return new MongoRecords(context, { url, database: mongoDatabase }, log);
      }
    }
  }
}

/** One database per cluster id, named as ipyparallel's is; what MongoDB forbids in a name is replaced. */
function databaseName(clusterId: string): string {
  return `ipython-tasks${clusterId === "" ? "" : `-${clusterId}`}`.replace(/[/\\. "$*<>:|?\0]/g, "_").slice(
    0,
    63,
  );
}
