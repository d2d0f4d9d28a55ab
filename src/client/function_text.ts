/** A function on its way (PROTOCOL.md, "Definitions"), and its coded form. */
import { ValueWriter } from "../protocol/values.ts";
import type { NameUse } from "./known_names.ts";
import { type AnyRef, Ref } from "./ref.ts";

/** What goes to the engines of a function. */
export interface Definition {
  /** Equal for equal bodies. */
  readonly key: string;
  /** Codec bytes of a `FunctionText`. */
  readonly body: Uint8Array;
  /** Names that it takes from where it runs, with those of functions that it captures; absent if there are none. */
  readonly uses?: readonly NameUse[];
  /** Texts in it that may set names where they run. */
  readonly codes?: readonly string[];
  /** Put values that it captures: each of its tasks brings them. */
  readonly refs?: readonly AnyRef[];
  /** One more argument of each call, behind the others: what is wanted of a module. */
  readonly word?: readonly string[];
}

export interface FunctionText {
  readonly kind: "function";
  readonly source: string;
  readonly captures: Readonly<Record<string, unknown>>;
  /** Captures that are functions themselves. */
  readonly functions: Readonly<Record<string, FunctionText>>;
  /** Under this name it can call itself. */
  readonly name: string;
  /** Built once for all definitions of a child that have it. */
  readonly once?: true;
}

/** What is found in functions while they become text. */
export interface Found {
  readonly uses: NameUse[];
  readonly codes: string[];
  readonly refs: AnyRef[];
}

/** Most bytes of a function with its captures. */
export const MAX_DEFINITION_BYTES: number = 4 << 20;

/** Text of the client's own, with the functions that it uses. */
export function ownText(source: string, functions: FunctionText["functions"] = {}): FunctionText {
  return { kind: "function", source, captures: {}, functions, name: "" };
}

/** @throws UncodableValue if captures cannot be sent, or are too large */
export function definitionFrom(text: FunctionText, { uses, codes, refs }: Found): Definition {
  const body = encode(text, refs), key = textOfBytes(body);
  return {
    key,
    body,
    ...(uses.length === 0 ? {} : { uses }),
    ...(codes.length === 0 ? {} : { codes }),
    ...(refs.length === 0 ? {} : { refs }),
  };
}

/** @param refs takes the refs among the captures, by whose number they stand in the bytes */
function encode(text: FunctionText, refs: AnyRef[]): Uint8Array {
  const kept = (object: object) => {
    if (!(object instanceof Ref)) return -1;
    const index = refs.indexOf(object);
    return index < 0 ? refs.push(object) - 1 : index;
  };
  const writer = new ValueWriter(1024, { inline: true, maxBytes: MAX_DEFINITION_BYTES, kept });
  writer.write(text, "function");
  return writer.bytes().slice();
}

function textOfBytes(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += 8192) {
    text += String.fromCharCode(...bytes.subarray(from, from + 8192));
  }
  return text;
}
