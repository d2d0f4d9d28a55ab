/**
 * Values as bytes: our own compact codec for arguments, results and pushed values. It keeps what structured clone keeps, and
 * also the classes and properties of errors. The grammar is in `values_tags.ts`, the writer in `values_write.ts`, the reader in `values_read.ts`.
 *
 * What is not kept: named properties of arrays; private fields, accessors (their value is sent) and prototypes of class instances, which
 * become plain objects; symbols as keys; sharing between views if the first one does not span its buffer; a property of an
 * error that cannot be sent. Proxies are read like what they stand for.
 */
import { errorText } from "./values_error.ts";
import { ValueWriter } from "./values_write.ts";

export { UncodableValue } from "./values_path.ts";
export { readValue } from "./values_read.ts";
export { ValueWriter, type ValueWriterOptions } from "./values_write.ts";

/** Most bytes of an error as `encodeError` writes it. */
const MAX_ERROR_BYTES = 1 << 20;

/**
 * Writes one value into memory of its own.
 * @param root what the value is called in an error's path
 * @throws UncodableValue naming the place that cannot be sent
 */
export function encodeValue(value: unknown, root?: string): { body: Uint8Array; buffers: Uint8Array[] } {
  const writer = new ValueWriter(256);
  writer.write(value, root);
  return { body: writer.bytes(), buffers: writer.buffers };
}

/**
 * Writes whatever was thrown as `{ename, evalue, traceback, error?}`: bounded, without buffers, and never throwing itself.
 * `error` is the thrown value, if it can be sent.
 */
export function encodeError(thrown: unknown): Uint8Array {
  const { ename, evalue, traceback } = errorText(thrown);
  try {
    const writer = new ValueWriter(1024, { maxBytes: MAX_ERROR_BYTES, inline: true });
    writer.write({ ename, evalue, traceback, error: thrown });
    return writer.bytes();
  } catch {
    const writer = new ValueWriter(1024, { inline: true });
    writer.write({ ename, evalue, traceback });
    return writer.bytes();
  }
}
