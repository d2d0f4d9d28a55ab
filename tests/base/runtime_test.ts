import assert from "node:assert/strict";
import {
  environmentIfGranted,
  hostNameIfGranted,
  isGranted,
  isMissing,
  isOwnHost,
  readTextFile,
} from "../../src/base/runtime.ts";

const NOTHING = { permissions: { env: false, sys: false, read: false } } as const;

Deno.test("readTextFile() reads, and isMissing() knows that there is no file", () => {
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "ä");
  assert.equal(readTextFile(path), "ä");
  Deno.removeSync(path);
  assert.throws(() => readTextFile(path), isMissing);
  assert(!isMissing(new Error("another")) && !isMissing("text"));
});

Deno.test("what is granted is told", () => {
  assert(isGranted({ name: "env" }));
  assert.equal(hostNameIfGranted(), Deno.hostname());
  assert.equal(isOwnHost(Deno.hostname()), true);
  assert.equal(isOwnHost("surely-another-host.invalid"), false);
  Deno.env.set("TSPARALLEL_TEST", "set");
  assert.equal(environmentIfGranted("TSPARALLEL_TEST"), "set");
  Deno.env.delete("TSPARALLEL_TEST");
  assert.equal(environmentIfGranted("TSPARALLEL_TEST"), undefined);
});

Deno.test({
  name: "what is not granted is not known, and nobody is asked",
  ...NOTHING,
  fn() {
    assert(!isGranted({ name: "env" }));
    assert.deepEqual([hostNameIfGranted(), isOwnHost("localhost"), environmentIfGranted("HOME")], [
      undefined,
      undefined,
      undefined,
    ]);
  },
});
