/**
 * What the children of an engine are given: from an engine's ceiling and a task's request to the key of the child that the task needs, and to
 * the grant that the child's walls are built from.
 *
 * Paths count as they are and as what they lead to: a link below a granted folder that leads out of it is refused here, before any wall.
 */
import { PermissionDenied } from "../protocol/errors.ts";
import {
  canonical,
  intersect,
  PERMISSION_NAMES,
  type PermissionName,
  type PermissionSet,
  readSet,
  setFor,
  type Values,
} from "../protocol/permissions.ts";
import { containsVariable, isScratch, SECRET_VARIABLES } from "../protocol/permission_values.ts";
import {
  deniedOf,
  type Isolation,
  type Offer,
  offerText,
  type Refusal,
  refusalOf,
  refusedText,
  type TaskAsk,
} from "../protocol/task_asks.ts";
import type { Grant } from "./slot_contract.ts";

export type { TaskAsk } from "../protocol/task_asks.ts";

/** Which child a task needs. Equal needs are the same object, as long as anybody holds it; number 0 is the engine's default. */
export interface ChildKey {
  readonly number: number;
  readonly isolation: Isolation;
  readonly permissions: PermissionSet;
  /** Whose child it is; 0: everybody's. */
  readonly client: number;
}

/** The machine, as grants see it. */
export interface GrantHost {
  /** The path without links, as far as it exists. */
  realPath(path: string): string;
  /** Where a program of this name is; null if nowhere. */
  findProgram(name: string): string | null;
  /** The host's own environment. */
  environment(): Readonly<Record<string, string>>;
}

export interface GrantsOptions {
  readonly ceiling: PermissionSet;
  readonly sets: Readonly<Record<string, PermissionSet>>;
  readonly isolation: Isolation;
  /** Whether children are shared by all clients, or each has its own. */
  readonly sharing: "all" | "client";
  readonly host: GrantHost;
  /** How the engine is called in sentences. */
  readonly name?: () => string;
}

const PATH_NAMES: readonly PermissionName[] = ["read", "write", "ffi"];

/** What asks for nothing. */
const NO_ASK: TaskAsk = { permissions: null, isolation: null };

export class Grants {
  readonly #options: GrantsOptions;
  readonly #keys = new Map<string, WeakRef<ChildKey>>();
  readonly #gone = new FinalizationRegistry<string>((text) => this.#forget(text));
  #last = 0;
  /** What the engine's tasks may get, each path and program also under its other names: what is told to the hub. */
  readonly offer: Offer;
  /** The key of tasks that ask for nothing, where all clients share. */
  readonly default: ChildKey;

  constructor(options: GrantsOptions) {
    this.#options = options;
    const { ceiling, sets, isolation } = options;
    this.offer = { ceiling: this.#resolved(ceiling), sets, isolation };
    this.default = { number: 0, isolation, permissions: this.offer.ceiling, client: 0 };
    this.#keys.set(textOf(this.default), new WeakRef(this.default));
  }

  /**
   * The key of the child that a task needs.
   * @param ask what its tail asks for, null for nothing
   * @param client its client's number
   * @param cap what its client may have at most, null for everything
   * @throws PermissionDenied
   */
  keyFor(ask: TaskAsk | null, client: number, cap: PermissionSet | null = null): ChildKey {
    const isShared = this.#options.sharing === "all";
    if (ask === null && cap === null && isShared) return this.default;
    const { permissions, isolation } = ask ?? NO_ASK;
    return this.#intern({
      isolation: isolation ?? this.#options.isolation,
      permissions: this.#granted(permissions, ask ?? NO_ASK, cap),
      client: isShared ? 0 : client,
    });
  }

  #granted(request: TaskAsk["permissions"], ask: TaskAsk, cap: PermissionSet | null): PermissionSet {
    const ceiling = cap === null ? this.offer.ceiling : intersect(this.offer.ceiling, this.#resolved(cap));
    const offer = { ...this.offer, ceiling };
    // What it asks for is refused in its own words, what that leads to in the machine's.
    this.#check(ask, offer);
    if (request === null) return ceiling;
    const set = this.#resolved(setFor(request, this.offer.sets)!);
    this.#check({ permissions: set, isolation: null }, offer);
    return intersect(set, ceiling);
  }

  #check(ask: TaskAsk, offer: Offer): void {
    const refusal = refusalOf(ask, offer);
    if (refusal !== null) throw this.#denied(refusal, offer);
  }

  #denied(refusal: Refusal, offer: Offer): PermissionDenied {
    const name = this.#options.name?.() ?? "the engine";
    return new PermissionDenied(
      `Cannot run this task: it asks for ${refusedText(refusal)}, and ${name} does not grant it (${
        offerText(refusal, offer)
      })`,
      { denied: deniedOf(refusal, name) },
    );
  }

  #intern(needs: Omit<ChildKey, "number">): ChildKey {
    const text = textOf(needs);
    const known = this.#keys.get(text)?.deref();
    if (known !== undefined) return known;
    const key = { number: ++this.#last, ...needs };
    this.#keys.set(text, new WeakRef(key));
    this.#gone.register(key, text);
    return key;
  }

  #forget(text: string): void {
    if (this.#keys.get(text)?.deref() === undefined) this.#keys.delete(text);
  }

  // ── what things lead to ────────────────────────────────────────────────────────────────────

  /** The set with every path and program under each of its names. */
  #resolved(set: PermissionSet): PermissionSet {
    const allow: Record<string, Values> = {}, deny: Record<string, Values> = {};
    for (const name of PERMISSION_NAMES) {
      allow[name] = this.#names(name, set[name].allow);
      deny[name] = this.#names(name, set[name].deny);
    }
    return readSet(withoutEmpty({ ...allow, deny: withoutEmpty(deny) }), "permissions");
  }

  #names(name: PermissionName, values: Values): Values {
    if (values === true) return true;
    if (name === "run") return values.flatMap((program) => this.#programNames(program));
    if (!PATH_NAMES.includes(name)) return values;
    return values.flatMap((path) => isScratch(path) ? [path] : [path, this.#options.host.realPath(path)]);
  }

  /**
   * A program by name and by path: whoever grants one grants both. Not the file behind a link: of a program with many names, as busybox
   * is one, that would be all of them.
   */
  #programNames(program: string): string[] {
    const isPath = program.includes("/");
    const name = program.slice(program.lastIndexOf("/") + 1);
    const found = this.#options.host.findProgram(name);
    if (isPath) return found === program ? [program, name] : [program];
    return found === null ? [program] : [program, found];
  }

  // ── grants ─────────────────────────────────────────────────────────────────────────────────

  /**
   * What the walls of a child of this key are built from. Looks up links anew: call it right before the walls go up.
   * @param scratch the child's own folder, "" for none
   * @throws PermissionDenied if a path leads elsewhere by now
   */
  grantOf(key: ChildKey, scratch: string): Grant {
    const permissions = this.#resolved(key.permissions);
    if (key !== this.default) this.#check({ permissions, isolation: null }, this.offer);
    const { run } = permissions;
    const programs = run.allow === true ? true : run.allow.filter((program) => program.includes("/"));
    return {
      permissions: { ...permissions, run: { ...run, allow: programs } },
      environment: this.#environment(permissions),
      scratch,
      isolation: key.isolation,
    };
  }

  /** The values of the variables that are granted; and PATH where programs are, since they could not be found by name without. */
  #environment({ env, run }: PermissionSet): Record<string, string> {
    const granted: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#options.host.environment())) {
      const isGranted = matches(env.allow, name) && !matches(env.deny, name);
      const isPath = name === "PATH" && (run.allow === true || run.allow.length > 0);
      if ((isGranted || isPath) && !SECRET_VARIABLES.test(name)) granted[name] = value;
    }
    return granted;
  }
}

function matches(values: Values, name: string): boolean {
  return values === true || values.some((pattern) => containsVariable(pattern, name));
}

function textOf({ isolation, permissions, client }: Omit<ChildKey, "number">): string {
  return `${isolation} ${client} ${canonical(permissions)}`;
}

function withoutEmpty(lists: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(lists).filter(([, list]) => !Array.isArray(list) || list.length > 0),
  );
}
