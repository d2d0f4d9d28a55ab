/** Every setting of hub and schedulers is an option of a profile's section, or has a reason here for being none. What a new one is, the compiler asks. */
import assert from "node:assert/strict";
import type { EngineHostOptions } from "../../src/engine/host_options.ts";
import { ENGINE_OPTIONS } from "../../src/engine/options.ts";
import { CONTROLLER_OPTIONS } from "../../src/controller/options.ts";
import type { HubOptions } from "../../src/hub/options.ts";
import type { SchedulerSetup } from "../../src/scheduler/options.ts";

type Option = keyof typeof CONTROLLER_OPTIONS;
/** An option, several, or a reason in parentheses. */
type Source = Option | readonly Option[] | `(${string})`;

const RUN = "(which run: --profile, --profile-dir, --cluster-id)";

const HUB: Readonly<Record<keyof HubOptions, Source>> = {
  profileDir: RUN,
  clusterId: RUN,
  key: ["key", "keyfile"],
  clientInterface: ["ip", "clientIp", "transport", "clientTransport"],
  engineInterface: ["ip", "engineIp", "transport", "engineTransport"],
  location: "location",
  ports: ["port", "ports", "clientPorts", "enginePorts"],
  clientSsh: "ssh",
  engineSsh: "enginessh",
  heartbeatPeriodMs: "pingMs",
  maxMisses: "heartbeatMisses",
  registrationTimeoutMs: "registrationTimeoutMs",
  scheme: "scheme",
  broadcastDepth: "broadcastDepth",
  hwm: "hwm",
  database: "database",
  databaseFile: ["databaseFile", "databaseDir"],
  durability: "durability",
  mongoUrl: "mongoUrl",
  mongoDatabase: "mongoDatabase",
  recordLimit: "recordLimit",
  recordBytes: "recordMB",
  curve: ["enableCurve", "curveKeyFile", "curveSecretKey", "curvePublicKey"],
  policy: "policy",
  restore: "restore",
  session: "ident",
  username: "user",
  dask: "python",
  reuse: "reuse",
  packer: "packer",
  unpacker: "packer",
  schedulerTimeoutMs:
    "(the schedulers are started by the controller itself, or by hand and awaited for ten minutes)",
};

const SCHEDULER: Readonly<Record<keyof SchedulerSetup, Source>> = {
  clientInterface: HUB.clientInterface,
  engineInterface: HUB.engineInterface,
  ports: HUB.ports,
  nonce: "(made anew for each connection to the hub)",
  key: HUB.key,
  curveSecretKey: HUB.curve,
  curvePublicKey: HUB.curve,
  policy: "policy",
  scheme: "scheme",
  broadcastDepth: "broadcastDepth",
  hwm: "hwm",
  packer: "packer",
};

const WHERE = "(one process's own: --file, --url, IPP_CONNECTION_INFO, which run)";

/** What engine hosts are told beside their options. */
const ENGINE: Readonly<
  Record<
    Exclude<keyof EngineHostOptions, keyof typeof ENGINE_OPTIONS>,
    keyof typeof ENGINE_OPTIONS | `(${string})`
  >
> = {
  ceiling: "permissions",
  sets: "permissionSets",
  connection: WHERE,
  connectionInfo: WHERE,
  file: WHERE,
  profileDir: WHERE,
  clusterId: WHERE,
  id: "(one process's own: --id, --mpi)",
  kernelFile: "(one process's own: --kernel-connection-file)",
  isJupyters: "(Jupyter says so)",
  walls: "(for tests: the kernel decides, and sandbox whether that is enough)",
  patience: "heartbeatMisses",
  registrationTimeoutMs: "timeoutMs",
  childCommand: "(for tests)",
};

Deno.test("every setting of hub and schedulers is in a profile, and every option of the controller is used by one", () => {
  const used = [HUB, SCHEDULER].flatMap((table) => Object.values(table)).flat().filter((it) =>
    !it.startsWith("(")
  );
  for (const option of used) assert(Object.hasOwn(CONTROLLER_OPTIONS, option), option);
  const rest = Object.keys(CONTROLLER_OPTIONS).filter((name) => !used.some((it) => it === name));
  // Where the schedulers run is the controller's own business.
  assert.deepEqual(rest, ["layout"]);
});

Deno.test("every setting of engine hosts is in a profile, or is one process's own", () => {
  for (const source of Object.values(ENGINE)) {
    assert(source.startsWith("(") || Object.hasOwn(ENGINE_OPTIONS, source), source);
  }
});
