/**
 * `deno task test`: runs the tests with the Deno that runs this, and closes with one line that counts them. Tests that need what is
 * not on this machine (Python, a batch system, a browser) are ignored by Deno and say "(needs …)" in their names; they are counted
 * and listed with that reason. With TSPARALLEL_NO_SKIP=1, as in CI, a skipped test is a failure.
 *
 * Arguments go to `deno test`: files, folders, `--filter`.
 */

import { fileURLToPath } from "node:url";

/** What became of the tests of one run. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that were ignored. */
  readonly skipped: readonly string[];
}

const TESTCASE = /<testcase name="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g;

/** Counts the test cases of a JUnit report. */
export function tallyOf(junit: string): Tally {
  let [passed, failed] = [0, 0];
  const skipped: string[] = [];
  for (const [, name = "", outcome = ""] of junit.matchAll(TESTCASE)) {
    if (outcome.includes("<skipped")) skipped.push(decodeXml(name));
    else if (outcome.includes("<failure") || outcome.includes("<error")) failed++;
    else passed++;
  }
  return { passed, failed, skipped };
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
  "&amp;": "&",
};

function decodeXml(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}

/** Which tests were skipped for which reason, a line for each reason. */
export function skipLines(skipped: readonly string[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const name of skipped) {
    const reason = /\(needs ([^)]*)\)/.exec(name)?.[1] ?? "a reason that its name does not tell";
    reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  }
  return [...reasons].flatMap(([reason, names]) => [
    `${names.length} skipped, needing ${reason}:`,
    ...names.map((name) => `    ${name}`),
  ]);
}

/** The closing line. */
export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped.length === 0 ? "" : `, ${skipped.length} skipped`}`;
}

/** The tally, with one more failure where Deno failed outside of any test, or where skipping is not allowed. */
export function judge(tally: Tally, run: { readonly code: number; readonly allowSkips: boolean }): Tally {
  const outside = run.code !== 0 && tally.failed === 0 ? 1 : 0;
  if (run.allowSkips) return { ...tally, failed: tally.failed + outside };
  return { ...tally, failed: tally.failed + outside + tally.skipped.length, skipped: [] };
}

async function main(args: readonly string[]): Promise<number> {
  const folder = await Deno.makeTempDir();
  try {
    const report = `${folder}/junit.xml`;
    const { code } = await denoTest(report, args).status;
    const found = tallyOf(await readIfThere(report));
    const tally = judge(found, { code, allowSkips: Deno.env.get("TSPARALLEL_NO_SKIP") !== "1" });
    for (const line of skipLines(found.skipped)) console.log(line);
    console.log(closingLine(tally));
    return tally.failed === 0 ? 0 : 1;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function denoTest(report: string, args: readonly string[]): Deno.ChildProcess {
  const tests = args.some((arg) => !arg.startsWith("-")) ? [] : ["tests"];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "-A",
      "--no-check",
      "--unstable-worker-options",
      `--junit-path=${report}`,
      ...tests,
      ...args,
    ],
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdin: "null",
  }).spawn();
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
