/**
 * docs/ipyparallel.md against what it speaks of: ipyparallel's names, the exports here, the tests.
 *
 * The names are in ipyparallel_names.json, as ipyparallel_names.py prints them; where there is a Python with ipyparallel they are made anew and compared.
 */
import assert from "node:assert/strict";
import { NEEDS_PYTHON, PYTHON } from "../system/python_peers.ts";
import { publicSymbols } from "./public_symbols.ts";
import {
  missingNames,
  type Names,
  rowsOf,
  testNames,
  wrongNames,
  wrongOptions,
  wrongTests,
} from "./table.ts";

const ROOT = new URL("../../", import.meta.url);

const rows = async () => rowsOf(await Deno.readTextFile(new URL("docs/ipyparallel.md", ROOT)));

async function theirNames(): Promise<Names> {
  return JSON.parse(await Deno.readTextFile(new URL("ipyparallel_names.json", import.meta.url)));
}

/** Names of the tests of a file below tests/; none if it is not there. */
async function namesOf(file: string): Promise<string[]> {
  return testNames(await Deno.readTextFile(new URL(`tests/${file}`, ROOT)).catch(() => ""));
}

Deno.test("the table has every name of ipyparallel, in the section of its class", async () => {
  assert.deepEqual(missingNames(await rows(), await theirNames()), []);
});

Deno.test("what the table says of us is there, options too", async () => {
  const symbols = await publicSymbols();
  assert.deepEqual(wrongNames(await rows(), symbols), []);
  assert.deepEqual(wrongOptions(await rows(), symbols), []);
});

Deno.test("each row is shown by a test that exists", async () => {
  assert.deepEqual(await wrongTests(await rows(), namesOf), []);
});

Deno.test("a table that is wrong is found out", async () => {
  const symbols = await publicSymbols();
  const planted = rowsOf([
    "## DirectView",
    "| ipyparallel 9.2 | here | shown by |",
    "|---|---|---|",
    '| `push` | `view.pusch({ a: 1 })`, `view.imap` | `client/views_test.ts` "push, pull, execute" |',
    '| `gather` | `view.gather(name, { distance })`, `Klient.connect` | `client/views_test.ts` "nobody wrote it" |',
    "| `pull` | `DirektView` | the same |",
    "| `scatter` | `view.scatter` | `client/no_test.ts` |",
    "| `clear` | `view.clear` | |",
    "| `activate` | **Python's own** | |",
  ].join("\n"));
  assert.equal(planted.length, 6);
  const place = (line: number, wrong: string) => `docs/ipyparallel.md:${line}: ${wrong}`;
  assert.deepEqual(missingNames(planted, { DirectView: ["push", "execute"], Client: ["ids"] }), [
    "DirectView.execute is not there",
    "Client.ids is not there",
  ]);
  assert.deepEqual(wrongNames(planted, symbols), [
    place(4, 'DirectView has no "pusch"'),
    place(4, 'DirectView has no "imap"'),
    place(5, 'there is no "Klient"'),
    place(6, '"DirektView" is not exported'),
  ]);
  assert.deepEqual(wrongOptions(planted, symbols), [place(5, 'there is no option "distance"')]);
  assert.deepEqual(await wrongTests(planted, namesOf), [
    place(5, 'no test "nobody wrote it" in client/views_test.ts'),
    place(7, "names no test of client/no_test.ts"),
    place(8, "names no test"),
  ]);
});

Deno.test({
  name: `the list of names is ipyparallel's own ${NEEDS_PYTHON}`,
  ignore: PYTHON === undefined,
  async fn() {
    const program = new URL("ipyparallel_names.py", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(PYTHON ?? "", { args: [program.pathname] })
      .output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.deepEqual(await theirNames(), JSON.parse(new TextDecoder().decode(stdout)));
  },
});
