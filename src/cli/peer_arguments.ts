/**
 * The command line of ipyparallel's programs in ours: traits and other spellings are replaced by our flags before commander reads them,
 * and what the user wrote is remembered for messages.
 */
import { argumentLiteral, meaningOf, type TraitRow } from "./traits.ts";

/** A command line in our own flags. */
export interface OwnArguments {
  readonly args: readonly string[];
  /** Our flag → what the user called it. */
  readonly names: ReadonlyMap<string, string>;
  /** Settings that nothing here corresponds to, with a hint where one is near. */
  readonly unmapped: readonly string[];
}

/** Which words mean what. */
export interface Spellings {
  readonly traits: readonly TraitRow[];
  /** Flags with a value by another name, ours or a trait's: `--ping` → `--ping-ms`, `--ident` → `--Session.session`. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Switches that may be given a value too, which the trait reads: `--log-to-file=True`. */
  readonly switches: Readonly<Record<string, string>>;
  /** Flags without a value, and what they stand for: `--dictdb` → `--database=memory`. */
  readonly shorthands: Readonly<Record<string, readonly string[]>>;
}

const TRAIT = /^--[A-Za-z_]\w*\.[A-Za-z_]\w*$/;

/**
 * Translates arguments; what it does not know stays as it is.
 * @throws OptionError if a trait's value is none that it takes
 */
export function ownArguments(args: readonly string[], spellings: Spellings): OwnArguments {
  const translation = new Translation(args, spellings);
  translation.run();
  return translation;
}

class Translation implements OwnArguments {
  readonly args: string[] = [];
  readonly names = new Map<string, string>();
  readonly unmapped: string[] = [];
  readonly #given: readonly string[];
  readonly #spellings: Spellings;
  #at = 0;

  constructor(given: readonly string[], spellings: Spellings) {
    this.#given = given;
    this.#spellings = spellings;
  }

  run(): void {
    while (this.#at < this.#given.length) {
      const word = this.#given[this.#at++] ?? "";
      if (word === "--") {
        this.args.push(word, ...this.#given.slice(this.#at));
        return;
      }
      this.#take(word);
    }
  }

  #take(word: string): void {
    const equals = word.indexOf("=");
    const flag = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    const { aliases, switches, shorthands } = this.#spellings;
    const stands = value === undefined ? own(shorthands, flag) : undefined;
    const meant = own(aliases, flag) ?? (value === undefined ? undefined : own(switches, flag)) ?? flag;
    if (stands !== undefined) this.args.push(...stands);
    else if (TRAIT.test(meant)) this.#trait(meant, flag, value ?? this.#value());
    else {
      if (meant !== flag) this.names.set(meant, flag);
      this.args.push(value === undefined ? meant : `${meant}=${value}`);
    }
  }

  /** The word behind a trait, or True where none is there, as for a switch. */
  #value(): string {
    const next = this.#given[this.#at];
    if (next === undefined || next.startsWith("--")) return "True";
    this.#at++;
    return next;
  }

  #trait(trait: string, name: string, value: string): void {
    const meaning = meaningOf(this.#spellings.traits, trait.slice(2), argumentLiteral(value), name);
    if (meaning.kind === "unknown") this.unmapped.push(`${name}${meaning.hint}`);
    if (meaning.kind !== "set") return;
    const { flag, value: read } = meaning.setting;
    this.names.set(flag, name);
    this.args.push(typeof read === "string" ? `${flag}=${read}` : read ? flag : flag.replace("--", "--no-"));
  }
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The one line about settings without effect, or undefined if there are none. */
export function unmappedLine(unmapped: readonly string[], program: string): string | undefined {
  return unmapped.length === 0
    ? undefined
    : `These settings of ${program} have no counterpart here and are ignored: ${unmapped.join(", ")}`;
}
