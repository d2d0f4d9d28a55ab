/**
 * A way out of a slot, as data: code to try, and for each of the three walls what it says when it stands in the way. A wall that is not
 * named does not hold it. With no wall that holds it up, the code must do what it tries, so that no wall can seem to hold because the
 * attempt was wrong.
 */

/** The three switches, in the order in which they are asked: Deno refuses before any system call, the filter before the kernel looks. */
export const WALLS = ["deno", "seccomp", "landlock"] as const;
export type Wall = typeof WALLS[number];
export type Switches = Readonly<Record<Wall, boolean>>;

/**
 * How a refusal is told. `refused`: Deno's NotCapable; an errno by its name; `gone`: what the way needs was taken out of the realm;
 * `unknown`: the loader was given nothing to find it in; `unreached`: an API that says of a failed connection only that it failed.
 */
export type Answer =
  | "refused"
  | "EPERM"
  | "EACCES"
  | "ENOSYS"
  | "EOPNOTSUPP"
  | "EFBIG"
  | "gone"
  | "unknown"
  | "unreached"
  | "open";

export interface Way extends Partial<Record<Wall, Answer>> {
  readonly name: string;
  /**
   * Body of an async function that runs in the slot's Worker and gets `at` (Targets) and `sys`, which makes a system call by FFI and
   * throws its error by name. It succeeds by returning, and fails by throwing.
   */
  readonly code: string;
  /** What stands behind the walls in every state: a limit of the process, or that the thing is not there. */
  readonly always?: Answer;
  /** What the kernel says to whoever lacks a capability: to a host that has none, and to each child whose kernel walls are up. */
  readonly capability?: Answer;
  /** The same for a child that has fewer capabilities than the host, as it has where the host is root. */
  readonly lesser?: Answer;
  /** What lets the same code work. Values may name targets: `$file`, `$folder`, `$tcp`. */
  readonly grant?: Grantable;
  /** The walls' answers where the program is compiled: its loader asks for no permission. */
  readonly compiled?: Partial<Record<Wall, Answer>> & { readonly always?: Answer; readonly first?: Wall };
  /** The wall that answers before the others, where it is not the first of WALLS. */
  readonly first?: Wall;
  /** The wall that only stops it after it has done something. */
  readonly inPart?: Wall;
  /** Needs a slot of its own: it spoils what comes after it. */
  readonly isAlone?: boolean;
  /** Only where this Deno runs: what the other one does not know. */
  readonly only?: "source" | "compiled";
}

/** Permissions by Deno's names. */
export type Grantable = Readonly<Partial<Record<Permission, true | readonly string[]>>>;
export type Permission = "read" | "write" | "net" | "env" | "run" | "sys" | "import" | "ffi";

/** Ways of one kind. */
export interface Category {
  readonly title: string;
  readonly ways: readonly Way[];
}

/** Who says what, as far as most ways of a kind are alike. */
export type Said = Omit<Way, "name" | "code">;

/** Ways that the same walls hold, told by their names. */
export function ways(said: Said, codes: Readonly<Record<string, string>>): Way[] {
  return Object.entries(codes).map(([name, code]) => ({ name, code, ...said }));
}

/** Opening a file, for whatever: Landlock's affair, and Deno's. */
export const OPENING: Said = { deno: "refused", landlock: "EACCES" };
/** What only the filter sees: attributes, sockets that are no TCP, signals, starting programs. */
export const CALLING: Said = { deno: "refused", seccomp: "EPERM" };
/** What Landlock and the filter both refuse. */
export const BOTH: Said = { deno: "refused", seccomp: "EPERM", landlock: "EACCES" };
/** What no wall of the kernel knows. */
export const ASKING: Said = { deno: "refused" };

/** What a way is expected to meet in one state of the switches. */
export function expectedAnswer(way: Way, up: Switches, isCompiled: boolean): Answer {
  const said = isCompiled && way.compiled !== undefined ? way.compiled : way;
  const { first } = said;
  for (const wall of up.deno || first === undefined ? WALLS : [first, ...WALLS]) {
    const answer = said[wall];
    if (up[wall] && answer !== undefined) return answer;
  }
  const isLess = up.landlock || up.seccomp;
  if (way.capability !== undefined && (!IS_PRIVILEGED || isLess)) return way.capability;
  if (way.lesser !== undefined && IS_PRIVILEGED && isLess) return way.lesser;
  return said.always ?? "open";
}

/** Whether this process may do what needs a capability. */
const IS_PRIVILEGED = !/^CapEff:\t0+$/m.test(Deno.readTextFileSync("/proc/self/status"));

/** The walls that hold a way, each by itself. */
export function holders(way: Way, isCompiled: boolean): Wall[] {
  const said = isCompiled && way.compiled !== undefined ? way.compiled : way;
  return WALLS.filter((wall) => said[wall] !== undefined && way.inPart !== wall);
}
