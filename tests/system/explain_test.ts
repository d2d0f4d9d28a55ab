/** `tsparallel cancel` and `tsparallel explain` on a running cluster, as a user runs them. */
import assert from "node:assert/strict";
import { tsparallel } from "../cli/tsparallel.ts";
import { PATIENCE_MS, Run } from "./run.ts";

const loop = () => {
  for (;;);
};

async function settled(task: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await task;
  } catch (error) {
    return error;
  }
}

Deno.test("explain says how tasks ended, cancel stops one; both name what they do not know", async () => {
  await using run = await Run.start({ n: 1 });
  const { client } = run;
  const place = ["--profile-dir", run.folder.dir];
  const explain = async (id: string, ...more: string[]) => {
    const { code, out, err } = await tsparallel(["explain", id, ...place, ...more]);
    return { code, out: out.replaceAll("\n", " "), err };
  };

  const fine = client.loadBalanced({ label: "first" }).apply(function seven() {
    return 7;
  });
  assert.equal(await fine, 7);
  const good = await explain(fine.msgIds[0]!);
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /was a call of `seven`, labelled "first", load-balanced/);
  assert.match(good.out, /ran on engine 0 \(host .*It succeeded\./);
  assert.doesNotMatch(good.out, /What to do/);

  const failing = client.loadBalanced().apply(() => {
    console.log("nearly there");
    throw new RangeError("it is \u001b[31mred");
  });
  await settled(failing);
  const bad = await explain(failing.msgIds[0]!);
  assert.match(bad.out, /It threw an error: RangeError: it is/);
  assert.match(bad.out, /The end of what it wrote: +nearly there/);
  assert.ok(!bad.out.includes("\u001b"));

  const exiting = client.loadBalanced().execute(
    "setTimeout(() => Deno.exit(3), 0); await new Promise(() => {})",
  );
  await settled(exiting);
  const gone = await explain(exiting.msgIds[0]!);
  assert.match(gone.out, /ran the code `setTimeout/);
  assert.match(gone.out, /What to do: /);

  const slow = client.loadBalanced({ limits: { runTimeoutMs: 50 } }).apply(loop);
  await settled(slow);
  const late = await explain(slow.msgIds[0]!);
  assert.match(late.out, /It exceeded its limit of run time \(\d+ of at most 50\)/);
  assert.match(late.out, /runTimeoutMs/);

  const endless = client.loadBalanced().apply(loop),
    behind = client.loadBalanced({ after: [endless] }).apply(() => 1);
  const [id] = endless.msgIds, [other] = behind.msgIds;
  const until = Date.now() + PATIENCE_MS;
  for (let out = ""; !/now: it runs/.test(out);) {
    assert.ok(Date.now() < until, out);
    ({ out } = await explain(id!));
  }
  assert.match(
    (await explain(other!)).out,
    /still waits for an engine.*What to do: nothing, if engines are busy/,
  );
  const said = await tsparallel(["cancel", id!, other!, ...place, "--why", "wrong data", "--json"]);
  assert.equal(said.code, 0, said.err);
  const words = JSON.parse(said.out);
  assert.equal(words[id!], "cancelling");
  await settled(endless);
  await settled(behind);
  const stopped = await explain(id!);
  assert.match(stopped.out, /It was cancelled by \S+@\S+, pid \d+, who said: "wrong data"/);
  const json = JSON.parse((await explain(id!, "--json")).out);
  assert.equal(json.record.post_mortem.by.why, "wrong data");

  const again = await tsparallel(["cancel", id!, ...place]);
  assert.equal(again.code, 0);
  assert.match(again.out, /already cancelled: nothing was done/);
  const unknown = await tsparallel(["cancel", "nobody", ...place]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.out, /not known/);
  const nothing = await explain("nobody");
  assert.equal(nothing.code, 1);
  assert.match(nothing.err, /Cannot explain "nobody": there is no record of such a task/);
});

Deno.test("without a cluster cancel and explain say so", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    for (const command of ["cancel", "explain"]) {
      const { code, err } = await tsparallel([command, "any", "--profile-dir", dir]);
      assert.equal(code, 3, err);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
