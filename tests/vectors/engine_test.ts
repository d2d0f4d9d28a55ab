/** Our engine asked what ipyparallel's engines were asked: each reply, and what is published for it, has the shape that theirs had. */
import assert from "node:assert/strict";
import { readConnectionFile } from "../../src/protocol/connection_file.ts";
import { JSON_PACKER } from "../../src/protocol/packers.ts";
import { type Message, Session } from "../../src/protocol/frames.ts";
import { Context } from "../../src/wire/context.ts";
import { eventually, Run } from "../system/run.ts";
import { RawClient, type Stage } from "./players.ts";
import { differences, type Shape, shapeOf } from "./shapes.ts";
import { type Captured, loadCapture, readAll } from "./vectors.ts";

/** The captured cells, and what says the same to an engine of ours. */
const CELLS: Readonly<Record<string, string>> = {
  "print('to stdout')": "console.log('to stdout')",
  "import sys; print('to stderr', file=sys.stderr)": "console.error('to stderr')",
  "from IPython.display import display; display({'text/plain': 'shown'}, raw=True)":
    "await display({ 'text/plain': 'shown' }, { raw: true })",
  "from IPython.display import clear_output; clear_output()":
    "await Deno.jupyter.broadcast('clear_output', { wait: false })",
};

/** What an engine of ours says otherwise on purpose. */
const ON_PURPOSE: readonly { readonly message: RegExp; readonly what: RegExp; readonly why: string }[] = [
  {
    message: /^apply_request refused on mux$/,
    what: /./,
    why:
      "a Python function cannot be applied here: the reply is an error that says so, where theirs has a result",
  },
  {
    message: /^\w+_request( refused)?( ".*")? on mux$/,
    what:
      /^\.metadata\.(dependencies_met|is_broadcast|is_coalescing|label|original_msg_id|started|status|engine_info\.method): not expected/,
    why:
      "every reply carries the metadata that scheduler and client want of tasks, and an error's says how it was asked",
  },
  {
    message: /^kernel_info_request on/,
    what: /^\.content\.(help_links|language_info\.codemirror_mode|supported_features)/,
    why: "what a kernel may tell of itself: no links, another mode of its editor, and no debugger",
  },
  {
    message: /^comm_info_request refused on control$/,
    what: /^\.(content|status)\b/,
    why: "control takes what concerns the engine; comms are asked for on the shell",
  },
  {
    message: /^complete_request/,
    what: /_jupyter_types_experimental/,
    why: "an experiment of IPython's",
  },
  {
    message: /^execute_request "n = 6 \* 7"/,
    what: /^\.published\[\]: .*"execute_result".* found, not expected/,
    why: "an assignment is an expression in JavaScript and has a value",
  },
  {
    message: /^history_request/,
    what: /^\.content\.history\[\]: \["number",\["text"\]\] found, not expected/,
    why: "one session's cells, with and without an output, where theirs had none with one",
  },
  {
    message: /^history_request/,
    what: /^\.published\[\]: .*"stream".* expected, not found/,
    why: "ipykernel 7 prints a warning there",
  },
  {
    message: /^signal_request/,
    what: /^\.(content|status|metadata\.engine|type)\b/,
    why:
      "ipyparallel's nanny calls its reply _request; signal 0 is refused here, since an engine is no process of its own",
  },
  {
    message: /^execute_request "from IPython.display/,
    what: /transient/,
    why: "transient is there where it says something",
  },
];

interface Difference {
  readonly message: string;
  readonly what: string;
}

/** A captured request with its reply, and what was published for it. */
interface Exchange {
  readonly channel: "mux" | "control";
  readonly request: Message;
  readonly reply: Message;
  readonly published: readonly Message[];
}

function exchangesOf(captured: readonly Captured[]): Exchange[] {
  const asked = captured.filter(({ event }) =>
    event.to === "controller" && /^client (mux|control)$/.test(event.socket)
  );
  return asked.flatMap(({ event, message: request }): Exchange[] => {
    const answers = (socket: string, to: string) =>
      captured.filter(({ event, message }) =>
        event.socket === socket && event.to === to && message.parentHeader.msg_id === request.header.msg_id
      ).map(({ message }) => message);
    const channel = event.socket === "client mux" ? "mux" : "control";
    const [reply] = answers(event.socket, "peer");
    if (reply === undefined) return [];
    return [{ channel, request, reply, published: answers("engine iopub", "controller") }];
  });
}

function replyShape({ header, parentHeader, metadata, content, buffers }: Message): Shape {
  return {
    type: header.msg_type,
    header: shapeOf(header),
    parent_header: shapeOf(parentHeader),
    metadata: shapeOf(metadata),
    content: shapeOf(content),
    status: String(content["status"]),
    buffers: String(buffers.length),
  };
}

/** Statuses are few in the capture: they are looked at apart. */
function publishedShape(messages: readonly Message[]): Shape {
  const others = messages.filter(({ header }) => header.msg_type !== "status");
  return others.map(({ header, content }): Shape => ({ type: header.msg_type, content: shapeOf(content) }));
}

/** Asks an engine of ours on raw sockets. */
class Asker implements Disposable {
  readonly #stage: Stage;
  readonly #client: RawClient;
  readonly #uuid: Uint8Array;

  constructor(run: Run) {
    const connection = readConnectionFile(run.clientFile, "client");
    this.#stage = { context: Context.open(), key: connection.key, packer: JSON_PACKER };
    this.#client = new RawClient(this.#stage, connection);
    this.#uuid = new TextEncoder().encode(run.client.engineUuid(0)!);
  }

  /** Waits until what the engine publishes comes here. */
  async listen(): Promise<void> {
    await eventually(
      async () => {
        const { reply, published } = await this.#ask("mux", this.#session.header("kernel_info_request"), {});
        return reply !== undefined && published.length > 0;
      },
      (isHeard) => isHeard,
      "output is heard",
    );
  }

  get #session(): Session {
    return new Session(this.#stage);
  }

  async exchange({ channel, request, reply, published }: Exchange): Promise<Difference[]> {
    const { header, metadata, buffers } = request;
    const code = String(request.content["code"] ?? "");
    const content = code in CELLS ? { ...request.content, code: CELLS[code] } : request.content;
    const found = await this.#ask(channel, header, content, { metadata, buffers });
    if (channel === "mux") {
      await eventually(() => this.#publishedFor(header.msg_id), isIdle, `${header.msg_type} is through`);
    }
    const said = this.#publishedFor(header.msg_id);
    const isRefused = reply.content["status"] !== "error" && found.reply!.content["status"] === "error";
    const name = `${header.msg_type}${isRefused ? " refused" : ""}${
      code === "" ? "" : ` "${code}"`
    } on ${channel}`;
    return [
      ...differences(replyShape(reply), replyShape(found.reply!)),
      ...differences(publishedShape(published), publishedShape(said), ".published"),
    ].map((what) => ({ message: name, what }));
  }

  async #ask(
    channel: "mux" | "control",
    header: Message["header"],
    content: object,
    rest: Pick<Message, "metadata" | "buffers"> = { metadata: {}, buffers: [] },
  ) {
    this.#client.send(channel, [this.#uuid, ...this.#session.pack(header, content, rest)]);
    const reply = await eventually(
      () => {
        this.#client.turn();
        return this.#client.inbox.take(({ socket, message }) =>
          socket === channel && message.parentHeader.msg_id === header.msg_id
        )?.message;
      },
      (message) => message !== undefined,
      `${header.msg_type} is answered`,
    );
    return { reply, published: this.#publishedFor(header.msg_id) };
  }

  #publishedFor(msgId: string): Message[] {
    this.#client.turn();
    return this.#client.inbox.all.filter(({ socket, message }) =>
      socket === "iopub" && message.parentHeader.msg_id === msgId
    ).map(({ message }) => message);
  }

  [Symbol.dispose](): void {
    this.#client.close();
    this.#stage.context.close();
  }
}

function isIdle(published: readonly Message[]): boolean {
  return published.some(({ content }) => content["execution_state"] === "idle");
}

Deno.test("our engine answers as ipyparallel's did", async () => {
  await using run = await Run.start({ n: 1, controllerArgs: ["--dictdb"] });
  using asker = new Asker(run);
  await asker.listen();
  const found: Difference[] = [];
  const exchanges = exchangesOf(readAll(await loadCapture("json")));
  // The first shutdown ends the one engine that there is here.
  const end = exchanges.findIndex(({ request }) => request.header.msg_type === "shutdown_request");
  for (const exchange of exchanges.slice(0, end + 1)) found.push(...await asker.exchange(exchange));
  const surprising = found.filter(({ message, what }) =>
    !ON_PURPOSE.some((entry) => isCase(entry, { message, what }))
  );
  for (const entry of ON_PURPOSE) assert(found.some((it) => isCase(entry, it)), entry.why);
  assert.deepEqual(surprising.map(({ message, what }) => `${message}: ${what}`), []);
});

function isCase(entry: (typeof ON_PURPOSE)[number], { message, what }: Difference): boolean {
  return entry.message.test(message) && entry.what.test(what);
}
