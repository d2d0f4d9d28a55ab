/**
 * Errors of cells as a front-end shows them: the stack without the engine's own frames, and the line of the cell that it points to.
 */

/** An error as replies and IOPub have it. */
export interface CellError {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** Frames of the code around the user's: the engine's and the runtime's. */
const OWN_FRAME = /^\s+at .*(?:\btsparallel:slot\b|\bext:|\(<anonymous>\)$)/;
/** How the runtime writes a place in a cell. Its columns are those of the code as it was made runnable. */
const CELL_PLACE = /(?:eval \()?\(?\b(cell_\d+\.ts), <anonymous>:(\d+):\d+\)?/;
/** Lines that are shown before and after the one that is meant. */
const AROUND = 2;
const MAX_LINE = 200;

/**
 * The error with a traceback that a person can use.
 * @param count of the cell, which stands in its frames
 */
export function placedError(error: CellError, code: string, count: number): CellError {
  const traceback = cellTraceback(error.traceback);
  if (traceback.length === 0) traceback.push(`${error.ename}: ${error.evalue}`);
  const line = lineOf({ ...error, traceback }, count);
  if (line !== null) traceback.push(...excerpt(code, line));
  return { ...error, traceback };
}

/** A stack's lines without the frames that are not the user's. */
export function cellTraceback(lines: readonly string[]): string[] {
  return lines.filter((line) => !OWN_FRAME.test(line)).map((line) =>
    line.replace(CELL_PLACE, (place, cell, at) => place.startsWith("(") ? `(${cell}:${at})` : `${cell}:${at}`)
  );
}

/** The line of the cell that an error names, from 1; null if it names none. */
function lineOf({ ename, evalue, traceback }: CellError, count: number): number | null {
  const frame = new RegExp(`\\bcell_${count}\\.ts:(\\d+)`);
  for (const text of traceback) {
    const [, line] = frame.exec(text) ?? [];
    if (line !== undefined) return Number(line);
  }
  if (ename !== "SyntaxError") return null;
  const [, line] = /\((\d+):\d+\)$/.exec(evalue) ?? [];
  return line === undefined ? null : Number(line);
}

function excerpt(code: string, line: number): string[] {
  const lines = code.split("\n");
  if (line < 1 || line > lines.length) return [];
  const from = Math.max(1, line - AROUND), to = Math.min(lines.length, line + AROUND);
  const width = String(to).length;
  const shown = ["", `cell, line ${line}:`];
  for (let at = from; at <= to; at++) {
    const mark = at === line ? "->" : "  ";
    shown.push(`${mark} ${String(at).padStart(width)} | ${lines[at - 1]!.slice(0, MAX_LINE)}`);
  }
  return shown;
}
