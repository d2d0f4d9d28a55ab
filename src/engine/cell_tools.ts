/**
 * Makes a cell of TypeScript runnable in a namespace that outlives it: types are stripped, and what is declared at the top becomes
 * a property of the global object, so that later cells and applied functions see it and a cell can be run twice. The last
 * expression's value is the cell's. Large (a stripper and a parser), so the Worker loads it with its first cell only.
 */
import {
  type AnyNode,
  type ClassDeclaration,
  type FunctionDeclaration,
  type Node,
  parse,
  type Pattern,
  type Program,
  type VariableDeclaration,
} from "acorn";
import { transform } from "sucrase";

/** A cell ready to run as the body of a function. */
export interface PreparedCell {
  readonly source: string;
  /** Names that the cell declares. */
  readonly names: readonly string[];
  /** Whether it must be the body of an async function. */
  readonly isAsync: boolean;
}

/** @throws SyntaxError if the cell is not TypeScript */
export function prepareCell(code: string): PreparedCell {
  const js = stripTypes(code);
  const program = parseCell(js);
  const cell = new CellWriter(js);
  program.body.forEach((statement, index) => cell.statement(statement, index === program.body.length - 1));
  return { source: cell.source(), names: [...cell.names], isAsync: cell.hasImports || hasAwait(program) };
}

/** The cell's statements. @throws SyntaxError */
export function parseCell(js: string): Program {
  return parse(js, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true });
}

/** @throws SyntaxError, with the place in `pos` */
export function stripTypes(code: string): string {
  try {
    const options = {
      transforms: ["typescript" as const],
      disableESTransforms: true,
      keepUnusedImports: true,
    };
    return transform(code, options).code;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { pos } = error as { readonly pos?: number };
    throw Object.assign(new SyntaxError(error.message), { pos });
  }
}

/**
 * Writes the cell's statements anew. Each begins on the line where it stood, so that the lines of an error's stack are the cell's own:
 * functions stay where they are, inside functions of the wrapper that are called first.
 */
class CellWriter {
  readonly names = new Set<string>();
  hasImports = false;
  readonly #js: string;
  #first = "";
  #hoisted = 0;
  #body = "";
  #end = 0;

  constructor(js: string) {
    this.#js = js;
  }

  source(): string {
    return this.#first + this.#body + this.#js.slice(this.#end);
  }

  statement(node: AnyNode, isLast: boolean): void {
    this.#body += this.#js.slice(this.#end, node.start);
    const text = this.#rewritten(node, isLast);
    const missing = linesOf(this.#text(node)) - linesOf(text);
    this.#body += text + (missing > 0 ? "\n".repeat(missing) : "");
    this.#end = node.end;
  }

  #rewritten(node: AnyNode, isLast: boolean): string {
    switch (node.type) {
      case "ImportDeclaration":
        return this.#import(node);
      case "VariableDeclaration":
        return this.#variables(node);
      case "FunctionDeclaration":
        return node.id === null ? "" : this.#hoist(node as FunctionDeclaration);
      case "ClassDeclaration":
        return node.id === null ? "" : this.#named(node as ClassDeclaration);
      case "ExpressionStatement":
        return isLast ? `return (${this.#text(node.expression)}\n);` : this.#text(node);
      case "ExportNamedDeclaration":
        return node.declaration ? this.#rewritten(node.declaration, isLast) : "";
      case "ExportDefaultDeclaration":
        // Also a named function's or class's: then only its value counts.
        return `return (${this.#text(node.declaration)}\n);`;
      default:
        return this.#text(node);
    }
  }

  #hoist(node: FunctionDeclaration): string {
    const maker = `__hoist_${++this.#hoisted}__`;
    this.#first = `${maker}();` + this.#first;
    return `function ${maker}() { ${this.#named(node)} }`;
  }

  /** A function or class as an assignment to its name. */
  #named(node: FunctionDeclaration | ClassDeclaration): string {
    this.names.add(node.id.name);
    return `${node.id.name} = ${this.#text(node)};`;
  }

  #text(node: Node): string {
    return this.#js.slice(node.start, node.end);
  }

  #variables(node: VariableDeclaration): string {
    if (node.kind !== "var" && node.kind !== "let" && node.kind !== "const") return this.#text(node);
    let text = "", end = node.start + node.kind.length;
    for (const declarator of node.declarations) {
      for (const name of patternNames(declarator.id)) this.names.add(name);
      // What stands between: a comma, and lines.
      text += this.#js.slice(end, declarator.start) + this.#assignment(declarator, node.kind);
      end = declarator.end;
    }
    return `void (${text});`;
  }

  #assignment(declarator: VariableDeclaration["declarations"][number], kind: string): string {
    if (declarator.init) return this.#text(declarator);
    return kind === "var" ? "0" : `${this.#text(declarator.id)} = undefined`;
  }

  #import(node: Extract<AnyNode, { type: "ImportDeclaration" }>): string {
    this.hasImports = true;
    const attributes = node.attributes.map((attribute) => this.#text(attribute)).join(", ");
    const options = attributes === "" ? "" : `, { with: { ${attributes} } }`;
    const module = `await import(${JSON.stringify(node.source.value)}${options})`;
    const parts: string[] = [];
    for (const specifier of node.specifiers) {
      const name = specifier.local.name;
      this.names.add(name);
      if (specifier.type === "ImportNamespaceSpecifier") parts.push(`${name} = ${module};`);
      if (specifier.type === "ImportDefaultSpecifier") parts.push(`({ default: ${name} } = ${module});`);
      if (specifier.type !== "ImportSpecifier") continue;
      parts.push(`({ ${this.#text(specifier.imported)}: ${name} } = ${module});`);
    }
    // Imports come first, wherever they stand.
    this.#first += parts.length > 0 ? parts.join("") : `${module};`;
    return "";
  }
}

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

function patternNames(pattern: Pattern): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((part) => patternNames(part.type === "Property" ? part.value : part));
    case "ArrayPattern":
      return pattern.elements.flatMap((part) => part === null ? [] : patternNames(part));
    case "AssignmentPattern":
      return patternNames(pattern.left);
    case "RestElement":
      return patternNames(pattern.argument);
    case "MemberExpression":
      return [];
  }
}

/** Whether there is an await outside all functions. */
function hasAwait(node: unknown): boolean {
  if (Array.isArray(node)) return node.some(hasAwait);
  if (typeof node !== "object" || node === null || !("type" in node)) return false;
  const type = String(node.type);
  if (type === "AwaitExpression" || (type === "ForOfStatement" && "await" in node && node.await === true)) {
    return true;
  }
  if (/Function/.test(type)) return false;
  return Object.values(node).some(hasAwait);
}
