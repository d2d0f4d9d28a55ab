/**
 * The controller's policy: what each client may ask for at most, and who may be an engine, by CURVE key. Pure; who somebody is was found out by `wire/zap.ts`.
 *
 * Without CURVE nobody can be told from others, and the one cap `everyone` holds for all.
 */
import { didYouMean } from "../base/options.ts";
import {
  ALL_PERMISSIONS,
  canonical,
  NO_PERMISSIONS,
  type PermissionRequest,
  type PermissionSet,
  readSet,
  toJson,
} from "./permissions.ts";

/** A policy as the profile and the link have it. */
export interface PolicyText {
  /** The cap of clients without an entry. Missing: with CURVE they are not let in. */
  readonly everyone?: CapText;
  readonly clients?: Readonly<Record<string, { readonly key: string; readonly permissions: CapText }>>;
  /** Keys of those who may be engines; `any`: every key that may connect at all. */
  readonly engines?: "any" | readonly string[];
}

/** A set, `all` (no cap) or `none`. */
export type CapText = string | PermissionRequest;

/** What one client may ask for at most. */
export interface Cap {
  /** What the policy calls it; "everyone" for those without an entry. */
  readonly name: string;
  readonly permissions: PermissionSet;
  /** Whether it holds back anything at all. */
  readonly isAll: boolean;
}

/** Where somebody connects: to the clients' sockets, the engines', or the one for both. */
export type Side = "client" | "engine" | "both";

const KEY = /^[0-9A-Za-z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;
const ALL = canonical(ALL_PERMISSIONS);

export class Policy {
  readonly #byKey = new Map<string, Cap>();
  readonly #everyone: Cap | null;
  readonly #engines: ReadonlySet<string> | "any";
  /** The controller's own key: it runs tasks again for clients. */
  readonly #own: string;

  /**
   * Reads a policy.
   * @param own the controller's public CURVE key; "" without CURVE
   * @param where what the text is called in errors
   * @throws TypeError naming the key, with a sentence
   */
  constructor(text: unknown, own: string, where = "policy") {
    const { everyone, clients, engines } = partsOf(text, where);
    this.#own = own;
    this.#everyone = everyone === undefined ? null : capOf("everyone", everyone, `${where}.everyone`);
    if (own === "") refuseKeys({ everyone, clients, engines }, where);
    for (
      const [name, entry] of Object.entries(
        clients === undefined ? {} : objectOf(clients, `${where}.clients`),
      )
    ) {
      this.#add(name, entry, `${where}.clients.${name}`);
    }
    this.#engines = own === "" ? "any" : enginesOf(engines, where);
    for (const key of this.#engines === "any" ? [] : this.#engines) {
      if (!this.#byKey.has(key)) continue;
      throw new TypeError(
        `Cannot use "${where}": the key ${key} is an engine's and a client's; an engine sees all tasks, so give it a key of its own`,
      );
    }
  }

  #add(name: string, entry: unknown, where: string): void {
    const { key, permissions, ...others } = objectOf(entry, where);
    for (const other of Object.keys(others)) {
      throw new TypeError(`Unknown key "${where}.${other}"${didYouMean(other, ["key", "permissions"])}`);
    }
    const checked = keyOf(key, `${where}.key`);
    if (this.#byKey.has(checked)) {
      throw new TypeError(`Cannot use "${where}.key": another client has this key`);
    }
    this.#byKey.set(checked, capOf(name, permissions ?? "none", `${where}.permissions`));
  }

  /** Whether this is the controller's own key. */
  isOwn(key: string): boolean {
    return key !== "" && key === this.#own;
  }

  /** What who came by this key may ask for; null: it is no client. */
  capOf(key: string): Cap | null {
    if (this.isOwn(key)) return OWN;
    const own = this.#byKey.get(key);
    if (own !== undefined) return own;
    return this.#engines !== "any" && this.#engines.has(key) ? null : this.#everyone;
  }

  /** The cap of clients without an entry. Where they are not let in at all it is none. */
  get everyone(): Cap {
    return this.#everyone ?? NOBODY;
  }

  /** Whether who came by this key may be an engine. */
  isEngine(key: string): boolean {
    if (this.#engines !== "any") return this.#engines.has(key);
    return this.#own === "" || !this.#byKey.has(key);
  }

  /** Who is let in at a socket, under its key. */
  admits(key: string, side: Side): boolean {
    const isClient = side !== "engine" && this.capOf(key) !== null;
    return isClient || (side !== "client" && this.isEngine(key));
  }

  /** A cap as it travels to engines. */
  static capText({ permissions, isAll }: Cap): CapText {
    return isAll ? "all" : toJson(permissions);
  }

  /** The same policy as JSON, for the link. */
  toJson(): PolicyText {
    const { capText } = Policy;
    return {
      ...(this.#everyone === null ? {} : { everyone: capText(this.#everyone) }),
      ...(this.#own === "" ? {} : {
        clients: Object.fromEntries(
          [...this.#byKey].map(([key, cap]) => [cap.name, { key, permissions: capText(cap) }]),
        ),
        engines: this.#engines === "any" ? "any" : [...this.#engines],
      }),
    };
  }
}

const NOBODY: Cap = { name: "everyone", permissions: NO_PERMISSIONS, isAll: false };
const OWN: Cap = { name: "controller", permissions: ALL_PERMISSIONS, isAll: true };

function partsOf(text: unknown, where: string) {
  const given = objectOf(text, where);
  const known = ["everyone", "clients", "engines"];
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    throw new TypeError(
      `Unknown key "${where}.${key}"${didYouMean(key, known) || `: there are ${known.join(", ")}`}`,
    );
  }
  return { everyone: given["everyone"], clients: given["clients"], engines: given["engines"] };
}

/** Without CURVE nobody has a key. */
function refuseKeys(parts: { everyone: unknown; clients: unknown; engines: unknown }, where: string): void {
  const { everyone, clients, engines } = parts;
  const keyed = clients !== undefined
    ? "clients"
    : engines !== undefined && engines !== "any"
    ? "engines"
    : undefined;
  if (keyed !== undefined) {
    throw new TypeError(
      `Cannot use "${where}.${keyed}" without CURVE: nobody has a key there; add --enable-curve, or leave one cap for all ("everyone")`,
    );
  }
  if (everyone === undefined) {
    throw new TypeError(
      `Cannot use "${where}": without CURVE it takes "everyone", the one cap of all clients`,
    );
  }
}

function enginesOf(engines: unknown, where: string): ReadonlySet<string> | "any" {
  if (engines === "any") return "any";
  if (!Array.isArray(engines)) {
    throw new TypeError(
      `Cannot use "${where}": "engines" has to say who may be an engine, as an engine gets every client's tasks: ` +
        `a list of public keys, or "any" for every key that is no client's`,
    );
  }
  return new Set(engines.map((key: unknown, i) => keyOf(key, `${where}.engines.${i}`)));
}

function keyOf(key: unknown, where: string): string {
  if (typeof key === "string" && KEY.test(key)) return key;
  throw new TypeError(
    `Cannot use ${
      JSON.stringify(key) ?? "nothing"
    } for "${where}": it takes a public CURVE key, 40 characters in Z85, as tsparallel keys prints it`,
  );
}

function capOf(name: string, text: unknown, where: string): Cap {
  const permissions = text === "all"
    ? ALL_PERMISSIONS
    : text === "none"
    ? NO_PERMISSIONS
    : readSet(text, where);
  return { name, permissions, isAll: canonical(permissions) === ALL };
}

function objectOf(value: unknown, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new TypeError(`Cannot use ${JSON.stringify(value) ?? "nothing"} for "${where}": it takes an object`);
}
