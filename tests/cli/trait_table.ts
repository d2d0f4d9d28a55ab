/** The rows of docs/clusters.md about ipyparallel's traits, made from `cli/traits.ts`. */
import { flagName, type OptionTable } from "../../src/base/options.ts";
import { CONTROLLER_OPTIONS } from "../../src/controller/options.ts";
import { ENGINE_OPTIONS } from "../../src/engine/options.ts";
import { CONTROLLER_TRAITS, ENGINE_TRAITS, type TraitRow } from "../../src/cli/traits.ts";

/** The guide with its generated tables made anew. */
export function withTraitRows(guide: string): string {
  const parts = { ipcontroller_config: controllerTable(), ipengine_config: engineTable() };
  return Object.entries(parts).reduce((text, [name, table]) => {
    const between = new RegExp(
      `(<!-- ${name}: made by \`deno task schema\` -->\n)[^]*?(<!-- end of ${name} -->)`,
    );
    if (!between.test(text)) throw new Error(`docs/clusters.md has no place for the table of ${name}`);
    return text.replace(between, (_, start: string, end: string) => `${start}\n${table}\n\n${end}`);
  }, guide);
}

function controllerTable(): string {
  return tableOf(CONTROLLER_TRAITS, "controller", CONTROLLER_OPTIONS);
}

function engineTable(): string {
  return tableOf(ENGINE_TRAITS, "engine", ENGINE_OPTIONS);
}

function tableOf(rows: readonly TraitRow[], section: string, table: OptionTable): string {
  const lines = rows.map(([classes, trait, flag, reading]) => {
    const program = classes.find((it) => it === "IPController" || it === "IPEngine");
    const names = `\`${program ?? classes[0]}.${trait}\``;
    return `| ${names} | ${meaning(flag, section, table)} | ${remark(reading)} |`;
  });
  return ["| trait | here | |", "|---|---|---|", ...lines].join("\n");
}

function meaning(flag: string, section: string, table: OptionTable): string {
  if (flag === "") return "–";
  const option = Object.keys(table).find((name) => flagName(name) === flag);
  return option === undefined ? `the flag \`${flag}\`` : `\`${section}.${option}\``;
}

const REMARKS: Readonly<Record<string, string>> = {
  seconds: "seconds → ms",
  megabytes: "bytes → MB",
  database: "`SQLiteDB` → `sqlite`, `DictDB` → `memory`, `MongoDB` → `mongodb`, `NoDB` → `none`",
  packer: "`json` or `msgpack`; pickle is refused",
  first: "the first of the list",
};

function remark(reading: TraitRow[3]): string {
  if (typeof reading === "object") {
    return `no effect; may be ${reading.holds.map((it) => `\`${it || "''"}\``).join(" or ")}`;
  }
  return REMARKS[reading ?? ""] ?? "";
}
