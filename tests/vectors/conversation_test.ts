/** Our controller among parties that say what ipyparallel's said: each message of its own has the shape that the other's had. */
import assert from "node:assert/strict";
import { createMac } from "../../src/protocol/mac.ts";
import { Context } from "../../src/wire/context.ts";
import { PythonCluster } from "../peers/python_cluster.ts";
import { Conversation, type Difference } from "./conversation.ts";
import { loadCapture, PACKERS } from "./vectors.ts";

// Libraries stay open once they were needed; that is nothing that a test leaks.
createMac("a key").hex([]);
Context.open().close();

/** What our controller says otherwise on purpose. */
const ON_PURPOSE: readonly { readonly message: RegExp; readonly what: RegExp; readonly why: string }[] = [];

function isOnPurpose({ message, what }: Difference): boolean {
  return ON_PURPOSE.some((entry) => entry.message.test(message) && entry.what.test(what));
}

for (const name of PACKERS) {
  Deno.test(`${name} conversation: our controller answers as ipyparallel's did`, async () => {
    await using cluster = await PythonCluster.start({
      python: "python3",
      controller: "ours",
      controllerArgs: ["--ping=250", "--dictdb", `--packer=${name}`],
    });
    using conversation = new Conversation(await loadCapture(name), cluster);
    await conversation.play();
    assert(conversation.compared > 200, `${conversation.compared} messages were compared`);
    const found = conversation.differences.filter((difference) => !isOnPurpose(difference));
    assert.deepEqual(found.map(({ message, what }) => `${message}: ${what}`), []);
  });
}
