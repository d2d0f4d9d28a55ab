/** ipcontroller's and ipengine's command lines in our flags. */
import assert from "node:assert/strict";
import { ownArguments, unmappedLine } from "../../src/cli/peer_arguments.ts";
import { IPCONTROLLER, IPENGINE } from "../../src/cli/peer_program.ts";
import { CONTROLLER_TRAITS, ENGINE_TRAITS, meaningOf } from "../../src/cli/traits.ts";
import { CONTROLLER_OPTIONS } from "../../src/controller/options.ts";
import { ENGINE_OPTIONS } from "../../src/engine/options.ts";
import { flagName, OptionError } from "../../src/base/options.ts";

function controller(line: string): readonly string[] {
  return ownArguments(line.split(" "), IPCONTROLLER.spellings).args;
}

const LINES: readonly (readonly [string, string])[] = [
  ["--ping=250", "--ping-ms=250"],
  ["--ping 250", "--ping-ms 250"],
  ["--profile=x --log-level=10 --cluster-id=a", "--profile=x --log-level=10 --cluster-id=a"],
  ["--dictdb", "--database=memory"],
  ["--sqlitedb", "--database=sqlite"],
  ["--mongodb", "--database=mongodb"],
  ["--nodb", "--database=none"],
  ["--usethreads --init --create --secure", ""],
  ["--no-secure", "--key= --keyfile="],
  ["--quiet", "--log-level=critical"],
  ["--log-to-file", "--log-to-file"],
  ["--log-to-file=True", "--log-to-file"],
  ["--log-to-file=False", "--no-log-to-file"],
  ["--HeartMonitor.period=200", "--ping-ms=200"],
  ["--HeartMonitor.period 200", "--ping-ms=200"],
  ["--HeartMonitor.max_heartmonitor_misses=3", "--heartbeat-misses=3"],
  ["--TaskScheduler.scheme_name='lru'", "--scheme=lru"],
  ["--TaskScheduler.hwm=0", "--hwm=0"],
  ["--IPController.ports=10101-10120", "--ports=10101-10120"],
  ["--IPController.ports=[10101,10102]", "--ports=10101,10102"],
  ["--IPController.ports=range(5,8)", "--ports=5,6,7"],
  ["--IPController.reuse_files=True", "--reuse"],
  ["--IPController.reuse_files=false", "--no-reuse"],
  ["--IPController.reuse_files", "--reuse"],
  ["--IPController.restore_engines=1", "--restore"],
  ["--IPController.db_class=ipyparallel.controller.sqlitedb.SQLiteDB", "--database=sqlite"],
  ["--IPController.db_class=NoDB", "--database=none"],
  ["--IPController.registration_timeout=40", "--registration-timeout-ms=40000"],
  ["--IPController.enable_curve=True", "--enable-curve"],
  ["--HubFactory.ip=*", "--ip=*"],
  ["--IPController.broadcast_scheduler_depth=2", "--broadcast-depth=2"],
  ["--Session.key=b'abc'", "--key=abc"],
  ["--Session.packer=json", "--packer=json"],
  ["--Session.packer=orjson", "--packer=json"],
  ["--Session.packer=jupyter_client.session.json_packer", "--packer=json"],
  ["--Session.packer=msgpack.packb", "--packer=msgpack"],
  ["--Session.packer=pickle", "--packer=pickle"],
  ["--Session.username=u --Session.session=s", "--user=u --ident=s"],
  ["--ProfileDir.location=/tmp/p", "--profile-dir=/tmp/p"],
  ["--BaseParallelApplication.cluster_id=q", "--cluster-id=q"],
  ["--BaseParallelApplication.work_dir=/tmp", "--work-dir=/tmp"],
  ["--Application.log_level=DEBUG", "--log-level=DEBUG"],
  ["--DictDB.size_limit=1073741824", "--record-mb=1024"],
  ["--DictDB.record_limit=5", "--record-limit=5"],
  ["--SQLiteDB.filename=x.db", "--database-file=x.db"],
  ["--MongoDB.database=d", "--mongo-database=d"],
  ["--BaseIPythonApplication.auto_create=True", ""],
  ["--IPController.use_threads=True", ""],
  ["--ip=1.2.3.4 -- --ping=1", "--ip=1.2.3.4 -- --ping=1"],
];

Deno.test("ipcontroller's flags and traits become ours", () => {
  for (const [given, expected] of LINES) assert.equal(controller(given).join(" "), expected, given);
});

Deno.test("what has no counterpart is named, with the nearest that has one", () => {
  const { args, unmapped } = ownArguments(
    ["--Session.copy_threshold=1", "--IPController.prots", "1", "--Nothing.here=x", "--log-url=tcp://x:1"],
    IPCONTROLLER.spellings,
  );
  assert.deepEqual(args, []);
  assert.deepEqual(unmapped, [
    "--Session.copy_threshold",
    '--IPController.prots (did you mean "IPController.ports"?)',
    "--Nothing.here",
    "--log-url",
  ]);
  assert.match(
    unmappedLine(unmapped, "ipcontroller") ?? "",
    /^These settings of ipcontroller have no .*--log-url$/,
  );
  assert.equal(unmappedLine([], "ipcontroller"), undefined);
});

Deno.test("values that a trait does not take are refused in the user's own words", () => {
  for (
    const [word, expected] of [
      [
        "--IPController.reuse_files=perhaps",
        /"perhaps" for "--IPController.reuse_files": it takes True or False/,
      ],
      [
        "--IPController.registration_timeout=soon",
        /"soon" for "--IPController.registration_timeout": it takes a number/,
      ],
      ["--log-to-file=maybe", /"maybe" for "--log-to-file": it takes True or False/],
    ] as const
  ) {
    assert.throws(
      () => ownArguments([word], IPCONTROLLER.spellings),
      (error) => error instanceof OptionError && expected.test(error.message),
      word,
    );
  }
});

Deno.test("names of flags go to the errors of the options that they stand for", () => {
  const { names } = ownArguments(["--ping=1", "--TaskScheduler.hwm=2"], IPCONTROLLER.spellings);
  assert.deepEqual([...names], [["--ping-ms", "--ping"], ["--hwm", "--TaskScheduler.hwm"]]);
});

Deno.test("ipengine's flags become ours", () => {
  const { args, unmapped } = ownArguments(
    [
      "--timeout=10",
      "--IPEngine.url_file=/f",
      "--IPEngine.id=3",
      "-c",
      "a=1",
      "--IPEngine.max_heartbeat_misses=0",
    ],
    IPENGINE.spellings,
  );
  assert.deepEqual(args, ["--timeout-ms=10000", "--file=/f", "--id=3", "--heartbeat-misses=0"]);
  assert.deepEqual(unmapped, ["-c"]);
});

/** Flags that are no options of a table: of the run itself. */
const RUN_FLAGS = new Set([
  "",
  "--log-level",
  "--log-to-file",
  "--clean-logs",
  "--work-dir",
  "--cluster-id",
  "--profile",
  "--ipython-dir",
  "--config",
  "--profile-dir",
]);
const ENGINE_FLAGS = new Set(["--file", "--url", "--location", "--id", "--mpi"]);

Deno.test("every row of the tables leads to a flag that there is", () => {
  const flags = (table: object) => new Set(Object.keys(table).map(flagName));
  const controllers = flags(CONTROLLER_OPTIONS), engines = flags(ENGINE_OPTIONS);
  for (const [, trait, flag] of CONTROLLER_TRAITS) {
    assert(RUN_FLAGS.has(flag) || controllers.has(flag), `${trait}: ${flag}`);
  }
  for (const [, trait, flag] of ENGINE_TRAITS) {
    assert(RUN_FLAGS.has(flag) || ENGINE_FLAGS.has(flag) || engines.has(flag), `${trait}: ${flag}`);
  }
});

Deno.test("a trait that holds anyway is fine; another value of it is named", () => {
  const kind = (value: string) => meaningOf(CONTROLLER_TRAITS, "Session.signature_scheme", value, "x").kind;
  assert.equal(kind("hmac-sha256"), "holds");
  assert.equal(kind("hmac-md5"), "unknown");
});
