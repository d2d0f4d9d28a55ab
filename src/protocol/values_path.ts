/**
 * What is said of a value that cannot be sent: where it is, and why it cannot.
 */
import { stringSlice } from "./primordials.ts";
import { Refusal } from "./values_bytes.ts";
import { errorLine } from "./values_error.ts";

/** A value, or something in it, that cannot be sent. */
export class UncodableValue extends TypeError {
  override readonly name = "UncodableValue";
  /** Where it is: `args[0].options.cb`. */
  readonly path: string;
  /** What it is: `a function`. */
  readonly reason: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`Cannot send ${path}: ${reason}`, options);
    this.path = path;
    this.reason = reason;
  }
}

/** The error for what the writer threw at a place. */
export function uncodable(path: string, thrown: unknown): UncodableValue {
  const reason = Refusal.reasonOf(thrown);
  if (reason !== undefined) return new UncodableValue(path, reason);
  return new UncodableValue(path, `it cannot be read (${errorLine(thrown)})`, { cause: thrown });
}

/** A member in a path: `.name` or `["a name"]`. */
export function memberText(name: string): string {
  return isIdentifier(name) ? `.${name}` : `["${stringSlice(name, 0, 100)}"]`;
}

/** A value of a Map in a path. */
export function entryText(key: unknown, index: number): string {
  if (typeof key === "string") return `.get("${stringSlice(key, 0, 100)}")`;
  return typeof key === "number" ? `.get(${key})` : `.values()[${index}]`;
}

function isIdentifier(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const c = name[i] as string;
    const isLetter = (c >= "a" && c <= "z") || (c >= "A" && c <= "Z") || c === "_" || c === "$" || c > "\x7f";
    if (!isLetter && !(i > 0 && c >= "0" && c <= "9")) return false;
  }
  return name !== "" && name.length <= 100;
}
