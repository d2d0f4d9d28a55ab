import { createLogger } from "../../src/base/log.ts";
import { MongoRecords } from "../../src/hub/records_mongodb.ts";
import { freshDatabase, isWithoutMongo, MongoServer } from "../contracts/mongo_server.ts";
import { testRecords } from "../contracts/records.ts";

testRecords("MongoRecords (needs TSPARALLEL_TOOLS)", async (context) => {
  const { url } = MongoServer.shared();
  const log = createLogger({ level: "debug", write: () => {} });
  const store = new MongoRecords(context, { url, database: freshDatabase() }, log);
  await store.open();
  return store;
}, { ignore: isWithoutMongo });
