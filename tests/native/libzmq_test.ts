import assert from "node:assert/strict";
import { libzmq } from "../../src/native/libzmq.ts";

const MODULE = import.meta.resolve("../../src/native/libzmq.ts");

/** What a new process prints that runs `script` with `libzmq` imported. */
async function inProcess(script: string, env: Record<string, string> = {}): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["eval", `import { libzmq } from "${MODULE}";\n${script}`],
    env: { NO_COLOR: "1", ...env },
  }).output();
  return new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
}

Deno.test({
  name: "libzmq() opens the package's library, version 4.3.5, once",
  sanitizeResources: false,
  fn() {
    const first = libzmq();
    assert.equal(first.version, "4.3.5");
    assert.match(first.file, /node_modules[\\/]zeromq[\\/]build[\\/].*addon\.node$/);
    assert.equal(libzmq(), first);
  },
});

Deno.test("libzmq() is opened when it is asked for, not when it is imported", async () => {
  assert.equal(
    await inProcess(`console.log("imported");`, { TSPARALLEL_LIBZMQ: "/no/such/file" }),
    "imported\n",
  );
});

Deno.test("libzmq() takes the file that the environment names", async () => {
  const { file } = libzmq();
  assert.equal(await inProcess("console.log(libzmq().file);", { TSPARALLEL_LIBZMQ: file }), `${file}\n`);
});

Deno.test("libzmq() says what it looked for and how to name another file", async () => {
  const text = await inProcess("try { libzmq() } catch (error) { console.log(error.message) }", {
    TSPARALLEL_LIBZMQ: "/no/such/libzmq.so",
  });
  assert.match(
    text,
    /^Cannot open libzmq; name a libzmq 4\.3\.5 file in the environment variable TSPARALLEL_LIBZMQ/,
  );
  assert.match(text, /\/no\/such\/libzmq\.so: /);
});

Deno.test("libzmq() refuses a library that is another one", async () => {
  const libc = { linux: "libc.so.6", darwin: "libSystem.dylib" }[Deno.build.os as string] ?? "kernel32.dll";
  const text = await inProcess(`try { libzmq("${libc}") } catch (error) { console.log(error.message) }`);
  assert.match(text, new RegExp(`Looked for:\\n {2}${libc.replaceAll(".", "\\.")}: .*zmq_`));
});
