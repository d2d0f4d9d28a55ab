/** Rights and prompts: asking for more, keeping what was revoked, Workers with more than their parent. */
import { ASKING, type Category, type Way, ways } from "../way.ts";

const IN_WORKER = `const inside = (text, permissions) => new Promise((done, failed) => {
  const code = "try { postMessage({ value: " + text + " }) } catch (error) { postMessage({ error: error.name + ': ' + error.message }) }";
  const worker = new Worker("data:text/javascript," + encodeURIComponent(code), { type: "module", deno: { permissions } });
  worker.onmessage = ({ data }) => { worker.terminate(); data.error ? failed(new Error(data.error)) : done(data.value); };
  worker.onerror = (event) => { event.preventDefault(); failed(new Error(event.message)); };
});`;
const KINDS = ["read", "write", "net", "env", "run", "sys", "ffi", "import"] as const;
const ASK = "if (state !== 'granted') throw new Error('Requires more access: ' + state)";

const asking: Way[] = KINDS.flatMap((name) =>
  ways({ ...ASKING, grant: { [name]: true } }, {
    [`request ${name}`]: `const { state } = await Deno.permissions.request({ name: "${name}" }); ${ASK}`,
    [`requestSync ${name}`]: `const { state } = Deno.permissions.requestSync({ name: "${name}" }); ${ASK}`,
  })
);

export const rights: Category = {
  title: "rights and prompts",
  ways: [
    ...asking,
    ...ways({ deno: "refused", landlock: "EACCES", grant: { read: true } }, {
      "a Worker that inherits":
        `${IN_WORKER} return await inside("Deno.readTextFileSync('/etc/passwd')", "inherit")`,
      "a Worker that says nothing":
        `${IN_WORKER} return await inside("Deno.readTextFileSync('/etc/passwd')")`,
      "a Worker that asks for read":
        `${IN_WORKER} return await inside("Deno.readTextFileSync('/etc/passwd')", { read: true })`,
      "a Worker that asks for a file":
        `${IN_WORKER} return await inside("Deno.readTextFileSync('/etc/passwd')", { read: ["/etc/passwd"] })`,
      "after a request":
        `Deno.permissions.requestSync({ name: "read" }); return Deno.readTextFileSync("/etc/passwd")`,
      "in a node Worker": `const { Worker } = await import("node:worker_threads");
        return await new Promise((done, failed) => {
          const worker = new Worker("const { parentPort } = require('node:worker_threads'); try { parentPort.postMessage({ value: require('node:fs').readFileSync('/etc/passwd', 'utf8') }) } catch (error) { parentPort.postMessage({ error: error.message }) }", { eval: true });
          worker.on("message", ({ value, error }) => { worker.terminate(); error ? failed(new Error(error)) : done(value); });
          worker.on("error", failed);
        })`,
      "in another realm": `const vm = await import("node:vm");
        return vm.runInNewContext("read.constructor('return Deno.readTextFileSync(\\"/etc/passwd\\")')()", { read: Deno.readTextFileSync })`,
      "by a borrowed this": `return Reflect.apply(Deno.readTextFileSync, new Proxy({}, {}), ["/etc/passwd"])`,
    }),
    ...ways({ ...ASKING, grant: { sys: true } }, {
      "inspector session": `const { Session } = await import("node:inspector"); const session = new Session();
        session.connect(); return await new Promise((done, failed) =>
          session.post("Runtime.evaluate", { expression: "1" }, (error, result) => error ? failed(error) : done(result)))`,
    }),
  ],
};
