/**
 * Tables for the terminal: columns of text, numbers to the right, nothing else.
 */

/** The lines of a table with a heading. */
export function tableText(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = heading.map((title, at) => [title, ...rows.map((row) => printable(row[at] ?? ""))]);
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => cell.length)));
  const isNumeric = columns.map(([, ...cells]) => cells.every((cell) => /^-?[\d.,]*$/.test(cell)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, at) => isNumeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0))
      .join("  ").trimEnd();
  return [heading, ...rows.map((row) => row.map(printable))].map(line).join("\n");
}

/** Text of others without what could drive the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ");
}
