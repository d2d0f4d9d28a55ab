/**
 * ipyparallel's settings in ours: one row for each trait that has a counterpart here. `--Class.trait=value` on the command line and
 * `c.Class.trait = value` in `ipcontroller_config.py` come to the same rows.
 *
 * A trait without a row is named in a warning and has no effect.
 */
import { nearest, OptionError } from "../base/options.ts";
import { type Literal, pythonLiteral } from "./python_literal.ts";

/** How a trait's value becomes a flag's: as its text, on or off, seconds in ms, … `holds`: nothing to do where the value is one of these. */
type Reading = "text" | "switch" | "seconds" | "megabytes" | "database" | "packer" | "first" | {
  readonly holds: readonly string[];
};

/** Classes, trait, our flag, and how its value is read if not as text. */
export type TraitRow = readonly [classes: readonly string[], trait: string, flag: string, reading?: Reading];

/** One of our flags with its value, and what the user called it. */
export interface Setting {
  readonly flag: string;
  /** True and false for switches. */
  readonly value: string | boolean;
  readonly name: string;
}

const APP = ["Application", "BaseIPythonApplication", "BaseParallelApplication"];
const SESSION = ["Session"];
const HOLDS_FALSE: Reading = { holds: ["False"] };

/** What all of ipyparallel's programs take. */
function commonRows(own: readonly string[]): readonly TraitRow[] {
  const app = [...APP, ...own];
  return [
    [app, "log_level", "--log-level"],
    [app, "log_to_file", "--log-to-file", "switch"],
    [app, "clean_logs", "--clean-logs", "switch"],
    [app, "work_dir", "--work-dir"],
    [app, "cluster_id", "--cluster-id"],
    [app, "profile", "--profile"],
    [app, "ipython_dir", "--ipython-dir"],
    [app, "extra_config_file", "--config"],
    [app, "auto_create", "", { holds: ["True"] }],
    [app, "copy_config_files", "", HOLDS_FALSE],
    [app, "overwrite", "", HOLDS_FALSE],
    [app, "verbose_crash", "", HOLDS_FALSE],
    [app, "add_ipython_dir_to_sys_path", "", HOLDS_FALSE],
    [app, "log_url", "", { holds: [""] }],
    [app, "show_config", "", HOLDS_FALSE],
    [app, "show_config_json", "", HOLDS_FALSE],
    [["ProfileDir"], "location", "--profile-dir"],
    [SESSION, "signature_scheme", "", { holds: ["hmac-sha256"] }],
    [SESSION, "debug", "", HOLDS_FALSE],
  ];
}

const CONTROLLER = ["IPController", "HubFactory", "Hub", "IPControllerApp"];
const HEART = ["HeartMonitor"];
const TASKS = ["TaskScheduler", "Scheduler"];

/** For `tsparallel controller`. */
export const CONTROLLER_TRAITS: readonly TraitRow[] = [
  ...commonRows(CONTROLLER),
  [CONTROLLER, "ip", "--ip"],
  [CONTROLLER, "engine_ip", "--engine-ip"],
  [CONTROLLER, "client_ip", "--client-ip"],
  [CONTROLLER, "transport", "--transport"],
  [CONTROLLER, "engine_transport", "--engine-transport"],
  [CONTROLLER, "client_transport", "--client-transport"],
  [CONTROLLER, "location", "--location"],
  [CONTROLLER, "regport", "--port"],
  [CONTROLLER, "ports", "--ports"],
  [CONTROLLER, "engine_ports", "--engine-ports"],
  [CONTROLLER, "client_ports", "--client-ports"],
  [CONTROLLER, "ssh_server", "--ssh"],
  [CONTROLLER, "engine_ssh_server", "--enginessh"],
  [CONTROLLER, "reuse_files", "--reuse", "switch"],
  [CONTROLLER, "restore_engines", "--restore", "switch"],
  [CONTROLLER, "registration_timeout", "--registration-timeout-ms", "seconds"],
  [CONTROLLER, "broadcast_scheduler_depth", "--broadcast-depth"],
  [["BroadcastScheduler"], "depth", "--broadcast-depth"],
  [["BroadcastScheduler"], "max_depth", "--broadcast-depth"],
  [CONTROLLER, "db_class", "--database", "database"],
  [CONTROLLER, "use_threads", "", { holds: ["True", "False"] }],
  [CONTROLLER, "enable_curve", "--enable-curve", "switch"],
  [CONTROLLER, "curve_secretkey", "--curve-secret-key"],
  [CONTROLLER, "curve_publickey", "--curve-public-key"],
  [HEART, "period", "--ping-ms"],
  [HEART, "max_heartmonitor_misses", "--heartbeat-misses"],
  [HEART, "debug", "", HOLDS_FALSE],
  [TASKS, "hwm", "--hwm"],
  [TASKS, "scheme_name", "--scheme"],
  [SESSION, "session", "--ident"],
  [SESSION, "username", "--user"],
  [SESSION, "key", "--key"],
  [SESSION, "keyfile", "--keyfile"],
  [SESSION, "packer", "--packer", "packer"],
  [SESSION, "unpacker", "--packer", "packer"],
  [["DictDB"], "record_limit", "--record-limit"],
  [["DictDB"], "size_limit", "--record-mb", "megabytes"],
  [["DictDB"], "cull_fraction", "", { holds: ["0.1"] }],
  [["SQLiteDB"], "filename", "--database-file"],
  [["SQLiteDB"], "location", "--database-dir"],
  [["MongoDB"], "database", "--mongo-database"],
  [["MongoDB"], "connection_args", "--mongo-url", "first"],
];

const ENGINE = ["IPEngine", "EngineFactory", "IPEngineApp"];

/** For `tsparallel engine`. */
export const ENGINE_TRAITS: readonly TraitRow[] = [
  ...commonRows(ENGINE),
  [ENGINE, "url_file", "--file"],
  [ENGINE, "wait_for_url_file", "--wait-ms", "seconds"],
  [ENGINE, "registration_url", "--url"],
  [ENGINE, "location", "--location"],
  [ENGINE, "timeout", "--timeout-ms", "seconds"],
  [ENGINE, "max_heartbeat_misses", "--heartbeat-misses"],
  [ENGINE, "id", "--id"],
  [ENGINE, "sshserver", "--ssh"],
  [ENGINE, "sshkey", "--sshkey"],
  [ENGINE, "curve_serverkey", "--curve-server-key"],
  [ENGINE, "curve_secretkey", "--curve-secret-key"],
  [ENGINE, "curve_publickey", "--curve-public-key"],
  [ENGINE, "enable_nanny", "", { holds: ["True"] }],
  [ENGINE, "use_mpi", "--mpi", "switch"],
  [ENGINE, "paramiko", "", HOLDS_FALSE],
];

/** What a trait's name and value mean here. */
export type Meaning =
  | { readonly kind: "set"; readonly setting: Setting }
  /** It is so anyway. */
  | { readonly kind: "holds" }
  | { readonly kind: "unknown"; readonly hint: string };

/**
 * Finds the row of a trait and reads its value.
 * @param trait `Class.trait`
 * @param name what the user called it, for errors
 * @throws OptionError if the value is none that the trait takes
 */
export function meaningOf(rows: readonly TraitRow[], trait: string, value: Literal, name: string): Meaning {
  const [className = "", traitName = ""] = trait.split(".");
  const row = rows.find(([classes, known]) => known === traitName && classes.includes(className));
  if (row === undefined) return { kind: "unknown", hint: hintFor(rows, trait) };
  const [, , flag, reading = "text"] = row;
  if (typeof reading === "object") {
    return reading.holds.includes(textOf(value)) ? { kind: "holds" } : { kind: "unknown", hint: "" };
  }
  if (value === null) return { kind: "holds" };
  return { kind: "set", setting: { flag, value: READINGS[reading](value, name), name } };
}

/** A value as it stands on a command line: a quoted text, list or the like is read, everything else is text. */
export function argumentLiteral(text: string): Literal {
  if (!/^(?:[rbuRBU]{0,2}["']|[[({]|range\()/.test(text)) return text;
  try {
    return pythonLiteral(text);
  } catch {
    return text;
  }
}

const READINGS: Readonly<
  Record<Exclude<Reading, object>, (value: Literal, name: string) => string | boolean>
> = {
  text: textOf,
  switch: switchOf,
  seconds: (value, name) => String(Math.round(numberOf(value, name, "seconds") * 1000)),
  megabytes: (value, name) => String(Math.max(1, Math.ceil(numberOf(value, name, "bytes") / 2 ** 20))),
  database: (value) => DATABASES[textOf(value).split(".").at(-1)?.toLowerCase() ?? ""] ?? textOf(value),
  packer: (value) => packerOf(textOf(value)),
  first: (value) => Array.isArray(value) && value.length > 0 ? textOf(value[0]) : textOf(value),
};

const DATABASES: Readonly<Record<string, string>> = {
  sqlitedb: "sqlite",
  dictdb: "memory",
  mongodb: "mongodb",
  nodb: "none",
};

/** Serializers by their names, or those of Python functions: `orjson`, `jupyter_client.session.json_packer`. */
function packerOf(name: string): string {
  if (/pickle/i.test(name)) return name;
  return /msgpack/i.test(name) ? "msgpack" : /json/i.test(name) ? "json" : name;
}

function textOf(value: Literal): string {
  if (Array.isArray(value)) return value.map(textOf).join(",");
  if (value === true) return "True";
  if (value === false) return "False";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function switchOf(value: Literal, name: string): boolean {
  const word = textOf(value).toLowerCase();
  if (word === "true" || word === "1") return true;
  if (word === "false" || word === "0") return false;
  throw new OptionError(`Cannot use "${textOf(value)}" for "${name}": it takes True or False`);
}

function numberOf(value: Literal, name: string, unit: string): number {
  const number = typeof value === "number" ? value : Number(textOf(value));
  if (Number.isFinite(number) && number >= 0 && textOf(value).trim() !== "") return number;
  throw new OptionError(`Cannot use "${textOf(value)}" for "${name}": it takes a number (${unit})`);
}

/** ` (did you mean "Class.trait"?)`, or nothing: long names are near to many, so class and first letter must agree. */
function hintFor(rows: readonly TraitRow[], trait: string): string {
  const start = trait.slice(0, trait.indexOf(".") + 2);
  const known = rows.flatMap(([classes, name]) => classes.map((className) => `${className}.${name}`))
    .filter((name) => name.startsWith(start));
  const found = nearest(trait, known);
  return found === undefined ? "" : ` (did you mean "${found}"?)`;
}
