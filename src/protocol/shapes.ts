/**
 * Shapes of requests: the content of every request that hub and engine take is checked here, as a whole, before anything changes.
 * What peers may leave out gets its default; keys that we do not know are kept.
 */
import * as v from "valibot";
import type { Dictionary } from "./frames.ts";
import {
  type EngineRequests,
  type EngineRequestType,
  EXTENSION_VERSION,
  type HubRequests,
  type HubRequestType,
} from "./messages.ts";

/** A content that is not what its message type asks for. The message names the field. */
export class ShapeError extends TypeError {
  override readonly name = "ShapeError";
  /** `targets`, `keys.0`; "" for the content as a whole. */
  readonly field: string;

  constructor(type: string, field: string, problem: string) {
    super(`Cannot take ${type}: ${field === "" ? "its content" : `field "${field}"`}: ${problem}`);
    this.field = field;
  }
}

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const integer = v.pipe(v.number(), v.safeInteger());
const texts = v.array(v.string());
/** With all its keys, which a record of the library would not have. */
const dictionary = v.custom<Dictionary>(isDictionary, "is no dictionary");
const anything = v.looseObject({});
const targets = v.optional(
  v.nullable(v.union([natural, v.string(), v.array(v.union([natural, v.string()]))])),
  null,
);
const oneOrMoreTexts = v.union([v.string(), texts]);
/** Python's client sends a single msg_id as text now and then. */
const listOfTexts = v.pipe(
  oneOrMoreTexts,
  v.transform((value) => typeof value === "string" ? [value] : value),
);

const clientAnnouncement = announcement({
  session: v.string(),
  username: v.string(),
  pid: natural,
  instance: v.optional(v.string()),
});
const engineAnnouncement = announcement({
  host: v.string(),
  pid: natural,
  sandbox: v.string(),
  process: v.optional(v.pipe(v.string(), v.maxLength(64))),
  permissions: v.optional(v.unknown()),
});

/** What our own parts add. Another version than ours is not looked into: who speaks it is a peer. */
function announcement<const Entries extends v.ObjectEntries>(entries: Entries) {
  const other = v.looseObject({ version: v.pipe(natural, v.notValue(EXTENSION_VERSION)) });
  return v.union([
    v.looseObject({ version: v.literal(EXTENSION_VERSION), ...entries }),
    v.pipe(other, v.transform(() => undefined)),
  ]);
}

/** `null` stands for "not there" with Python. */
function maybe<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.pipe(v.nullish(schema), v.transform((value) => value ?? undefined));
}

/** What Python takes for true or false: clients write 1, None or a list where others write true and false. */
function flag(byDefault: boolean) {
  return v.optional(v.pipe(v.unknown(), v.transform(isTrue)), byDefault);
}

function isTrue(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return Boolean(value);
  return Object.keys(value).length > 0;
}

function isDictionary(value: unknown): value is Dictionary {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const codeQuestion = { code: v.string(), cursor_pos: maybe(integer) };

type Shapes<Requests> = { readonly [Type in keyof Requests]: v.GenericSchema<unknown, Requests[Type]> };

const HUB: Shapes<HubRequests> = {
  connection_request: v.looseObject({ tsparallel: maybe(clientAnnouncement) }),
  registration_request: v.looseObject({
    uuid: v.pipe(v.string(), v.minLength(1), v.maxLength(255)),
    id: maybe(natural),
    tsparallel: maybe(engineAnnouncement),
  }),
  unregistration_request: v.looseObject({ id: v.optional(v.nullable(natural), null) }),
  queue_request: v.looseObject({ targets, verbose: flag(false) }),
  result_request: v.looseObject({ msg_ids: listOfTexts, status_only: flag(false) }),
  history_request: anything,
  db_request: v.looseObject({
    query: v.optional(dictionary, {}),
    keys: v.optional(v.nullable(texts), null),
    page: maybe(v.looseObject({
      limit: v.pipe(natural, v.minValue(1)),
      after: maybe(v.looseObject({ submitted: v.string(), msg_id: v.string() })),
    })),
  }),
  purge_request: v.looseObject({
    msg_ids: v.optional(v.union([v.literal("all"), listOfTexts]), []),
    engine_ids: v.optional(v.array(natural), []),
  }),
  resubmit_request: v.looseObject({ msg_ids: listOfTexts }),
  cancel_request: v.looseObject({ msg_ids: listOfTexts, who: maybe(v.string()), why: maybe(v.string()) }),
  shutdown_request: anything,
  load_request: v.looseObject({ targets }),
  become_dask_request: v.looseObject({ scheduler_args: v.optional(dictionary, {}) }),
  stop_distributed_request: anything,
};

const ENGINE: Shapes<EngineRequests> = {
  apply_request: anything,
  execute_request: v.looseObject({
    code: v.string(),
    silent: flag(false),
    store_history: maybe(v.boolean()),
    user_expressions: v.optional(
      v.pipe(
        v.unknown(),
        v.check((value) => !Array.isArray(value), "is a list"),
        v.record(v.string(), v.string()),
      ),
      {},
    ),
    allow_stdin: flag(false),
    stop_on_error: flag(true),
  }),
  complete_request: v.looseObject(codeQuestion),
  inspect_request: v.looseObject({
    ...codeQuestion,
    detail_level: v.optional(v.picklist([0, 1]), 0),
  }),
  is_complete_request: v.looseObject({ code: v.string() }),
  history_request: v.looseObject({
    hist_access_type: v.picklist(["tail", "range", "search"]),
    output: flag(false),
    n: maybe(natural),
    session: v.optional(integer, 0),
    start: v.optional(natural, 0),
    stop: v.optional(v.nullable(natural), null),
    pattern: v.optional(v.pipe(v.string(), v.maxLength(256)), "*"),
    unique: flag(false),
  }),
  comm_info_request: v.looseObject({ target_name: maybe(v.string()) }),
  connect_request: anything,
  abort_request: v.looseObject({ msg_ids: v.optional(oneOrMoreTexts, []) }),
  clear_request: anything,
  shutdown_request: v.looseObject({ restart: flag(false) }),
  signal_request: v.looseObject({ sig: v.union([natural, v.string()]) }),
  kernel_info_request: anything,
  interrupt_request: anything,
};

/** Whether the hub takes messages of this type. */
export function isHubRequest(type: string): type is HubRequestType {
  return Object.hasOwn(HUB, type);
}

/** Whether an engine takes messages of this type. */
export function isEngineRequest(type: string): type is EngineRequestType {
  return Object.hasOwn(ENGINE, type);
}

/**
 * The content of a request to the hub, checked and with its defaults.
 * @throws ShapeError
 */
export function hubRequest<Type extends HubRequestType>(type: Type, content: unknown): HubRequests[Type] {
  return checked(type, HUB[type], content);
}

/**
 * The content of a request to an engine, checked and with its defaults.
 * @throws ShapeError
 */
export function engineRequest<Type extends EngineRequestType>(
  type: Type,
  content: unknown,
): EngineRequests[Type] {
  return checked(type, ENGINE[type], content);
}

function checked<Output>(type: string, shape: v.GenericSchema<unknown, Output>, content: unknown): Output {
  const result = v.safeParse(shape, content, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new ShapeError(type, v.getDotPath(issue) ?? "", lowerFirst(issue.message));
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
