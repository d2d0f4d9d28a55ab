/** The types that users name in their own code: what the signatures of the public classes are made of. `deno doc --lint` tells which are missing. */
export type { Shape, Shaped } from "./async_result.ts";
export type { BroadcastMapOptions } from "./broadcast_map.ts";
export type { BroadcastOptions, BroadcastTargets } from "./broadcast_view.ts";
export type { Condition, Requirements } from "./dependent.ts";
export type { DirectOptions } from "./direct_view.ts";
export type { ShutdownOptions } from "./engine_control.ts";
export type { ClusterPlace } from "./find_connection.ts";
export type { Graph, GraphNode, ValueOf } from "./graph.ts";
export type {
  EngineQueue,
  PurgeSelection,
  QueueOptions,
  QueueStatus,
  ResultStatus,
  TaskRecord,
} from "./hub_queries.ts";
export type { Resubmitted } from "./hub_results.ts";
export type { ImapOptions } from "./imap.ts";
export type { Modules } from "./import_modules.ts";
export type { ExecuteResult } from "./load_balanced_view.ts";
export type { MapOptions } from "./map_plan.ts";
export type { AnyIterable } from "./map_source.ts";
export type { Display, ProgressState } from "./progress_display.ts";
export type { TasksOptions } from "./record_pages.ts";
export type { RemoteNames } from "./remote_names.ts";
export type { RequestOptions } from "./requests.ts";
export type { GetOptions } from "./result_get.ts";
export type { GroupCounts, GroupMember, GroupOptions, ValuesOf } from "./result_group.ts";
export type { OutputKind, OutputPiece, OutputStream } from "./result_output.ts";
export type { InteractiveOptions } from "./result_progress.ts";
export type { ResultReading } from "./result_reading.ts";
export type { ResultTimes } from "./result_times.ts";
export type { Waited, WaitFor, WaitForOptions } from "./result_wait.ts";
export type { Distribution, Scatterable, TypedArray } from "./scatter.ts";
export type { StandardIssue, StandardResult, StandardSchema, TaskSchema } from "./standard_schema.ts";
export type { CancelOptions, StopReference } from "./stop.ts";
export type { EngineRange, Targets } from "./targets.ts";
export type {
  AnyFunction,
  AskedOptions,
  CheckedTaskOptions,
  FunctionNames,
  ModuleTask,
  ModuleTaskOptions,
  ModuleTasks,
  Runnable,
  RunOptions,
  Task,
  TaskMaker,
  TaskOfAny,
  TaskOptions,
} from "./task.ts";
export type { TaskMetadata } from "./task_state.ts";
export type { Channel, ChannelOptions, MemoryFile, MessageHandler, Transport } from "./transport.ts";
export type {
  BalancedOptions,
  Dependency,
  DependencyCondition,
  TaskLimits,
  TaskReference,
  ViewOptions,
} from "./view_options.ts";
export type { WaitOptions } from "./waiting.ts";
export type { By } from "../protocol/by.ts";
export type { ClientConnection, CommonConnection } from "../protocol/connection_file.ts";
export type {
  ClusterErrorOptions,
  DeniedPermission,
  EngineInfo,
  Limit,
  NamePlace,
  PermissionDeniedOptions,
  RemoteErrorOptions,
  SchemaIssue,
} from "../protocol/errors.ts";
export type { Dictionary } from "../protocol/frames.ts";
export type { PermissionLists, PermissionName, PermissionRequest } from "../protocol/permissions.ts";
export type { Attempt, DeniedAct, EndedBy, PostMortem } from "../protocol/post_mortem.ts";
export type { Isolation } from "../protocol/task_asks.ts";
export type { EachOptions } from "./map_each.ts";
export type { TransformOptions } from "./transform.ts";
export type { Given } from "./ref.ts";
export type { ModuleExport } from "./module_definition.ts";
export type { ModuleCode } from "./module_code.ts";
export type { ReturnOf, Streamable, YieldOf } from "./stream_start.ts";
export type { StreamSource } from "./value_stream.ts";
export type { ModuleProblem } from "../protocol/module_error.ts";
export type { TunnelOptions } from "./way.ts";
export type { Tunnel, TunnelRequest } from "../wire/tunnel.ts";
