import { createLogger } from "../../src/base/log.ts";
import type { RecordContext } from "../../src/hub/records.ts";
import { MongoRecords } from "../../src/hub/records_mongodb.ts";
import { freshDatabase, isWithoutMongo, MongoServer } from "../contracts/mongo_server.ts";
import { testRecordQueries } from "../contracts/record_queries.ts";
import { testRecords } from "../contracts/records.ts";

const NAME = "MongoRecords (needs TSPARALLEL_TOOLS)";
const lines: string[] = [];
const log = createLogger({ level: "debug", write: (line) => lines.push(line) });

async function opened(context: RecordContext, database = freshDatabase()): Promise<MongoRecords> {
  const store = new MongoRecords(context, { url: MongoServer.shared().url, database }, log);
  await store.open();
  return store;
}

testRecords(NAME, (context) => opened(context), { ignore: isWithoutMongo });
testRecordQueries(NAME, (context) => opened(context), { ignore: isWithoutMongo, runs: 15 });
