/**
 * Which engines there are, on disk: `log/engines<cluster id>.json` as ipyparallel's hub writes it, so that a controller that comes after
 * this one (`--restore`), ours or Python's, takes the engines back that are still there.
 *
 * What it has no place for, which of them are ours, is in a file of ours beside it: these are asked to register again, since each run of
 * a controller has its own number (PROTOCOL.md, nonce).
 */
import type { Engine } from "./registry.ts";

/** An engine of the run before. */
export interface SavedEngine {
  readonly id: number;
  readonly uuid: string;
  readonly isOurs: boolean;
}

/** What the run before left. */
export interface SavedState {
  readonly engines: readonly SavedEngine[];
  readonly nextId: number;
}

export class EngineState {
  readonly #path: string;
  readonly #oursPath: string;

  constructor(profileDir: string, clusterId: string) {
    this.#path = `${profileDir}/log/engines${clusterId}.json`;
    this.#oursPath = `${profileDir}/log/tsparallel-engines${clusterId}.json`;
  }

  /**
   * What the run before left, or undefined if there was none.
   * @throws Error that names the file, if it cannot be read
   */
  load(): SavedState | undefined {
    const state = readJson(this.#path);
    if (state === undefined) return undefined;
    const found = readJson(this.#oursPath);
    const ours = new Set(isObject(found) && Array.isArray(found["uuids"]) ? found["uuids"] : []);
    if (!isObject(state) || !isObject(state["engines"]) || !isId(state["next_id"])) this.#refuse();
    const engines = Object.entries(state["engines"]).map(([text, uuid]) => {
      const id = Number(text);
      if (!isId(id) || typeof uuid !== "string" || uuid === "") this.#refuse();
      return { id, uuid, isOurs: ours.has(uuid) };
    });
    return { engines, nextId: Math.max(state["next_id"], ...engines.map(({ id }) => id + 1)) };
  }

  #refuse(): never {
    throw new Error(
      `Cannot restore the engines from "${this.#path}": it is not what a controller writes; remove it, or start without --restore`,
    );
  }

  /** Writes down who is there. @throws Error if the file cannot be written */
  save(engines: Iterable<Engine>, nextId: number): void {
    const all = [...engines];
    const entries = all.map(({ id, uuid }) => `"${id}": ${ascii(uuid)}`).join(", ");
    const ours = all.filter((engine) => engine.ours !== null).map(({ uuid }) => uuid);
    Deno.mkdirSync(this.#path.slice(0, this.#path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    writeWhole(this.#oursPath, JSON.stringify({ version: 1, uuids: ours }));
    writeWhole(this.#path, `{"engines": {${entries}}, "next_id": ${nextId}}`);
  }
}

/** A text in JSON without other characters than ASCII, as Python writes it. */
function ascii(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function writeWhole(path: string, text: string): void {
  const temporary = `${path}.${Deno.pid}.tmp`;
  Deno.writeTextFileSync(temporary, text, { mode: 0o600 });
  Deno.renameSync(temporary, path);
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(
      `Cannot restore the engines from "${path}": it is no JSON; remove it, or start without --restore`,
      { cause: error },
    );
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 31;
}
