/**
 * What messages say, as types: the content of each message type, and which reply answers which request.
 *
 * `Handlers` turns the two into a table's type: one that lacks a request, or answers with the wrong reply, does not compile.
 * A new message begins in PROTOCOL.md and gets its line here.
 */
import type { EngineInfo, Limit } from "./errors.ts";
import type { Dictionary } from "./frames.ts";

/** Version of the extension between our own parts. */
export const EXTENSION_VERSION = 1;

/** What our clients add to their connection_request. */
export interface ClientAnnouncement {
  readonly version: number;
  readonly session: string;
  readonly username: string;
  readonly pid: number;
  /** Of one connected client, whatever it calls itself: two of one session and pid are told apart by it. */
  readonly instance?: string | undefined;
}

/** What our hub adds to the connection_reply for a client that announced itself. */
export interface ClientWelcome {
  readonly version: number;
  /** The client's index, its for ever. */
  readonly client: number;
  /** 16 hexadecimal digits. */
  readonly nonce: string;
  /** Ids of the engines that are ours. */
  readonly engines: readonly number[];
}

/** What our engines add to their registration_request. */
export interface EngineAnnouncement {
  readonly version: number;
  readonly host: string;
  readonly pid: number;
  readonly sandbox: string;
  /** What its tasks may ask for (`task_asks.ts`, Offer). */
  readonly permissions?: unknown;
  /** The same for the engines of one process, and for no others. Who tells it takes shared pieces. */
  readonly process?: string | undefined;
}

/** What our hub adds to the registration_reply for an engine that announced itself. */
export interface EngineWelcome {
  readonly version: number;
  readonly nonce: string;
  /** The hub has known the engine all the time: what it has still counts. Absent after a new registration. */
  readonly again?: true;
}

/** The content of every reply that tells of an error. */
export interface ErrorContent {
  readonly status: "error";
  readonly ename: string;
  readonly evalue: string;
  /** A list: peers join it. */
  readonly traceback: readonly string[];
  readonly engine_info: EngineInfo & Dictionary;
  readonly limit?: Limit;
}

/** The content of a reply to a request that was aborted before it ran. */
export interface AbortedContent {
  readonly status: "aborted";
}

export interface Ok {
  readonly status: "ok";
}

type Targets = number | string | readonly (number | string)[] | null;
/** Counts, or lists of msg_ids if the request was verbose. */
interface QueueState {
  readonly queue: number | readonly string[];
  readonly completed: number | readonly string[];
  readonly tasks: number | readonly string[];
}

/** Which part of an answer is wanted. */
export interface RecordPage {
  readonly limit: number;
  readonly after?: { readonly submitted: string; readonly msg_id: string } | undefined;
}

/** Everything that a client asks the hub for. */
export interface HubRequests {
  connection_request: { readonly tsparallel?: ClientAnnouncement | undefined };
  registration_request: {
    readonly uuid: string;
    /** The id that the engine would like to have. */
    readonly id?: number | undefined;
    readonly tsparallel?: EngineAnnouncement | undefined;
  };
  unregistration_request: { readonly id: number | null };
  queue_request: { readonly targets: Targets; readonly verbose: boolean };
  result_request: { readonly msg_ids: readonly string[]; readonly status_only: boolean };
  history_request: Dictionary;
  db_request: {
    readonly query: Dictionary;
    readonly keys: readonly string[] | null;
    /** Ours: the first of what there is, or of what comes behind a record. */
    readonly page?: RecordPage | undefined;
  };
  purge_request: { readonly msg_ids: "all" | readonly string[]; readonly engine_ids: readonly number[] };
  resubmit_request: { readonly msg_ids: readonly string[] };
  /** Ours. Without `who`: who the header says. */
  cancel_request: {
    readonly msg_ids: readonly string[];
    readonly who?: string | undefined;
    readonly why?: string | undefined;
  };
  shutdown_request: Dictionary;
  load_request: { readonly targets: Targets };
  become_dask_request: { readonly scheduler_args: Dictionary };
  stop_distributed_request: Dictionary;
}

/** A place in a text; the position counts Unicode code points. */
interface CodeQuestion {
  readonly code: string;
  /** Absent: the end. */
  readonly cursor_pos?: number | undefined;
}

interface HistoryRequest {
  readonly hist_access_type: "tail" | "range" | "search";
  readonly output: boolean;
  readonly n?: number | undefined;
  readonly session: number;
  readonly start: number;
  readonly stop: number | null;
  readonly pattern: string;
  readonly unique: boolean;
}

/** Everything that an engine is asked for on shell and control. */
export interface EngineRequests {
  apply_request: Dictionary;
  execute_request: {
    readonly code: string;
    readonly silent: boolean;
    readonly store_history?: boolean | undefined;
    readonly user_expressions: Dictionary;
    readonly allow_stdin: boolean;
    readonly stop_on_error: boolean;
  };
  complete_request: CodeQuestion;
  inspect_request: CodeQuestion & { readonly detail_level: 0 | 1 };
  is_complete_request: { readonly code: string };
  history_request: HistoryRequest;
  comm_info_request: { readonly target_name?: string | undefined };
  connect_request: Dictionary;
  abort_request: { readonly msg_ids: string | readonly string[] };
  clear_request: Dictionary;
  shutdown_request: { readonly restart: boolean };
  signal_request: { readonly sig: number | string };
  kernel_info_request: Dictionary;
  interrupt_request: Dictionary;
}

interface HubReplies {
  connection_reply: Ok & {
    readonly engines: Readonly<Record<string, string>>;
    readonly tsparallel?: ClientWelcome;
  };
  registration_reply: Ok & {
    readonly id: number;
    /** Milliseconds. */
    readonly hb_period: number;
    readonly connection_info: Dictionary;
    readonly tsparallel?: EngineWelcome;
  };
  queue_reply: Ok & { readonly unassigned: number | readonly string[] } & {
    readonly [engine: string]: QueueState | number | readonly string[] | string;
  };
  /** Beside these, each completed msg_id with its record. */
  result_reply:
    & Ok
    & { readonly pending: readonly string[]; readonly completed: readonly string[] }
    & Dictionary;
  /** Of the hub: msg_ids. Of an engine: session, line, and input or input and output. */
  history_reply: Ok & { readonly history: readonly unknown[] };
  db_reply: Ok & {
    readonly records: readonly Dictionary[];
    readonly buffer_lens: readonly number[] | null;
    readonly result_buffer_lens: readonly number[] | null;
  };
  purge_reply: Ok;
  resubmit_reply: Ok & { readonly resubmitted: Readonly<Record<string, string>> };
  cancel_reply: Ok & { readonly tasks: Readonly<Record<string, string>> };
  load_reply: Ok & { readonly [engine: string]: number | string };
  become_dask_reply: Ok & { readonly ip: string; readonly address: string; readonly port: number };
  stop_distributed_reply: Ok;
  shutdown_reply: Ok & { readonly restart?: boolean };
}

interface EngineReplies {
  apply_reply: Ok;
  execute_reply: Ok & {
    readonly execution_count: number;
    readonly user_expressions: Dictionary;
    readonly payload: readonly Dictionary[];
    readonly engine_info?: EngineInfo & Dictionary;
  };
  complete_reply: Ok & {
    readonly matches: readonly string[];
    readonly cursor_start: number;
    readonly cursor_end: number;
    readonly metadata: Dictionary;
  };
  inspect_reply: Ok & { readonly found: boolean; readonly data: Dictionary; readonly metadata: Dictionary };
  is_complete_reply: {
    readonly status: "complete" | "incomplete" | "invalid" | "unknown";
    readonly indent?: string;
  };
  comm_info_reply: Ok & { readonly comms: Dictionary };
  connect_reply: Ok & Dictionary;
  abort_reply: Ok;
  clear_reply: Ok;
  shutdown_reply: Ok & { readonly restart?: boolean };
  signal_reply: Ok;
  kernel_info_reply:
    & Ok
    & { readonly protocol_version: string; readonly language_info: Dictionary }
    & Dictionary;
  interrupt_reply: Ok;
}

/** What nobody asked for. */
interface News {
  hub_error: ErrorContent;
  registration_notification: { readonly id: number; readonly uuid: string; readonly tsparallel?: Version };
  unregistration_notification: { readonly id: number; readonly uuid: string; readonly tsparallel?: Version };
  shutdown_notification: Ok;
  task_destination: { readonly msg_id: string; readonly engine_id: string };
  status: { readonly execution_state: "starting" | "busy" | "idle" };
  stream: { readonly name: "stdout" | "stderr"; readonly text: string };
  display_data: MimeBundle;
  update_display_data: MimeBundle;
  execute_result: MimeBundle & { readonly execution_count: number };
  execute_input: { readonly code: string; readonly execution_count: number };
  clear_output: { readonly wait: boolean };
  error: Omit<ErrorContent, "status">;
}

interface Version {
  readonly version: number;
}

interface MimeBundle {
  readonly data: Dictionary;
  readonly metadata: Dictionary;
  readonly transient?: Dictionary;
}

/** Message type → content. Requests that reach hub and engine alike are the engine's here. */
export interface Contents
  extends
    Omit<HubRequests, "shutdown_request" | "history_request">,
    EngineRequests,
    Omit<HubReplies, "shutdown_reply">,
    EngineReplies,
    News {}

export type MessageType = keyof Contents;

/** Request → type of its reply. `unregistration_request` gets none. */
export interface ReplyTo {
  connection_request: "connection_reply";
  registration_request: "registration_reply";
  queue_request: "queue_reply";
  result_request: "result_reply";
  history_request: "history_reply";
  db_request: "db_reply";
  purge_request: "purge_reply";
  resubmit_request: "resubmit_reply";
  cancel_request: "cancel_reply";
  shutdown_request: "shutdown_reply";
  load_request: "load_reply";
  become_dask_request: "become_dask_reply";
  stop_distributed_request: "stop_distributed_reply";
  apply_request: "apply_reply";
  execute_request: "execute_reply";
  complete_request: "complete_reply";
  inspect_request: "inspect_reply";
  is_complete_request: "is_complete_reply";
  comm_info_request: "comm_info_reply";
  connect_request: "connect_reply";
  abort_request: "abort_reply";
  clear_request: "clear_reply";
  signal_request: "signal_reply";
  kernel_info_request: "kernel_info_reply";
  interrupt_request: "interrupt_reply";
}

export type HubRequestType = keyof HubRequests;
export type EngineRequestType = keyof EngineRequests;

/** What may be said in answer to a request. */
export type Reply<Request extends keyof ReplyTo> = Contents[ReplyTo[Request]] | ErrorContent | AbortedContent;

/** One handler for each request of a party; requests without a reply return nothing. */
export type Handlers<Requests, Context> = {
  readonly [Type in keyof Requests]: (
    content: Requests[Type],
    context: Context,
  ) => Type extends keyof ReplyTo ? Reply<Type> | Promise<Reply<Type>> : void | Promise<void>;
};

/** The type of the reply to a request: `x_request` → `x_reply`. */
export function replyType(request: string): string {
  return request.endsWith("_request") ? `${request.slice(0, -"_request".length)}_reply` : `${request}_reply`;
}
