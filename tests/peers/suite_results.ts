/** What a run of the peer suite said, and what of it counts. */

/** One run's outcomes. */
export interface SuiteResults {
  /** Exit status of the run. */
  readonly code: number;
  readonly passed: number;
  readonly failed: readonly string[];
  /** Reasons of the tests that were skipped, by name. */
  readonly skipped: ReadonlyMap<string, string>;
  /** The test that failed as the suite's README says it may, once. */
  readonly knownFlake: string | undefined;
}

/** A run, and the repetition of the known flake if there was one; undefined where the suite did not come to an end. */
export interface Verdict {
  readonly first: SuiteResults | undefined;
  readonly again?: SuiteResults | undefined;
}

/** What is counted. */
export interface SuiteTally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly complaints: readonly string[];
}

interface Outcome {
  readonly outcome: string;
  readonly text?: string;
}

/**
 * The one flake of the suite itself: its tear-down looks an engine up that the test killed, between two look-ups. It may be repeated
 * once; whatever else fails has failed.
 */
const KNOWN_FLAKE = "test_magics.py::TestParallelMagics::test_cellpx_keyboard_interrupt_SIGKILL";

/** Skips that ipyparallel's own controller has too: its authors', and servers that its tests look for at fixed ports. */
const OWN_SKIPS = /ordering issues in ipykernel 7|^xfail|Requires mongodb|preserves target order/i;

/** Reads the suite's results; undefined if it wrote none. */
export function readResults(path: string, code: number): SuiteResults | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return resultsOf(JSON.parse(text), code);
}

/** Sorts the outcomes of a results.json. */
export function resultsOf(
  json: { readonly files: Record<string, { readonly results: Record<string, Outcome> }> },
  code: number,
): SuiteResults {
  const all = Object.values(json.files).flatMap(({ results }) => Object.entries(results));
  const named = (wanted: string) => all.filter(([, { outcome }]) => outcome === wanted);
  const failed = named("failed");
  return {
    code,
    passed: named("passed").length,
    failed: failed.map(([name]) => name),
    skipped: new Map(named("skipped").map(([name, { text = "" }]) => [name, text])),
    knownFlake: failed.find(isKnownFlake)?.[0],
  };
}

function isKnownFlake([name, { text = "" }]: [string, Outcome]): boolean {
  return name === KNOWN_FLAKE && text.startsWith("teardown") && text.includes("KeyError");
}

/** Counts a run. Where skipping is not allowed, a skip that is not ipyparallel's own counts as a failure. */
export function tallyOf({ first, again }: Verdict, noSkip: boolean): SuiteTally {
  if (first === undefined) {
    return { passed: 0, failed: 1, skipped: 0, complaints: ["The suite came to no result"] };
  }
  const mended = again !== undefined && again.failed.length === 0 && again.passed > 0 ? 1 : 0;
  const foreign = noSkip ? [...first.skipped].filter(([, reason]) => !OWN_SKIPS.test(reason)) : [];
  const failed = first.failed.length - mended + foreign.length;
  // A run that says that it failed, and names no test.
  const unnamed = first.code !== 0 && first.failed.length === 0 ? 1 : 0;
  return {
    passed: first.passed + mended,
    failed: failed + unnamed,
    skipped: first.skipped.size - foreign.length,
    complaints: foreign.map(([name, reason]) => `Skipped, which is not allowed here: ${name} (${reason})`),
  };
}
