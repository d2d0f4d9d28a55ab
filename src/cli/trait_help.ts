/**
 * `--help-all`: every setting of ipcontroller or ipengine that has a counterpart here, by its class, with our flag and its default.
 */
import { flagName, type OptionTable } from "../base/options.ts";
import type { TraitRow } from "./traits.ts";

/** The part of the help below the flags. */
export function traitHelp(program: string, rows: readonly TraitRow[], table: OptionTable): string {
  const classes = [...new Set(rows.flatMap(([names]) => names))];
  const parts = classes.map((name) => {
    const lines = rows.filter(([names]) => names.includes(name)).map((row) => traitLines(name, row, table));
    return `${name} options\n${"-".repeat(name.length + 8)}\n${lines.join("\n")}`;
  });
  const head =
    `Settings of ${program} that have a counterpart here, on the command line or in ${program}_config.py:`;
  return `\n${head}\n\n${parts.join("\n\n")}\n`;
}

function traitLines(className: string, [, trait, flag, reading]: TraitRow, table: OptionTable): string {
  const name = `--${className}.${trait}`;
  if (typeof reading === "object") {
    return `${name}\n    Has no effect; may be ${reading.holds.map((value) => value || '""').join(" or ")}`;
  }
  const option = Object.entries(table).find(([key]) => flagName(key) === flag)?.[1];
  const unit = reading === "seconds" ? "seconds" : reading === "megabytes" ? "bytes" : undefined;
  const value = reading === "switch" ? "<True or False>" : `<${unit ?? (option?.unit || "text")}>`;
  const lines = [`${name}=${value}`];
  if (option !== undefined) lines.push(`    ${option.help}`);
  lines.push(`    Equivalent to: [${flag}]`);
  if (option !== undefined) lines.push(`    Default: ${defaultText(option.default, reading)}`);
  return lines.join("\n");
}

/** A default in the trait's own unit, as Python writes it. */
function defaultText(value: unknown, reading: TraitRow[3]): string {
  if (value === null || value === undefined || value === "") return "(none)";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (reading === "seconds") return String(Number(value) / 1000);
  if (reading === "megabytes") return String(Number(value) * 2 ** 20);
  return Array.isArray(value) && value.length === 0 ? "(none)" : String(value);
}
