/**
 * Where progress is shown, by what this program runs in: a bar in a terminal, a display that changes in a Deno notebook, else lines of text. All that
 * differs by runtime is in `here`.
 */
import process from "node:process";

/** What is shown at a time. */
export interface ProgressState {
  /** The call: `apply on 4 engines`. */
  readonly what: string;
  /** Its tasks. */
  readonly total: number;
  /** Those that have ended. */
  readonly done: number;
  /** Those that did not end well. */
  readonly failed: number;
  /** Since somebody waits. */
  readonly seconds: number;
}

/** Something that shows progress. */
export interface Display {
  /** Milliseconds between two updates. */
  readonly intervalMs: number;
  /** The first state. */
  begin(state: ProgressState): void;
  /** The state now, which may be the same. */
  update(state: ProgressState): void;
  /** The last state. */
  end(state: ProgressState): void;
  /** Calls back if whoever looks interrupts the program, which goes on. Absent where that ends it. Returns how not to. */
  onInterrupt?(interrupted: () => void): () => void;
}

/** A stream of a terminal, or none. */
export interface TextStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

/** What a notebook of Deno offers. */
export interface Notebook {
  /** Of some versions of Deno a promise. */
  broadcast(type: string, content: Readonly<Record<string, unknown>>): unknown;
}

/** What there is to show something on. */
export function here(): { readonly stderr: TextStream | undefined; readonly notebook: Notebook | undefined } {
  const { process, Deno: deno } = globalThis as {
    process?: { readonly stderr?: TextStream };
    Deno?: { readonly jupyter?: Notebook };
  };
  let notebook: Notebook | undefined;
  try {
    notebook = deno?.jupyter;
  } catch {
    // Outside of a notebook it says so by throwing.
  }
  return { stderr: process?.stderr, notebook };
}

/** The display for this program. @param write takes lines in place of all others */
export async function displayHere(write?: (text: string) => void): Promise<Display> {
  if (write !== undefined) return lines(write);
  const { stderr, notebook } = here();
  if (notebook !== undefined) return inNotebook(notebook);
  if (stderr?.isTTY === true) return await bar(stderr);
  return lines((text) => stderr?.write(text));
}

/** Lines of text, one whenever something has changed. */
export function lines(write: (text: string) => void): Display {
  let last = "";
  const show = (state: ProgressState) => {
    const { total, done, failed } = state;
    if (last === (last = `${total} ${done} ${failed}`)) return;
    write(`${textOf(state)}\n`);
  };
  return { intervalMs: 1000, begin: show, update: show, end: show };
}

/** A bar on a terminal. */
export async function bar(stream: TextStream): Promise<Display> {
  const { default: { SingleBar } } = await import("cli-progress");
  const shown = new SingleBar({
    format: "{what} [{bar}] {value}/{total} {failed}{elapsed}",
    stream: stream as unknown as NodeJS.WritableStream,
    barCompleteChar: "=",
    barIncompleteChar: " ",
    hideCursor: true,
    emptyOnZero: true,
    gracefulExit: false,
  });
  const payload = ({ what, failed, seconds }: ProgressState) => ({
    what,
    failed: failedText(failed),
    elapsed: `${seconds.toFixed(1)} s`,
  });
  return {
    intervalMs: 100,
    begin: (state) => shown.start(state.total, state.done, payload(state)),
    update: (state) => {
      shown.setTotal(state.total);
      shown.update(state.done, payload(state));
    },
    end: (state) => {
      shown.setTotal(state.total);
      shown.update(state.done, payload(state));
      shown.stop();
    },
  };
}

/** One display of a notebook's cell, which changes. */
export function inNotebook(notebook: Notebook): Display {
  const id = `progress-${crypto.randomUUID()}`;
  const show = (type: string, state: ProgressState) => {
    const { total, done } = state;
    const html = `<div>${escaped(textOf(state))}</div><progress max="${total}" value="${done}"></progress>`;
    const data = { "text/plain": textOf(state), "text/html": html };
    const content = { data, metadata: {}, transient: { display_id: id } };
    // A notebook that has closed shows nothing any more.
    new Promise((resolve) => resolve(notebook.broadcast(type, content))).catch(() => {});
  };
  const update = (state: ProgressState) => show("update_display_data", state);
  return { intervalMs: 250, begin: (state) => show("display_data", state), update, end: update, onInterrupt };
}

/** Jupyter interrupts a kernel by a signal, which Deno's passes on to who listens. */
function onInterrupt(interrupted: () => void): () => void {
  process.on("SIGINT", interrupted);
  return () => void process.off("SIGINT", interrupted);
}

function textOf({ what, total, done, failed, seconds }: ProgressState): string {
  return `${what}: ${done}/${total} ${failedText(failed)}${seconds.toFixed(1)} s`;
}

function failedText(failed: number): string {
  return failed === 0 ? "" : `${failed} failed `;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
