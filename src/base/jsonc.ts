/** JSON with comments and trailing commas, as profiles have it. */
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";

/**
 * Reads a text.
 * @param source what errors call it
 * @throws SyntaxError with the line
 */
export function parseJsonc(text: string, source: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first === undefined) return value;
  const line = text.slice(0, first.offset).split("\n").length;
  const code = printParseErrorCode(first.error).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  throw new SyntaxError(`Cannot read ${source}:${line}: ${code}`);
}
