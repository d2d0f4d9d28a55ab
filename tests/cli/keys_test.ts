/** `tsparallel keys`: pairs that belong together, in files for their owner alone. */
import assert from "node:assert/strict";
import { curvePublicKey, isCurveKey } from "../../src/wire/curve.ts";
import { parseCurveKeys } from "../../src/wire/curve_keys.ts";
import { RunFolder } from "./run_folder.ts";
import { tsparallel } from "./tsparallel.ts";

Deno.test("keys prints a pair that a shell can read", async () => {
  const { code, out } = await tsparallel(["keys"]);
  assert.equal(code, 0);
  const shell = new Deno.Command("sh", {
    args: ["-c", `${out}\nprintf '%s\\n%s' "$IPP_CURVE_PUBLICKEY" "$IPP_CURVE_SECRETKEY"`],
  });
  const [publicKey = "", secretKey = ""] = new TextDecoder().decode((await shell.output()).stdout).split(
    "\n",
  );
  assert(isCurveKey(secretKey));
  assert.equal(curvePublicKey(secretKey), publicKey);
  assert.deepEqual(parseCurveKeys(out, "it"), { publicKey, secretKey });
});

Deno.test("keys writes a private file once, and finds the public key of one", async () => {
  await using folder = new RunFolder();
  const path = `${folder.dir}/curve.key`;
  const made = await tsparallel(["keys", "--out", path]);
  assert.equal(made.code, 0, made.err);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
  assert.equal((await tsparallel(["keys", "--public-of", path])).out, made.out);
  const again = await tsparallel(["keys", "--out", path]);
  assert.equal(again.code, 2);
  assert.match(again.err, /Cannot write ".*curve\.key", which "--out" names: it is there already; --force/);
  assert.equal((await tsparallel(["keys", "--public-of", path])).out, made.out, "it is untouched");
  const replaced = await tsparallel(["keys", "--out", path, "--force"]);
  assert.notEqual(replaced.out, made.out);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
});

Deno.test("keys reads certificates of ZeroMQ and bare keys, and refuses what is none", () => {
  const secretKey = "ME$TE^eSZnhV61lf9Xdh/%qlAZl%8un2mslSc.z7";
  const publicKey = curvePublicKey(secretKey);
  const certificate =
    `#   ****  Generated  ****\n\nmetadata\ncurve\n    public-key = "${publicKey}"\n    secret-key = "${secretKey}"\n`;
  for (const text of [certificate, `${secretKey}\n`, `export IPP_CURVE_SECRETKEY='${secretKey}'`]) {
    assert.deepEqual(parseCurveKeys(text, "it"), { publicKey, secretKey });
  }
  for (const text of ["", "IPP_CURVE_SECRETKEY='short'", `public-key = "${publicKey}"`]) {
    assert.throws(() => parseCurveKeys(text, "it"), /Cannot use .*"it"/);
  }
});
