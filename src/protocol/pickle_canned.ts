/**
 * ipyparallel's wrappers in a pickle, exactly as its own client sends them: what its side looks into when it reads.
 */
import type { NdArray } from "./nd_array.ts";
import { PICKLE_OP } from "./pickle_ops.ts";
import type { PickleSink } from "./pickle_sink.ts";
import { typedArrayLength } from "./primordials.ts";

const CANNING = "ipyparallel.serialize.canning";

/** What a wrapper says beside its buffers: a Reference's name, an array's shape and type. */
export type CannedState = string | Pick<NdArray, "shape" | "dtype"> | null;

/** One wrapper. Room for its buffers, which go beside the pickle, is counted. */
export function writeInstance(
  out: PickleSink,
  type: string,
  state: CannedState,
  buffers: readonly Uint8Array[],
): void {
  newInstance(out, type);
  out.byte(PICKLE_OP.EMPTY_DICT);
  out.byte(PICKLE_OP.MARK);
  if (typeof state === "string") {
    out.text("name");
    out.text(state);
  } else if (state !== null) {
    out.text("shape");
    out.tuple(state.shape);
    out.text("dtype");
    out.text(state.dtype);
    out.text("pickled");
    out.byte(PICKLE_OP.NEWFALSE);
  }
  out.text("buffers");
  out.byte(PICKLE_OP.EMPTY_LIST);
  for (const bytes of buffers) {
    out.byte(PICKLE_OP.NONE);
    out.byte(PICKLE_OP.APPEND);
    out.beside(typedArrayLength(bytes));
  }
  out.byte(PICKLE_OP.SETITEMS);
  out.byte(PICKLE_OP.BUILD);
}

/** ipyparallel sorts the keys of a small dict that it gets; one that cannot be sorted hides in what it does not look into. */
export function openWrapping(out: PickleSink): void {
  newInstance(out, "CannedObject");
  out.byte(PICKLE_OP.EMPTY_DICT);
  out.byte(PICKLE_OP.MARK);
  for (const [name, value] of [["keys", []], ["hook", null], ["buffers", []]] as const) {
    out.text(name);
    out.byte(value === null ? PICKLE_OP.NONE : PICKLE_OP.EMPTY_LIST);
  }
  out.text("obj");
}

/** Ends what `openWrapping` began. */
export function closeWrapping(out: PickleSink): void {
  out.byte(PICKLE_OP.SETITEMS);
  out.byte(PICKLE_OP.BUILD);
}

function newInstance(out: PickleSink, name: string): void {
  out.global(CANNING, name);
  out.byte(PICKLE_OP.EMPTY_TUPLE);
  out.byte(PICKLE_OP.NEWOBJ);
}
