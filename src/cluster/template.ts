/**
 * Texts with expressions in braces, as batch scripts and job descriptions need them: `#SBATCH --nodes={ceil(n / 4)}`.
 *
 * An expression is a name, a number, a text in quotes, a call of `ceil`, `floor`, `min`, `max` or `quote`, or these joined by `+ - * / %` and parentheses.
 * `${HOME}` belongs to the shell and stays, `{{` and `}}` stand for single braces. Names may be written with underscores (`profile_dir`), as in
 * ipyparallel's templates. Nothing else can be said: a template is read, never run.
 */
import { didYouMean, OptionError } from "../base/options.ts";

/** What a name stands for. */
export type TemplateValue = string | number;

/** The values of a template's names. */
export type TemplateValues = Readonly<Record<string, TemplateValue>>;

/**
 * The text with each expression replaced by its value.
 * @param where what errors call the template, like the path of its file
 * @throws OptionError with line and expression: a name that is not there, a value with control characters, an expression that cannot be read
 */
export function renderTemplate(template: string, values: TemplateValues, where: string): string {
  return template.replace(
    /\{\{|\}\}|\$\{[^{}]*\}|\{([^{}]*)\}/g,
    (found, expression?: string, at?: number) => {
      if (found === "{{" || found === "}}") return found.charAt(0);
      if (expression === undefined || found.startsWith("$")) return found;
      try {
        return textOf(new Expression(expression, values).value());
      } catch (error) {
        if (!(error instanceof OptionError)) throw error;
        const line = template.slice(0, Number(at)).split("\n").length;
        throw new OptionError(`Cannot use ${where}, line ${line}, "{${expression}}": ${error.message}`);
      }
    },
  );
}

/** A word as a POSIX shell takes it for itself, whatever is in it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The words of a command as one line for a POSIX shell. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

const FUNCTIONS: Readonly<Record<string, (...values: TemplateValue[]) => TemplateValue>> = {
  ceil: (value) => Math.ceil(numberFrom(value)),
  floor: (value) => Math.floor(numberFrom(value)),
  min: (...values) => Math.min(...values.map(numberFrom)),
  max: (...values) => Math.max(...values.map(numberFrom)),
  quote: (value) => shellWord(String(value)),
};

const TOKENS = /\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|"([^"]*)"|'([^']*)'|([-+*/%(),]))/y;

type Token =
  | { readonly kind: "value"; readonly value: TemplateValue }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "sign"; readonly sign: string };

/** One expression: sums of products of values, read from left to right. */
class Expression {
  readonly #tokens: readonly Token[];
  readonly #values: TemplateValues;
  #at = 0;

  constructor(text: string, values: TemplateValues) {
    this.#tokens = tokensOf(text);
    this.#values = values;
  }

  value(): TemplateValue {
    const value = this.#sum();
    if (this.#at < this.#tokens.length) throw new OptionError("something follows that does not belong to it");
    return value;
  }

  #sum(): TemplateValue {
    let value = this.#product();
    for (let sign = this.#sign("+", "-"); sign !== undefined; sign = this.#sign("+", "-")) {
      value = calculate(sign, value, this.#product());
    }
    return value;
  }

  #product(): TemplateValue {
    let value = this.#single();
    for (let sign = this.#sign("*", "/", "%"); sign !== undefined; sign = this.#sign("*", "/", "%")) {
      value = calculate(sign, value, this.#single());
    }
    return value;
  }

  #single(): TemplateValue {
    if (this.#sign("-") !== undefined) return -numberFrom(this.#single());
    if (this.#sign("(") !== undefined) {
      const value = this.#sum();
      this.#expect(")");
      return value;
    }
    const token = this.#tokens[this.#at++];
    if (token?.kind === "value") return token.value;
    if (token?.kind === "name") {
      return this.#sign("(") === undefined ? this.#named(token.name) : this.#call(token.name);
    }
    throw new OptionError("it takes a name, a number or a call here");
  }

  #named(given: string): TemplateValue {
    const name = given.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    if (value !== undefined) return value;
    const names = Object.keys(this.#values);
    throw new OptionError(
      `no value is called "${given}"${didYouMean(name, names) || `; there are ${names.join(", ")}`}`,
    );
  }

  #call(name: string): TemplateValue {
    const run = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    const values = [this.#sum()];
    while (this.#sign(",") !== undefined) values.push(this.#sum());
    this.#expect(")");
    if (run !== undefined) return run(...values);
    throw new OptionError(`no function is called "${name}"${didYouMean(name, Object.keys(FUNCTIONS))}`);
  }

  #sign(...wanted: readonly string[]): string | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "sign" || !wanted.includes(token.sign)) return undefined;
    this.#at++;
    return token.sign;
  }

  #expect(sign: string): void {
    if (this.#sign(sign) === undefined) throw new OptionError(`a "${sign}" is missing`);
  }
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKENS);
  const whole = text.trimEnd();
  while (pattern.lastIndex < whole.length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(whole);
    if (found === null) throw new OptionError(`it cannot be read from "${whole.slice(at).trim()}" on`);
    const [, number, name, quoted, alsoQuoted, sign] = found;
    if (number !== undefined) tokens.push({ kind: "value", value: Number(number) });
    else if (name !== undefined) tokens.push({ kind: "name", name });
    else if (sign !== undefined) tokens.push({ kind: "sign", sign });
    else tokens.push({ kind: "value", value: quoted ?? alsoQuoted ?? "" });
  }
  return tokens;
}

function calculate(sign: string, left: TemplateValue, right: TemplateValue): TemplateValue {
  if (sign === "+" && (typeof left === "string" || typeof right === "string")) return `${left}${right}`;
  const [a, b] = [numberFrom(left), numberFrom(right)];
  switch (sign) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    default:
      return a % b;
  }
}

function numberFrom(value: TemplateValue): number {
  const number = typeof value === "number" ? value : value.trim() === "" ? NaN : Number(value);
  if (Number.isFinite(number)) return number;
  throw new OptionError(`"${value}" is no number`);
}

/** A value must stay within its line: a directive that a line break could follow would be somebody else's. */
function textOf(value: TemplateValue): string {
  const text = String(value);
  // deno-lint-ignore no-control-regex
  if (typeof value === "string" && /[\0-\x08\x0a-\x1f]/.test(value)) {
    throw new OptionError("its value has control characters");
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new OptionError("its value is no finite number");
  }
  return text;
}
