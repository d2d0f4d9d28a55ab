/**
 * What a profile says about permissions, and what it and the flags of an engine give together.
 */
import { type JsonSchema, type Option, OptionError } from "../base/options.ts";
import { ceilingOf, hasFlags, type PermissionFlags } from "../protocol/permission_flags.ts";
import {
  excessText,
  PERMISSION_NAMES,
  type PermissionSet,
  readRequest,
  readSet,
} from "../protocol/permissions.ts";

/** A permission's values: everything, nothing, or texts in Deno's syntax. */
const VALUES_SCHEMA: JsonSchema = { type: ["boolean", "array"], items: { type: "string" } };
const NAMED_SCHEMAS = Object.fromEntries(PERMISSION_NAMES.map((name) => [name, VALUES_SCHEMA]));
const DENY_SCHEMA: JsonSchema = { type: "object", properties: NAMED_SCHEMAS, additionalProperties: false };
const SET_SCHEMA: JsonSchema = {
  type: "object",
  properties: { ...NAMED_SCHEMAS, deny: DENY_SCHEMA },
  additionalProperties: false,
};

/** A profile's `permissions`: the ceiling of what flags and tasks may ask for. Paths are checked, and resolved where the engine works. */
export const PERMISSIONS: Option<unknown> = {
  default: null,
  help: "What tasks may do at most: an object, or the name of a set",
  unit: "set",
  isProfileOnly: true,
  schema: { anyOf: [{ type: ["string", "null"] }, SET_SCHEMA] },
  read: (value, name) => {
    if (value !== null) guarded(() => readRequest(value, name, "/"));
    return value;
  },
};

/** A profile's `permissionSets`: sets that tasks can ask for by name. */
export const PERMISSION_SETS: Option<Readonly<Record<string, unknown>>> = {
  default: {},
  help: "Sets of permissions by name",
  unit: "sets",
  isProfileOnly: true,
  schema: { type: "object", additionalProperties: SET_SCHEMA },
  read: (value, name) => {
    guarded(() => readSets(value, name, "/"));
    return value as Readonly<Record<string, unknown>>;
  },
};

function readSets(value: unknown, where: string, base: string): Record<string, PermissionSet> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`Cannot use ${JSON.stringify(value)} for "${where}": it takes sets by name`);
  }
  const sets: Record<string, PermissionSet> = {};
  for (const [name, set] of Object.entries(value)) {
    if (name === "none" || !/^[\w.-]{1,64}$/.test(name)) {
      throw new TypeError(
        `Cannot use "${name}" in "${where}": a set's name has letters, digits, "_", "-" and ".", and "none" is taken`,
      );
    }
    sets[name] = readSet(set, `${where}.${name}`, base);
  }
  return sets;
}

/** @throws OptionError in place of a TypeError */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TypeError) throw new OptionError(error.message);
    throw error;
  }
}

/** What an engine offers. */
export interface EnginePermissions {
  readonly ceiling: PermissionSet;
  readonly sets: Readonly<Record<string, PermissionSet>>;
}

/**
 * Brings profile and flags together.
 * @param place where the profile states its permissions: `file:line`
 * @param base the folder of relative paths
 * @throws OptionError naming the flag's permission and the profile's line
 */
export function enginePermissions(
  options: { readonly permissions: unknown; readonly permissionSets: Readonly<Record<string, unknown>> },
  flags: PermissionFlags,
  { place, base }: { readonly place: string; readonly base: string },
): EnginePermissions {
  const sets = guarded(() => readSets(options.permissionSets, "engine.permissionSets", base));
  const stated = options.permissions === null ? null : statedSet(options.permissions, sets, { place, base });
  const ceiling = ceilingOf(stated, hasFlags(flags) ? flags : null, base);
  if (ceiling.kind === "ceiling") return { ceiling: ceiling.set, sets };
  throw new OptionError(
    `Cannot allow ${excessText(ceiling.excess)}: flags can only narrow what the profile states as ` +
      `"engine.permissions" (${place})`,
  );
}

function statedSet(
  value: unknown,
  sets: Readonly<Record<string, PermissionSet>>,
  { place, base }: { readonly place: string; readonly base: string },
): PermissionSet {
  const request = guarded(() => readRequest(value, "engine.permissions", base));
  if (typeof request !== "string") return request;
  const found = Object.hasOwn(sets, request) ? sets[request] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(sets).join(", ") || "there are none";
  throw new OptionError(
    `Cannot use "${request}" for "engine.permissions" (${place}): "engine.permissionSets" has ${names}`,
  );
}
