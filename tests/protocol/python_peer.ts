/**
 * A Python process that says what pickles mean: one request a line, base64 in and out.
 */

export const PYTHON = Deno.env.get("TSPARALLEL_PYTHON");

const PROGRAM = `
import base64, datetime, json, math, pickle, struct, sys, types
import numpy

def show(x):
    """A value as plain JSON, with the types that matter."""
    if x is None or isinstance(x, bool): return x
    if isinstance(x, numpy.ndarray):
        return {"array": [list(x.shape), x.dtype.str, base64.b64encode(numpy.ascontiguousarray(x).tobytes()).decode()]}
    if isinstance(x, int): return {"int": str(x)}
    if isinstance(x, float): return {"float": struct.pack(">d", x).hex() if x == x else "nan"}
    if isinstance(x, str): return {"str": [ord(c) for c in x]}
    if isinstance(x, bytes): return {"bytes": x.hex()}
    if isinstance(x, (list, tuple)): return {type(x).__name__: [show(y) for y in x]}
    if isinstance(x, (set, frozenset)): return {type(x).__name__: sorted((show(y) for y in x), key=json.dumps)}
    if isinstance(x, dict): return {"dict": sorted(([show(k), show(v)] for k, v in x.items()), key=json.dumps)}
    if isinstance(x, datetime.datetime): return {"datetime": x.isoformat()}
    raise TypeError(f"cannot show {type(x)}")

def say(request):
    kind, data = request["kind"], request.get("data")
    if kind == "show": return show(pickle.loads(base64.b64decode(data)))
    if kind == "dump":
        value = eval(data, {"numpy": numpy, "np": numpy, "datetime": datetime, "math": math})
        return base64.b64encode(pickle.dumps(value, request["protocol"])).decode()
    if kind == "echo":
        return base64.b64encode(pickle.dumps(pickle.loads(base64.b64decode(data)), request["protocol"])).decode()
    import ipyparallel.serialize as serialize
    if kind == "result":
        value, rest = serialize.deserialize_object([base64.b64decode(b) for b in data])
        return [show(value), len(rest)]
    if kind == "apply":
        names = {"f": len}
        f, args, kwargs = serialize.unpack_apply_message([base64.b64decode(b) for b in data], names)
        return [getattr(f, "__name__", None), show(list(args)), show(kwargs)]
    raise ValueError(kind)

for line in sys.stdin:
    try:
        answer = {"ok": say(json.loads(line))}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
`;

export class PythonPeer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor() {
    this.#process = new Deno.Command(PYTHON!, {
      args: ["-c", PROGRAM],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  async #ask(request: object): Promise<unknown> {
    await this.#writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const { ok, error } = JSON.parse(this.#text.slice(0, end)) as { ok?: unknown; error?: string };
        this.#text = this.#text.slice(end + 1);
        if (error !== undefined) throw new Error(`Python: ${error}`);
        return ok;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("Python has ended");
      this.#text += value;
    }
  }

  /** What a pickle is to Python, as JSON. */
  show(pickle: Uint8Array): Promise<unknown> {
    return this.#ask({ kind: "show", data: pickle.toBase64() });
  }

  /** The pickle of an expression of Python's. */
  async dump(expression: string, protocol: number): Promise<Uint8Array> {
    const text = await this.#ask({ kind: "dump", data: expression, protocol });
    return Uint8Array.fromBase64(text as string);
  }

  /** The pickle that Python makes of what it read. */
  async echo(pickle: Uint8Array, protocol: number): Promise<Uint8Array> {
    const text = await this.#ask({ kind: "echo", data: pickle.toBase64(), protocol });
    return Uint8Array.fromBase64(text as string);
  }

  /** What ipyparallel reads out of a result's buffers: the value as JSON, and how many buffers are left. */
  result(buffers: readonly Uint8Array[]): Promise<unknown> {
    return this.#ask({ kind: "result", data: buffers.map((buffer) => buffer.toBase64()) });
  }

  /** What ipyparallel's engine reads out of a request's buffers, where `f` is Python's `len`. */
  apply(buffers: readonly Uint8Array[]): Promise<unknown> {
    return this.#ask({ kind: "apply", data: buffers.map((buffer) => buffer.toBase64()) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close();
    await this.#reader.cancel();
    await this.#process.status;
  }
}
