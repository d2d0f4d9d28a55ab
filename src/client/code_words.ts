/** The names and keywords of JavaScript text, in order: what stays the same of a function however it is laid out. */
import { type Node, parse, parseExpressionAt, type Program, type Token } from "acorn";

export interface Word {
  readonly word: string;
  /** Where it begins in the text. */
  readonly start: number;
}

/** The words of an expression; undefined if it cannot be read. */
export function wordsOf(source: string): Word[] | undefined {
  const words: Word[] = [];
  try {
    const { end } = parseExpressionAt(source, 0, {
      ecmaVersion: "latest",
      onToken: (token) => add(words, source, token),
    });
    // The parser has looked one token too far.
    return words.filter(({ start }) => start < end);
  } catch {
    return undefined;
  }
}

/** A module's tree and words; undefined if it cannot be read. */
export function moduleWords(
  source: string,
): { readonly program: Program; readonly words: Word[] } | undefined {
  const words: Word[] = [];
  try {
    const program = parse(source, {
      ecmaVersion: "latest",
      sourceType: "module",
      allowReturnOutsideFunction: true,
      allowHashBang: true,
      onToken: (token) => add(words, source, token),
    });
    return { program, words };
  } catch {
    return undefined;
  }
}

function add(words: Word[], source: string, { type, start, end }: Token): void {
  if (type.keyword === undefined && type.label !== "name") return;
  // Where the parser has to look back it reads a token twice.
  if ((words.at(-1)?.start ?? -1) < start) words.push({ word: source.slice(start, end), start });
}

/** All functions of a tree, as [start, end]. */
export function functionsIn(node: Node): [number, number][] {
  const own: [number, number][] = /Function/.test(node.type) ? [[node.start, node.end]] : [];
  const inner = Object.values(node).flatMap((value: unknown) =>
    (Array.isArray(value) ? value : [value]).filter(isNode).flatMap(functionsIn)
  );
  return [...own, ...inner];
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && typeof (value as Partial<Node>).type === "string";
}
