/** What nobody should send, at every public socket: it is dropped and counted, and nobody else notices. */
import assert from "node:assert/strict";
import type { Client } from "../../src/client/client.ts";
import { DELIMITER } from "../../src/protocol/frames.ts";
import { KIND, OP, STATUS } from "../../src/protocol/groups.ts";
import { encodeValue } from "../../src/protocol/values.ts";
import { RawPeer, resultsOf, type TaskChanges } from "./raw_peer.ts";
import { eventually, queueIsEmpty, Run } from "./run.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const json = (value: unknown) => bytes(JSON.stringify(value));

/** Calculates all the time, and checks what it gets. */
class HonestClient {
  readonly #client: Client;
  #isWorking = true;
  #rounds = 0;
  #running: Promise<void>;

  constructor(client: Client) {
    this.#client = client;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    const view = this.#client.loadBalanced(), all = this.#client.direct("all");
    for (; this.#isWorking; this.#rounds++) {
      assert.equal(await view.apply((x: number) => x * 2, this.#rounds), this.#rounds * 2);
      const [first, second] = await all.apply((x: number) => x + 1, this.#rounds);
      assert.deepEqual([first, second], [this.#rounds + 1, this.#rounds + 1]);
    }
  }

  /** Calls `look` while it rests; gives how many rounds all went well since it began. */
  async rest(look: () => Promise<void>): Promise<number> {
    this.#isWorking = false;
    await this.#running;
    await look();
    this.#isWorking = true;
    this.#running = this.#run();
    return this.#rounds;
  }

  async stop(): Promise<void> {
    this.#isWorking = false;
    await this.#running;
  }
}

interface Status {
  readonly dropped: number;
  readonly engines: readonly { readonly id: number; readonly pid: number }[];
  readonly queue: {
    readonly open: number;
    readonly scheduler: { readonly waiting: number; readonly assigned: number };
  };
}

async function statusOf(client: Client): Promise<Status> {
  return await client.status() as unknown as Status;
}

/** All that must hold after any kind of bad input. */
async function nothingHappened(run: Run, before: Status): Promise<void> {
  assert(
    (await Promise.all(run.cluster.parts.map((part) => part.state()))).every(({ is }) => is === "running"),
  );
  await queueIsEmpty(run.client);
  const after = await eventually(
    () => statusOf(run.client),
    ({ queue }) => queue.open === 0 && queue.scheduler.waiting + queue.scheduler.assigned === 0,
    "nothing is open",
  );
  assert.deepEqual(
    after.engines.map(({ id, pid }) => [id, pid]),
    before.engines.map(({ id, pid }) => [id, pid]),
  );
  const uuids = run.client.ids.map((id) => run.client.engineUuid(id));
  assert.equal(new Set(uuids).size, before.engines.length);
  // Both engines take tasks on both ways: no slot is taken.
  const both = run.client.ids.map((id) => run.client.loadBalanced({ targets: [id] }).apply(() => 1));
  assert.deepEqual(await Promise.all(both), before.engines.map(() => 1));
  assert.deepEqual(await run.client.direct("all").apply(() => 1), before.engines.map(() => 1));
}

Deno.test("bad input at every socket", async (test) => {
  await using run = await Run.start({ n: 2 });
  const { client } = run;
  const before = await statusOf(client);
  const honest = new HonestClient(await run.connect());
  let rounds = 0;
  const dropsAfter = async (act: () => void | Promise<void>, least: number, what: string) => {
    const { dropped } = await statusOf(client);
    await act();
    await eventually(() => statusOf(client), (status) => status.dropped >= dropped + least, what);
  };

  await test.step("bytes that are no ZeroMQ, declared sizes that are absurd", async () => {
    using peer = new RawPeer(run.folder.dir);
    const greeting = new Uint8Array(64);
    greeting.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]);
    greeting.set(bytes("NULL"), 12);
    const ready = new Uint8Array([
      4,
      25,
      5,
      ...bytes("READY"),
      11,
      ...bytes("Socket-Type"),
      0,
      0,
      0,
      6,
      ...bytes("DEALER"),
    ]);
    ready[1] = ready.length - 2;
    const huge = new Uint8Array([2, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]);
    const large = new Uint8Array([2, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xfe, 1, 2, 3]);
    const ports = [...Object.values(peer.ports), ...peer.publishers];
    const open: Deno.Conn[] = [];
    for (const port of ports) {
      for (
        const parts of [[crypto.getRandomValues(new Uint8Array(500))], [greeting, ready, huge], [
          greeting,
          ready,
          large,
        ], [greeting]]
      ) {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        open.push(connection);
        for (const part of parts) await connection.write(part).catch(() => {});
      }
    }
    rounds = await honest.rest(() => nothingHappened(run, before));
    for (const connection of open) connection.close();
  });

  await test.step("messages that are none, at each socket: counted, and logged once", async () => {
    using peer = new RawPeer(run.folder.dir, "some other key");
    const junk: Uint8Array[][] = [
      [bytes("x")],
      [bytes(""), bytes("")],
      [crypto.getRandomValues(new Uint8Array(2000))],
      Array.from({ length: 300 }, () => bytes("frame")),
      [DELIMITER],
      [DELIMITER, bytes("0".repeat(64)), bytes("{}"), bytes("{}")],
      [DELIMITER, bytes("0".repeat(64)), bytes("{}"), bytes("{}"), bytes("{}"), bytes("{}")],
      peer.session.message("apply_request", {}),
      peer.session.message("connection_request", {}),
      [peer.tasks([{ n: 1 }])],
      [peer.tasks([{ n: 1 }]).subarray(0, 100)],
      [bytes(client.engineUuid(0)!), peer.tasks([{ n: 1 }])],
      [bytes(client.engineUuid(0)!), ...peer.session.message("apply_request", {})],
      [bytes(client.engineUuid(0)!), bytes("rid"), ...peer.session.message("apply_reply", {})],
    ];
    const sendTo = (name: string) => {
      for (let round = 0; round < 3; round++) for (const frames of junk) peer.send(name, frames);
    };
    const { dropped } = await statusOf(client);
    // A publisher throws away what it publishes before somebody listens.
    await eventually(
      () => {
        sendTo("engine iopub");
        return statusOf(client);
      },
      (status) => status.dropped >= dropped + 12,
      "what is published is counted",
    );
    for (const name of Object.keys(peer.ports)) {
      await dropsAfter(
        () => sendTo(name),
        /hb_pong|iopub/.test(name) ? 0 : 12,
        `what came at ${name} is counted`,
      );
    }
    rounds = await honest.rest(() => nothingHappened(run, before));
    const log = run.log("ipcontroller");
    const complaints = log.split("\n").filter((line) => /[Dd]ropped/.test(line));
    assert(complaints.length >= 3, log);
    assert(complaints.length <= 60, `${complaints.length} lines: more than one for each peer and socket`);
    assert.doesNotMatch(log, /A handler failed|\n\s+at /);
  });

  await test.step("a replayed group and a replayed Jupyter message run nothing", async () => {
    using peer = new RawPeer(run.folder.dir);
    await peer.announce();
    const group = peer.tasks([{ n: 1 }]);
    peer.send("task", [group]);
    assert.deepEqual(await resultsOf(peer, "task", 1), new Map([[1, STATUS.ok]]));
    const uuid = bytes(client.engineUuid(0)!);
    const direct = peer.tasks([{ n: 2 }], { target: 0 });
    peer.send("mux", [uuid, direct]);
    assert.deepEqual(await resultsOf(peer, "mux", 1), new Map([[2, STATUS.ok]]));
    const jupyter = peer.session.message("execute_request", {
      code: "runs = (globalThis.runs ?? 0) + 1",
      silent: false,
    });
    peer.send("mux", [uuid, ...jupyter]);
    await peer.receive("mux");
    await dropsAfter(
      () => {
        for (let i = 0; i < 5; i++) {
          peer.send("task", [group]);
          peer.send("mux", [uuid, direct]);
          peer.send("mux", [uuid, ...jupyter]);
          peer.send("task", jupyter);
        }
        using other = new RawPeer(run.folder.dir);
        other.send("task", [group]);
        other.send("mux", [uuid, direct]);
        other.send("mux", [uuid, ...jupyter]);
      },
      12,
      "replays are counted",
    );
    rounds = await honest.rest(() => nothingHappened(run, before));
    const runs = await client.direct("all").execute("globalThis.runs ?? 0");
    assert.deepEqual(runs.map(({ value }) => value), [1, 0]);
    const records = await client.query({ msg_id: { $in: [1, 2].map((n) => peer.session.msgId(n)) } }, [
      "msg_id",
    ]);
    assert.equal(records.length, 2);
  });

  await test.step("rightly signed groups of nonsense: an answer with an error, or dropped", async () => {
    using peer = new RawPeer(run.folder.dir);
    await peer.announce();
    // What is well formed gets an answer for each task.
    const answered: Omit<TaskChanges, "n">[] = [
      { definition: 77 },
      { body: crypto.getRandomValues(new Uint8Array(40)) },
      { body: new Uint8Array(0) },
      { body: encodeValue("no list").body },
      { op: OP.execute, body: encodeValue([1, 2]).body },
      { op: OP.execute, body: encodeValue({ code: 5 }).body },
      { op: OP.push, body: encodeValue(null).body },
      { op: OP.pull, body: encodeValue({ a: 1 }).body },
      { op: OP.pull, body: encodeValue(["not there"]).body },
      { tail: bytes("{no json") },
      { tail: json([]) },
      { tail: json({ after: 5 }) },
      { tail: json({ after: { ids: [{}], all: 1 } }) },
      { tail: json({ targets: "all" }) },
      { tail: json({ targets: [99] }) },
      { tail: json({ retries: -1 }) },
      { tail: json({ timeout: "soon" }) },
      { tail: json({ limits: { runTimeoutMs: "x" } }) },
      { tail: json({ limits: 7 }) },
      { buffers: 3 },
      { buffers: 65_535, flags: 2 },
    ];
    answered.forEach((task, i) => peer.send("task", [peer.tasks([{ n: i + 1, ...task }])]));
    const results = await resultsOf(peer, "task", answered.length);
    assert.deepEqual([...results.keys()].sort((a, b) => a - b), answered.map((_, i) => i + 1));
    for (const [n, status] of results) {
      const task = answered[n - 1]!;
      // A tail without any option of ours is no mistake.
      if (task.tail !== undefined && new TextDecoder().decode(task.tail) === "[]") continue;
      assert.notEqual(status, STATUS.ok, JSON.stringify(task));
    }

    const uuid = bytes(client.engineUuid(1)!);
    const direct = answered.filter((task) =>
      task.tail === undefined || /limits/.test(new TextDecoder().decode(task.tail))
    );
    direct.forEach((task, i) =>
      peer.send("mux", [uuid, peer.tasks([{ n: 1000 + i, ...task }], { target: 1 })])
    );
    const directResults = await resultsOf(peer, "mux", direct.length);
    for (const [n, status] of directResults) {
      assert.notEqual(status, STATUS.ok, JSON.stringify(direct[n - 1000]));
    }

    // What is not well formed is dropped as a whole.
    const malformed = (): Uint8Array[] => {
      const view = (group: Uint8Array) => new DataView(group.buffer);
      const wrongCount = peer.tasks([{ n: 500 }]);
      view(wrongCount).setUint32(40, 1000, true);
      const fewer = peer.tasks([{ n: 501 }]);
      view(fewer).setUint32(40, 1, true);
      const wrongLength = peer.tasks([{ n: 502 }]);
      view(wrongLength).setUint32(76, 5, true);
      const wrongVersion = peer.tasks([{ n: 503 }]);
      view(wrongVersion).setUint16(36, 9, true);
      const wrongBody = peer.tasks([{ n: 504 }]);
      view(wrongBody).setUint32(80 + 16, 0xffff_fff0, true);
      return [
        ...[wrongCount, fewer, wrongLength, wrongVersion, wrongBody].map((group) => peer.signed(group)),
        peer.tasks([{ n: 505, op: 99 }]),
        peer.tasks([{ n: 506, client: peer.index + 1 }]),
        peer.tasks([{ n: 507 }], { nonce: 1n }),
        peer.tasks([{ n: 508 }], { origin: 0xffff_ffff }),
        peer.tasks([{ n: 0 }]),
        peer.tasks([{ n: 0xffff_ffff }]),
        peer.tasks([{ n: 1 }, { n: 2 }]),
        peer.group(KIND.results, (writer) => {
          writer.result(1, peer.index, 0, 0, 0, 0, 0, 0, 0, 1, 2, encodeValue(1).body);
        }),
        ...[0, KIND.accepted, KIND.recall, KIND.returned, KIND.assigned, KIND.notice, 99].map((kind) =>
          peer.group(kind, () => {})
        ),
        peer.group(KIND.cancel, (writer) => {
          for (let n = 0; n < 100; n++) writer.name(peer.index, 0xffff_0000 + n, 5, 7);
        }),
        peer.group(KIND.chunk, () => {}),
        peer.group(KIND.chunk, (writer) => {
          writer.chunk({
            n: 600,
            client: peer.index,
            index: 9,
            side: 0,
            offset: 0,
            length: 10,
            total: 2 ** 50,
          });
        }),
      ];
    };
    await dropsAfter(
      () => {
        for (const group of malformed()) peer.send("task", [group]);
        for (const group of malformed()) peer.send("mux", [uuid, group]);
      },
      30,
      "malformed groups are counted",
    );
    rounds = await honest.rest(() => nothingHappened(run, before));
  });

  await test.step("a task for an engine that is not there gets EngineError", async () => {
    using peer = new RawPeer(run.folder.dir);
    await peer.announce();
    peer.send("mux", [bytes("nobody"), peer.tasks([{ n: 1 }], { target: 7 })]);
    assert.deepEqual(await resultsOf(peer, "mux", 1), new Map([[1, STATUS.error]]));
  });

  await test.step("rightly signed Jupyter messages of nonsense", async () => {
    using peer = new RawPeer(run.folder.dir);
    const { session } = peer;
    const contents = [{}, [], { content: null }, { msg_ids: 5 }, { uuid: 5, id: "x" }, { tsparallel: "yes" }];
    const types = [
      "registration_request",
      "unregistration_request",
      "connection_request",
      "queue_request",
      "load_request",
      "result_request",
      "db_request",
      "purge_request",
      "resubmit_request",
      "history_request",
      "status_request",
      "apply_request",
      "execute_request",
      "clear_request",
      "comm_open",
      "kernel_info_request",
      "comm_info_request",
      "is_complete_request",
      "unknown_request",
      "",
    ];
    const uuid = bytes(client.engineUuid(0)!);
    for (const type of types) {
      for (const content of contents) {
        for (const name of Object.keys(peer.ports)) {
          // Somebody who registers an engine rightly has one.
          if (name === "registration" && type === "unregistration_request") continue;
          peer.send(name, session.message(type, content));
          peer.send(name, [
            uuid,
            ...session.message(type, content, { parent: session.header("x"), metadata: { after: 3 } }),
          ]);
          peer.send(name, [
            uuid,
            bytes("rid"),
            ...session.message(type, content, { header: { msg_id: "" } }),
          ]);
        }
      }
    }
    const odd = { $and: 1 };
    for (
      const query of [5, { msg_id: odd }, { nothing: 1 }, { submitted: { $gt: {} } }, {
        completed: { $in: 5 },
      }]
    ) {
      assert.equal((await peerAsks(peer, "db_request", { query, keys: [5] })).status, "error");
    }
    rounds = await honest.rest(() => nothingHappened(run, before));
    assert.doesNotMatch(run.log("ipcontroller"), /A handler failed|could not be answered/);
  });

  await honest.stop();
  assert(rounds > 20, `${rounds} rounds`);
  assert.doesNotMatch(run.log("ipengine-0"), /\n\s+at /);
});

/** Asks the hub on a fresh socket, so that no older answer is in the way. */
async function peerAsks(peer: RawPeer, type: string, content: object) {
  const request = peer.session.message(type, content);
  peer.send("registration", request);
  const id = JSON.parse(new TextDecoder().decode(request[2])).msg_id;
  for (;;) {
    const reply = peer.session.parse(await peer.receive("registration"));
    if ((reply.parentHeader as { msg_id?: string })?.msg_id === id) return reply.content;
  }
}
