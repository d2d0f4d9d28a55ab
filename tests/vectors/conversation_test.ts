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
const ON_PURPOSE: readonly { readonly message: RegExp; readonly what: RegExp; readonly why: string }[] = [
  {
    message: /^apply_reply to $/,
    what: /^\.content\.engine_info\.\w+: .* nothing found$/,
    why:
      "an error of any engine reaches the client, so a coalesced one is the controller's own; ipyparallel sends the last engine's",
  },
  {
    message: /^queue_reply to queue_request$/,
    what: /^\.content\.<engine>\.tasks\[\]: "text" expected, not found$/,
    why: "ipyparallel's hub keeps a task that was tried again at the first engine for ever",
  },
  {
    message: /^result_reply to result_request$/,
    what: /^\.content\.<task>\.buffer_count: not expected/,
    why: "our client wants to know how many of the buffers are each task's",
  },
  {
    message: /^db_reply to db_request$/,
    what: /^\.content\.records\[\]\.(display_data|status): not expected/,
    why:
      "records have two more columns: what was displayed, which Python's keeps only by accident, and what became of the task",
  },
  {
    message: /^db_reply to db_request$/,
    what:
      /TypeError|^\.content\.(buffer_lens|result_buffer_lens|records|ename|evalue|engine_info|traceback)\b|^\.status: "error"/,
    why:
      "times that are not known yet cannot be compared in ipyparallel's DictDB; here, as in its SQLite store, they match nothing",
  },
];

function isOnPurpose(difference: Difference): boolean {
  return ON_PURPOSE.some((entry) => isCase(entry, difference));
}

function isCase(entry: (typeof ON_PURPOSE)[number], { message, what }: Difference): boolean {
  return entry.message.test(message) && entry.what.test(what);
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
    assert(conversation.compared > 150, `${conversation.compared} messages were compared`);
    const found = conversation.differences.filter((difference) => !isOnPurpose(difference));
    assert.deepEqual(found.map(({ message, what }) => `${message}: ${what}`), []);
    for (const entry of ON_PURPOSE) {
      assert(conversation.differences.some((it) => isCase(entry, it)), entry.why);
    }
  });
}
