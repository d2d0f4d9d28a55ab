/** An engine's ports for front-ends, seen from a raw front-end: what happens when the controller, the child or the port is not there. */
import assert from "node:assert/strict";
import { type Message, Session } from "../../src/protocol/frames.ts";
import { Context } from "../../src/wire/context.ts";
import { type FakeController, KEY } from "./fake_controller.ts";
import { cell, type Host, registered, test } from "./hosts.ts";

/** A front-end's shell. */
class FrontEnd implements Disposable {
  readonly #context = Context.open();
  readonly #session = new Session({ key: KEY });
  readonly #shell;
  readonly replies: Message[] = [];

  constructor(readonly fake: FakeController, file: string) {
    const { shell_port } = JSON.parse(Deno.readTextFileSync(file));
    this.#shell = this.#context.socket("DEALER", { identity: this.#session.session });
    this.#shell.connect(`tcp://127.0.0.1:${shell_port}`);
  }

  /** Sends a request, and waits for its reply. */
  async ask(type: string, content: object): Promise<Message> {
    return await this.reply(this.send(type, content));
  }

  send(type: string, content: object): string {
    const header = this.#session.header(type);
    this.#shell.send(this.#session.pack(header, content));
    return header.msg_id;
  }

  async reply(msgId: string): Promise<Message> {
    const find = () => this.replies.find((reply) => reply.parentHeader.msg_id === msgId);
    await this.fake.until("a reply", () => {
      for (let frames = this.#shell.receive(); frames !== undefined; frames = this.#shell.receive()) {
        this.replies.push(this.#session.parse(frames));
      }
      return find() !== undefined;
    });
    return find()!;
  }

  [Symbol.dispose](): void {
    this.#context.close();
  }
}

async function withFrontEnd(
  options: Record<string, unknown>,
  body: (front: FrontEnd, fake: FakeController, host: Host) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const kernelFile = `${folder}/kernel.json`;
  try {
    await test({ kernelFile, ...options }, async (fake, host) => {
      await registered(fake);
      using front = new FrontEnd(fake, kernelFile);
      await body(front, fake, host);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("front-ends share queue and namespace with the cluster, and are told when the controller gives the engine up", () =>
  withFrontEnd({}, async (front, fake) => {
    const uuid = fake.uuids[0]!;
    await fake.schedule(uuid, [cell(1, "globalThis.common = { depth: 1 }")]);
    await fake.until("the cluster's cell", () => fake.result(1) !== undefined);
    const completed = await front.ask("complete_request", { code: "common.de", cursor_pos: 9 });
    assert.deepEqual(completed.content["matches"], ["depth"]);
    const running = front.send("execute_request", { code: "await new Promise(() => {})", allow_stdin: true });
    await fake.until(
      "busy",
      () =>
        fake.published.some(({ header, parentHeader }) =>
          header.msg_type === "execute_input" && parentHeader.msg_id === running
        ),
    );
    const waiting = front.send("execute_request", { code: "1" });
    await front.ask("kernel_info_request", {});
    await fake.notify(uuid, "unregistration_notification", { id: 0, uuid });
    for (const id of [running, waiting]) {
      assert.match(String((await front.reply(id)).content["evalue"]), /gave the engine up/);
    }
  }));

Deno.test("what a limit has killed leaves an empty namespace to be completed", () =>
  withFrontEnd({ runTimeoutMs: 300 }, async (front) => {
    await front.ask("execute_request", { code: "var lost = 1; var kept = 2" });
    const killed = await front.ask("execute_request", { code: "for (;;);" });
    assert.equal(killed.content["ename"], "LimitExceeded");
    const { content } = await front.ask("complete_request", { code: "los", cursor_pos: 3 });
    assert.deepEqual([content["status"], content["matches"]], ["ok", []]);
    assert.equal((await front.ask("execute_request", { code: "1" })).content["execution_count"], 1);
  }));

Deno.test("each task in a process of its own: questions are answered all the same", () =>
  withFrontEnd({ isolation: "process" }, async (front) => {
    await front.ask("execute_request", { code: "var mine = 1" });
    const { content } = await front.ask("complete_request", { code: "parseF", cursor_pos: 6 });
    assert.deepEqual(content["matches"], ["parseFloat"]);
    assert.equal(
      (await front.ask("inspect_request", { code: "mine", cursor_pos: 2 })).content["found"],
      false,
    );
  }));

Deno.test("a port that is taken ends the engine with the reason, and leaves no file", async () => {
  const folder = await Deno.makeTempDir();
  const kernelFile = `${folder}/kernel.json`;
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const text = JSON.stringify({ shell_port: taken.addr.port, key: "k" });
    await Deno.writeTextFile(kernelFile, text);
    await test({ kernelFile }, async (fake, host) => {
      let code = -1;
      host.status.then((status) => code = status.code);
      await fake.until("the end", () => code >= 0);
      assert.equal(code, 1);
    });
    assert.equal(await Deno.readTextFile(kernelFile), text);
  } finally {
    taken.close();
    await Deno.remove(folder, { recursive: true });
  }
});
