/**
 * The JSON Schema of profile files, made from the option tables: editors complete keys and values by it, and show what each is for.
 */
import {
  environmentName,
  flagName,
  type JsonSchema,
  type Option,
  type OptionTable,
} from "../base/options.ts";
import { type ProfileTables, SCHEMA_KEY } from "../base/profile.ts";

/** What the schema's file is called, beside a profile's. */
export const SCHEMA_FILE = "tsparallel.schema.json";

const SECTIONS: Readonly<Record<string, string>> = {
  controller: "Hub, schedulers and records (`tsparallel controller`)",
  engine: "Engines and what tasks may do (`tsparallel engine`)",
  client: "Clients",
  cluster: "Who starts controller and engines, and how (`tsparallel cluster start`)",
};

/** The schema of profiles with these sections. */
export function profileSchema(tables: ProfileTables): JsonSchema {
  const sections = Object.entries(tables).map(([name, table]) => [name, sectionSchema(name, table)]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A profile of tsparallel",
    type: "object",
    properties: {
      [SCHEMA_KEY]: { description: "Where this schema is, for editors", type: "string" },
      ...Object.fromEntries(sections),
    },
    additionalProperties: false,
  };
}

/** The schema as its file has it. */
export function schemaText(tables: ProfileTables): string {
  return `${JSON.stringify(profileSchema(tables), null, 2)}\n`;
}

function sectionSchema(name: string, table: OptionTable): JsonSchema {
  const options = Object.entries(table).map(([key, option]) => [key, optionSchema(key, option)]);
  return {
    description: SECTIONS[name] ?? name,
    type: "object",
    properties: Object.fromEntries(options),
    additionalProperties: false,
  };
}

function optionSchema(name: string, option: Option<unknown>): JsonSchema {
  return { description: descriptionOf(name, option), ...option.schema, default: option.default };
}

/** `Time between two heartbeats (ms); --ping-ms, TSPARALLEL_PING_MS` */
function descriptionOf(name: string, { help, unit, isProfileOnly, variables = [] }: Option<unknown>): string {
  const inUnit = unit === "" || unit === "word" ? "" : ` (${unit})`;
  const ways = isProfileOnly ? [] : [flagName(name), environmentName(name), ...variables];
  return `${help}${inUnit}${ways.length === 0 ? "" : `; ${ways.join(", ")}`}`;
}
