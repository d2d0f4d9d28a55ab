/**
 * `deno task schema`: writes what is made from the option tables and held equal to them by tests: the JSON Schema of profiles, and the rows about
 * ipyparallel's traits in docs/clusters.md.
 */
import { PROFILE_TABLES } from "../src/cli/command.ts";
import { SCHEMA_FILE, schemaText } from "../src/cli/profile_schema.ts";
import { withTraitRows } from "./cli/trait_table.ts";

/** The schema's file. */
export const SCHEMA = new URL(`../profiles/${SCHEMA_FILE}`, import.meta.url);

/** The guide with the table of traits. */
export const GUIDE = new URL("../docs/clusters.md", import.meta.url);

if (import.meta.main) {
  await Deno.writeTextFile(SCHEMA, schemaText(PROFILE_TABLES));
  await Deno.writeTextFile(GUIDE, withTraitRows(await Deno.readTextFile(GUIDE)));
}
