/**
 * What a view asks, as Jupyter messages: for Python engines, and for every engine behind Python's controller.
 *
 * Functions travel by name only: a pickled `Reference` that the engine evaluates, or the name of one that is importable there, as ipyparallel's own
 * `_push` and `_pull`, which pickle looks up in their module whatever the user's namespace holds.
 */
import { OP } from "../protocol/groups.ts";
import type { Dictionary, Message } from "../protocol/frames.ts";
import { readResult, writeApply } from "../protocol/pickle_apply.ts";
import { dictionaryOf } from "./dictionaries.ts";
import type { ExecuteResult } from "./load_balanced_view.ts";
import type { PeerForm } from "./peer_forms.ts";
import { Reference } from "./reference.ts";

/** One request, ready to be sent. */
export interface PeerRequest {
  readonly channel: "shell" | "control";
  readonly type: string;
  readonly content: Dictionary;
  readonly buffers: readonly Uint8Array[];
  /** The value of a reply that is no error. @throws if it cannot be read */
  readonly read: (reply: Message, shown: unknown) => unknown;
  /** Whether the reply's value may stand in its output, so that it is waited for. */
  readonly isShown: (reply: Message) => boolean;
}

type ValueReader = PeerRequest["read"];

const NO_BUFFERS: readonly Uint8Array[] = [];
const never = () => false;

/** Where pickle finds the functions behind push and pull. */
const PUSH = { module: "ipyparallel.util", name: "_push" } as const;
const PULL = { module: "ipyparallel.util", name: "_pull" } as const;

/** Calls the function that a reference names. */
export function referenceRequest({ name }: Reference, args: readonly unknown[]): PeerRequest {
  return apply(writeApply(name, args), resultOf);
}

/** Calls the function that a reference names for each list of arguments, on a Python engine. */
export function chunkRequest(
  { reference: { name }, given }: PeerForm,
  items: readonly unknown[],
): PeerRequest {
  const each = new Reference(`(lambda given, *items: [(${name})(*given, *item) for item in items])`);
  return referenceRequest(each, [given, ...items]);
}

/**
 * A view's request that has a form in every language.
 * @param value as groups have it (PROTOCOL.md, "Bodies")
 * @throws TypeError for a value that cannot be pickled
 */
export function peerRequest(op: number, value: unknown): PeerRequest {
  switch (op) {
    case OP.execute:
      return executeRequest(value as { readonly code: string; readonly silent: boolean });
    case OP.push: {
      const values = value as Readonly<Record<string, unknown>>;
      return apply(writeApply(PUSH, [], values), () => null);
    }
    case OP.pull:
      return apply(writeApply(PULL, [value]), resultOf);
    case OP.clear: {
      const read = () => null;
      return {
        channel: "control",
        type: "clear_request",
        content: {},
        buffers: NO_BUFFERS,
        read,
        isShown: never,
      };
    }
    default:
      throw new TypeError(`Cannot send operation ${op} as a message`);
  }
}

function apply(buffers: readonly Uint8Array[], read: ValueReader): PeerRequest {
  return { channel: "shell", type: "apply_request", content: {}, buffers, read, isShown: never };
}

function resultOf({ buffers }: Message): unknown {
  return readResult(buffers);
}

// ── execute ────────────────────────────────────────────────────────────────────────────────────

const SHELL = "__import__('IPython').get_ipython()";
const LAST = `${SHELL}.last_execution_result.result`;
const BASE64 = "__import__('base64').b64encode";
/** Most bytes of a value that comes along with the reply of a cell; a larger one is left on the engine. */
const MAX_VALUE_BYTES = 1 << 20;

/**
 * Python expressions, evaluated after the cell, for what groups give of it: the value as text, and the value itself where it can travel. They use nothing of
 * the user's names. None is what a cell without a value gives.
 */
const EXPRESSIONS = {
  text: `(lambda value: None if value is None else ${BASE64}(${SHELL}.display_formatter.format(value, ` +
    `include={'text/plain'})[0].get('text/plain', '').encode()).decode())(${LAST})`,
  value: `(lambda value: None if value is None or type(value).__module__ not in ('builtins', 'numpy') ` +
    `or hasattr(value, '__len__') and len(value) > ${MAX_VALUE_BYTES} else (lambda parts: ','.join([${BASE64}(part).decode() for part in parts]) ` +
    `if sum([memoryview(part).nbytes for part in parts]) <= ${MAX_VALUE_BYTES} else None)` +
    `(__import__('ipyparallel').serialize.serialize_object(value)))(${LAST})`,
} as const;

function executeRequest({ code, silent }: { readonly code: string; readonly silent: boolean }): PeerRequest {
  // An error is this task's own: it does not abort what others have sent.
  const content = {
    code,
    silent,
    user_expressions: silent ? {} : EXPRESSIONS,
    allow_stdin: false,
    stop_on_error: false,
  };
  const isShown = (reply: Message) => !silent && !isEvaluated(reply);
  return {
    channel: "shell",
    type: "execute_request",
    content,
    buffers: NO_BUFFERS,
    read: (reply, shown) => cellOf(reply.content, shown),
    isShown,
  };
}

/** Whether the engine evaluates Python's expressions; one of ours runs the cell and leaves them alone. */
function isEvaluated({ content }: Message): boolean {
  return dictionaryOf(dictionaryOf(content.user_expressions).text).status === "ok";
}

/**
 * What a cell gave.
 * @param content of its reply
 * @param shown content of its `execute_result`, if it has come
 */
export function cellOf(content: Dictionary, shown: unknown): ExecuteResult {
  const { execution_count: count, user_expressions } = content;
  const { text, value } = dictionaryOf(user_expressions);
  const plain = dictionaryOf(dictionaryOf(shown).data)["text/plain"];
  const shownText = base64Of(text)?.[0];
  const asText = shownText === undefined ? plain : new TextDecoder().decode(shownText);
  return {
    value: valueOf(base64Of(value)),
    executionCount: typeof count === "number" ? count : 0,
    ...(typeof asText === "string" ? { text: asText } : {}),
  };
}

/** The value itself, undefined where it is of a kind that cannot travel. */
function valueOf(buffers: readonly Uint8Array[] | undefined): unknown {
  if (buffers === undefined) return undefined;
  try {
    return readResult(buffers);
  } catch {
    return undefined;
  }
}

/** The bytes in an expression's result: `'Zm9v,YmFy'`. */
function base64Of(expression: unknown): Uint8Array[] | undefined {
  const { status, data } = dictionaryOf(expression);
  const text = dictionaryOf(data)["text/plain"];
  if (status !== "ok" || typeof text !== "string") return undefined;
  const [, inner] = /^'([A-Za-z0-9+/=,]*)'$/.exec(text) ?? [];
  return inner?.split(",").map((part) => Uint8Array.from(atob(part), (char) => char.charCodeAt(0)));
}
