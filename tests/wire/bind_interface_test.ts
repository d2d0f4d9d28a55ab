/** Interfaces of connection files as addresses of sockets. */
import assert from "node:assert/strict";
import { bindInterface, localUrl, removeIpcFiles } from "../../src/wire/bind_interface.ts";
import { Context } from "../../src/wire/context.ts";

Deno.test("tcp: a free port or the wanted one; a taken one says what to do", () => {
  using context = Context.open();
  const port = bindInterface(context.socket("ROUTER"), "tcp://127.0.0.1", 0);
  assert(port > 0);
  assert.throws(
    () => bindInterface(context.socket("ROUTER"), "tcp://127.0.0.1", port),
    { code: "EADDRINUSE", message: /^Cannot bind "tcp:\/\/127\.0\.0\.1:\d+": the port is taken; .*--ports/ },
  );
  assert.throws(() => bindInterface(context.socket("ROUTER"), "tcp://192.0.2.1", 0), /as --ip/);
});

Deno.test("ipc: both names that peers use, gone when they are removed, and nothing else", () => {
  const folder = Deno.makeTempDirSync();
  try {
    using context = Context.open();
    const base = `ipc://${folder}/c`;
    assert.equal(bindInterface(context.socket("ROUTER"), base, 7), 7);
    Deno.writeTextFileSync(`${folder}/c-7.txt`, "");
    const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(names(), ["c-7", "c-7.txt", "c:7"]);
    removeIpcFiles(base);
    assert.deepEqual(names(), ["c-7.txt"]);
    removeIpcFiles("ipc:///no/such/folder/c");
    removeIpcFiles("tcp://127.0.0.1");
    removeIpcFiles(undefined);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("localUrl() is an address of this machine", () => {
  assert.equal(localUrl("tcp://*", 1), "tcp://127.0.0.1:1");
  assert.equal(localUrl("tcp://0.0.0.0", 1), "tcp://127.0.0.1:1");
  assert.equal(localUrl("tcp://10.0.0.1", 1), "tcp://10.0.0.1:1");
  assert.equal(localUrl("ipc:///a/b", 1), "ipc:///a/b-1");
});
