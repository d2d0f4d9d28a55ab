/**
 * The free names of a function's text: those that it takes from where it runs. Scopes are JavaScript's own (strict mode); a name that is
 * declared anywhere in a scope is bound in all of it, so what is read too early is not found here. Pure.
 */
import { type AnyNode, parseExpressionAt } from "acorn";

/** A name that is bound nowhere in the text. */
export interface FreeName {
  readonly name: string;
  /** Where it is first used; both count from 1. */
  readonly line: number;
  readonly column: number;
}

/** What is known of a function's text. */
export interface FreeNames {
  readonly names: readonly FreeName[];
  /** Whether the whole text is one expression, as far as the parser knows. */
  readonly isExpression: boolean;
  /** Whether it may bring names into being where it runs: it names the global object, or what makes code of text. */
  readonly mayDefine: boolean;
}

const NOTHING: FreeNames = { names: [], isExpression: false, mayDefine: false };
const UNKNOWN: FreeNames = { names: [], isExpression: true, mayDefine: true };

/** What leads to the global object, or makes code of text. */
const DEFINERS: readonly string[] = ["globalThis", "self", "global", "eval", "Function"];

/**
 * The free names of a function's text, each once, in order. None if the text calls `eval` directly, or is in a form that the parser does not know:
 * then nobody can tell.
 */
export function freeNames(source: string): FreeNames {
  let root: AnyNode;
  try {
    root = parseExpressionAt(source, 0, { ecmaVersion: "latest", locations: true });
  } catch {
    return NOTHING;
  }
  if (root.end !== source.length) return NOTHING;
  const search = new Search();
  search.visit(root, { names: new Set(), outer: null });
  if (search.hasEval) return UNKNOWN;
  const names = [...search.found].filter(([name]) => !search.asked.has(name)).map(([name, node]) => ({
    name,
    line: node.loc?.start.line ?? 1,
    column: (node.loc?.start.column ?? 0) + 1,
  }));
  return { names, isExpression: true, mayDefine: DEFINERS.some((name) => search.found.has(name)) };
}

interface Scope {
  readonly names: Set<string>;
  readonly outer: Scope | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields that hold names of labels, keys and the like, unless they are computed. */
const KEYS: Readonly<Record<string, string>> = {
  MemberExpression: "property",
  Property: "key",
  MethodDefinition: "key",
  PropertyDefinition: "key",
  LabeledStatement: "label",
  BreakStatement: "label",
  ContinueStatement: "label",
};

/** Nodes that make a scope for what `let`, `const`, `class` and `function` declare directly in them. */
const BLOCKS: ReadonlySet<string> = new Set([
  "BlockStatement",
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "SwitchStatement",
]);

class Search {
  /** Names that no scope binds, where they are first used. */
  readonly found = new Map<string, AnyNode>();
  /** Names that the text asks for with `typeof`, which is how code asks whether they are there. */
  readonly asked = new Set<string>();
  hasEval = false;

  visit(node: AnyNode, scope: Scope): void {
    switch (node.type) {
      case "Identifier":
        return this.#use(node.name, node, scope);
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return this.#children(node, functionScope(node, scope));
      case "ClassDeclaration":
      case "ClassExpression":
        return this.#children(node, scopeOf(scope, node.id == null ? [] : [node.id.name]));
      case "StaticBlock":
        return this.#children(node, scopeOf(scope, [...declared(node), ...vars(node)]));
      case "CatchClause":
        return this.#children(node, scopeOf(scope, node.param == null ? [] : boundNames(node.param)));
      case "MetaProperty":
        return;
      case "UnaryExpression":
        if (node.operator !== "typeof" || node.argument.type !== "Identifier") break;
        if (!isBound(node.argument.name, scope)) this.asked.add(node.argument.name);
        return;
      case "CallExpression":
        if (node.callee.type === "Identifier" && node.callee.name === "eval") this.hasEval = true;
        break;
    }
    this.#children(node, BLOCKS.has(node.type) ? scopeOf(scope, declared(node)) : scope);
  }

  #use(name: string, node: AnyNode, scope: Scope): void {
    if (!this.found.has(name) && !isBound(name, scope)) this.found.set(name, node);
  }

  #children(node: AnyNode, scope: Scope): void {
    const key = KEYS[node.type];
    const isComputed = (node as unknown as Fields).computed === true;
    for (const child of childrenOf(node, isComputed ? undefined : key)) this.visit(child, scope);
  }
}

function isBound(name: string, scope: Scope): boolean {
  for (let at: Scope | null = scope; at !== null; at = at.outer) if (at.names.has(name)) return true;
  return false;
}

function scopeOf(outer: Scope, names: readonly string[]): Scope {
  return names.length === 0 ? outer : { names: new Set(names), outer };
}

function functionScope(node: AnyNode, outer: Scope): Scope {
  const { id, params, body } = node as Extract<AnyNode, { type: "FunctionExpression" }>;
  const own = node.type === "ArrowFunctionExpression" ? [] : ["arguments"];
  if (id != null) own.push(id.name);
  return scopeOf(outer, [...own, ...params.flatMap(boundNames), ...vars(body)]);
}

/** The nodes in a node, but for the field `without`. */
function childrenOf(node: AnyNode, without?: string): AnyNode[] {
  const children: AnyNode[] = [];
  for (const [name, value] of Object.entries(node)) {
    if (name === without) continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) children.push(child);
  }
  return children;
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as Fields).type === "string";
}

/** What `let`, `const`, `class` and `function` declare directly in a block. */
function declared(block: AnyNode): string[] {
  const inner = block.type === "SwitchStatement" ? block.cases.flatMap(({ consequent }) => consequent) : [];
  return [...childrenOf(block), ...inner].flatMap((node) => {
    if (node.type === "VariableDeclaration") return node.declarations.flatMap(({ id }) => boundNames(id));
    if (node.type === "FunctionDeclaration" || node.type === "ClassDeclaration") {
      return node.id == null ? [] : [node.id.name];
    }
    return [];
  });
}

/** What `var` declares anywhere in a function's body. */
function vars(node: AnyNode): string[] {
  const own = node.type === "VariableDeclaration" && node.kind === "var"
    ? node.declarations.flatMap(({ id }) => boundNames(id))
    : [];
  const inner = childrenOf(node).filter(({ type }) => !/^(Function|ArrowFunction|Class)/.test(type));
  return [...own, ...inner.flatMap(vars)];
}

/** The names that a pattern binds. */
function boundNames(pattern: AnyNode): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "AssignmentPattern":
      return boundNames(pattern.left);
    case "RestElement":
      return boundNames(pattern.argument);
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => element === null ? [] : boundNames(element));
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        boundNames(property.type === "Property" ? property.value : property)
      );
    default:
      return [];
  }
}
