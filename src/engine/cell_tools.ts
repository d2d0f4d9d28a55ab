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
  const program = parse(js, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true });
  const cell = new CellWriter(js);
  program.body.forEach((statement, index) => cell.statement(statement, index === program.body.length - 1));
  return { source: cell.source(), names: [...cell.names], isAsync: cell.hasImports || hasAwait(program) };
}

function stripTypes(code: string): string {
  try {
    const options = {
      transforms: ["typescript" as const],
      disableESTransforms: true,
      keepUnusedImports: true,
    };
    return transform(code, options).code;
  } catch (error) {
    throw new SyntaxError(error instanceof Error ? error.message : String(error));
  }
}

class CellWriter {
  readonly names = new Set<string>();
  hasImports = false;
  readonly #js: string;
  #hoisted = "";
  #body = "";
  #end = 0;

  constructor(js: string) {
    this.#js = js;
  }

  source(): string {
    return this.#hoisted + this.#body + this.#js.slice(this.#end);
  }

  statement(node: AnyNode, isLast: boolean): void {
    this.#body += this.#js.slice(this.#end, node.start);
    this.#body += this.#rewritten(node, isLast);
    this.#end = node.end;
  }

  #rewritten(node: AnyNode, isLast: boolean): string {
    switch (node.type) {
      case "ImportDeclaration":
        return this.#import(node);
      case "VariableDeclaration":
        return this.#variables(node);
      case "FunctionDeclaration":
        if (node.id !== null) this.#hoisted += this.#named(node as FunctionDeclaration);
        return "";
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
    const parts = node.declarations.map((declarator) => {
      for (const name of patternNames(declarator.id)) this.names.add(name);
      if (declarator.init) return `${this.#text(declarator.id)} = ${this.#text(declarator.init)}`;
      return node.kind === "var" ? "0" : `${this.#text(declarator.id)} = undefined`;
    });
    return `void (${parts.join(", ")});`;
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
    this.#hoisted += parts.length > 0 ? parts.join("") : `${module};`;
    return "";
  }
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
