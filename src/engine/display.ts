/**
 * What cells and tasks show, in the Worker: values as bundles of media types, the `display` of the namespace, and the helpers of Deno's own
 * Jupyter kernel (`Deno.jupyter`), so that code written for it shows the same here.
 */
import {
  defineProperty,
  fromCharCode,
  hasOwn,
  keys,
  PrimordialString,
  stringIndexOf,
  stringSlice,
  typedArrayLength,
} from "../protocol/primordials.ts";
import { SHOWN_BITS } from "../protocol/values_error.ts";
import { firstProperties, HUGE, SHOWN_ITEMS, shownDepth } from "./shown_depth.ts";

const inspect = Deno.inspect;
const encodeBase64 = btoa;
const PrimordialTypeError = TypeError;
const symbol: unique symbol = Symbol.for("Jupyter.display");
/** Most characters of a value shown as text. */
const MAX_TEXT = 16 << 10;
const SHOWN_DEPTH = 4;
const HUGE_TEXT = `a BigInt of more than ${SHOWN_BITS} bits`;

/** How a value is shown. */
export interface DisplayOptions {
  /** The value is a bundle of media types already. */
  readonly raw?: boolean;
  /** Replaces what was shown under the same id. */
  readonly update?: boolean;
  readonly display_id?: string;
}

type Show = (event: object) => void;

export class Bundles {
  readonly #show: Show;

  constructor(show: Show) {
    this.#show = show;
    const property = { __proto__: null, value: this.#helpers(), configurable: true, writable: true };
    defineProperty(Deno, "jupyter", property as PropertyDescriptor);
  }

  /** A value's media types; text is always among them, since some front-ends show nothing else. */
  async bundle(value: unknown): Promise<object> {
    return withText(hasDisplay(value) ? await value[symbol]() : null, value);
  }

  /**
   * Shows a value at once, unless it says by a promise how.
   * @param more of the message's content
   */
  show(kind: Kind, value: unknown, more: object): Promise<void> | undefined {
    const data = hasDisplay(value) ? value[symbol]() : null;
    if (isPromise(data)) return this.#showLater(kind, data, value, more);
    this.#show({ kind, data: withText(data, value), metadata: {}, ...more });
    return undefined;
  }

  async #showLater(kind: Kind, data: PromiseLike<unknown>, value: unknown, more: object): Promise<void> {
    this.#show({ kind, data: withText(await data, value), metadata: {}, ...more });
  }

  /** The namespace's `display`. */
  // deno-lint-ignore require-await
  readonly display = async (value: unknown, options?: DisplayOptions): Promise<void> => {
    const { raw, update, display_id } = options ?? {};
    const kind = update === true ? "update_display_data" : "display_data";
    const more = display_id === undefined ? {} : { transient: { display_id: PrimordialString(display_id) } };
    if (raw !== true) return this.show(kind, value, more);
    this.#show({ kind, data: withText(value, undefined), metadata: {}, ...more });
  };

  #helpers(): object {
    return {
      $display: symbol,
      display: this.display,
      format: (value: unknown) => this.bundle(value),
      html: template("text/html"),
      md: template("text/markdown"),
      svg: template("image/svg+xml"),
      image,
      clearOutput: (wait = false) => this.#show({ kind: "clear_output", wait: wait === true }),
      // deno-lint-ignore require-await
      broadcast: async (type: string, content: object) => this.#broadcast(type, content),
    };
  }

  #broadcast(type: string, content: object): void {
    if (type !== "display_data" && type !== "update_display_data" && type !== "clear_output") {
      throw new PrimordialTypeError(
        `Cannot broadcast "${type}": only display_data, update_display_data and clear_output`,
      );
    }
    this.#show({ ...content, kind: type });
  }
}

type Kind = "display_data" | "update_display_data" | "execute_result";

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as Partial<PromiseLike<unknown>>).then === "function";
}

interface Displayable {
  [symbol](): unknown;
}

/** Whether a value knows how to show itself. */
export function hasDisplay(value: unknown): value is Displayable {
  try {
    if (typeof value !== "object" && typeof value !== "function" || value === null) return false;
    return typeof (value as Partial<Displayable>)[symbol] === "function";
  } catch {
    return false;
  }
}

/** A value as bounded text. Never throws. */
export function showValue(value: unknown): string {
  try {
    const depth = shownDepth(value, SHOWN_DEPTH);
    if (depth === HUGE) {
      return typeof value === "bigint" ? `(${HUGE_TEXT})` : `(cannot be shown: it holds ${HUGE_TEXT})`;
    }
    if (depth >= 0) return inspected(value, depth);
    const { part, left } = firstProperties(value as object);
    return `${inspected(part, 0)}\n… and ${left} more`;
  } catch {
    return "(cannot be shown)";
  }
}

function inspected(value: unknown, depth: number): string {
  const text = inspect(value, { depth, iterableLimit: SHOWN_ITEMS, strAbbreviateSize: MAX_TEXT });
  return text.length > MAX_TEXT ? stringSlice(text, 0, MAX_TEXT) + "…" : text;
}

function withText(data: unknown, value: unknown): object {
  if (typeof data !== "object" || data === null) return { "text/plain": showValue(value) };
  if (hasOwn(data, "text/plain")) return data;
  const names = keys(data);
  const type = names.length === 0 ? "nothing" : names[0] as string;
  return { ...data, "text/plain": value === undefined ? `<${type}>` : shownAs(value, type) };
}

/** For an object of which only its display is of interest: what it shows. */
function shownAs(value: unknown, type: string): string {
  return isShown(value) ? `<${type}>` : showValue(value);
}

const shown = new WeakSet<object>();
const isKnown = Function.prototype.call.bind(WeakSet.prototype.has) as (
  set: unknown,
  value: unknown,
) => boolean;
const know = Function.prototype.call.bind(WeakSet.prototype.add) as (set: unknown, value: object) => void;

function isShown(value: unknown): boolean {
  return typeof value === "object" && value !== null && isKnown(shown, value);
}

/** An object that shows itself as this one media type. */
function media(type: string, content: string): object {
  const bundle = { [type]: content };
  const object = { [symbol]: () => bundle };
  know(shown, object);
  return object;
}

function template(type: string): (texts: readonly string[], ...values: unknown[]) => object {
  return (texts, ...values) => {
    let text = "";
    for (let i = 0; i < texts.length; i++) {
      text += texts[i] as string;
      if (i < values.length) text += PrimordialString(values[i]);
    }
    return media(type, text);
  };
}

/** A picture from its bytes: PNG, JPEG, GIF or WebP. */
function image(bytes: Uint8Array): object {
  let text = "";
  const length = typedArrayLength(bytes);
  for (let i = 0; i < length; i++) text += fromCharCode(bytes[i] as number);
  const type = pictureType(text);
  if (type === null) {
    throw new PrimordialTypeError("Cannot show an image: the bytes are no PNG, JPEG, GIF or WebP");
  }
  return media(type, encodeBase64(text));
}

function pictureType(bytes: string): string | null {
  if (stringIndexOf(bytes, "\x89PNG") === 0) return "image/png";
  if (stringIndexOf(bytes, "\xff\xd8\xff") === 0) return "image/jpeg";
  if (stringIndexOf(bytes, "GIF8") === 0) return "image/gif";
  return stringSlice(bytes, 8, 12) === "WEBP" ? "image/webp" : null;
}
