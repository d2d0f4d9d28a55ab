/** Neighbours and later tasks, and what belongs to the host and the cluster. */
import { ASKING, BOTH, CALLING, type Category, OPENING, ways } from "../way.ts";

/** The host's memory, pipes and descriptors. */
export const hostLink: Category = {
  title: "the host link",
  ways: [
    ...ways({ ...OPENING, lesser: "EACCES" }, {
      "the ring by the host's descriptor":
        "using file = Deno.openSync(`/proc/${at.host}/fd/${at.ring}`); return 1",
    }),
    ...ways(OPENING, {
      "list of the host's descriptors": "return [...Deno.readDirSync(`/proc/${at.host}/fd`)].length",
    }),
    ...ways({ ...OPENING, lesser: "EACCES" }, {
      "the host's other end of fd 1":
        "using file = Deno.openSync(`/proc/${at.host}/fd/${at.bell}`); return 1",
    }),
    ...ways(CALLING, {
      "pidfd_getfd": "try { sys(438, 0, 0, 0) } catch (error) { if (error.message !== 'EBADF') throw error }",
    }),
    // Deno lets a task change what it holds open; fd 2 belongs to the slot alone.
    ...ways({ seccomp: "EPERM" }, {
      "a descriptor's mode": "(await import('node:fs')).fchmodSync(2, 0o600)",
      "a descriptor's times": "(await import('node:fs')).futimesSync(2, 1, 1)",
    }),
  ],
};

export const neighbours: Category = {
  title: "neighbours and later tasks",
  ways: [
    ...ways(OPENING, {
      "a file in /dev/shm":
        "const path = '/dev/shm/way-' + Math.random(); Deno.openSync(path, { write: true, createNew: true }).close(); Deno.removeSync(path)",
    }),
    ...ways({ ...ASKING, seccomp: "EPERM" }, {
      "shared memory (System V)": "const id = sys(29, 0, 4096, 0o1600); sys(31, id, 0, 0)",
      "messages (System V)": "const id = sys(68, 0, 0o1600); sys(71, id, 0, 0)",
      "semaphores (System V)": "const id = sys(64, 0, 1, 0o1600); sys(66, id, 0, 0)",
    }),
    // Landlock refuses to open the queue when it is made already.
    ...ways({ ...BOTH, inPart: "landlock" }, {
      "messages (POSIX)": `const name = new Uint8Array([...at.abstract, 0]);
        sys.close(sys(240, name, 0o102, 0o600, 0)); sys(241, name)`,
    }),
    ...ways({ ...ASKING, seccomp: "EPERM" }, {
      "memfd_create": "sys.close(sys(319, new Uint8Array([120, 0]), 0))",
    }),
    ...ways({ always: "gone" }, {
      "localStorage": "localStorage.setItem('a', 'b')",
      "sessionStorage": "sessionStorage.setItem('a', 'b')",
      "caches": "return await caches.open('a')",
      "indexedDB": "return indexedDB.open('a')",
      "BroadcastChannel": "return new BroadcastChannel('a')",
      "Deno.openKv": "return await Deno.openKv(':memory:')",
      "the runtime's internals": "return Deno[Deno.internal].core.ops",
      "GPU": "return await navigator.gpu.requestAdapter()",
    }),
    ...ways({ always: "gone" }, {
      "internals in a nested Worker": `return await new Promise((done, failed) => {
        const text = "postMessage(typeof Deno[Deno.internal] + typeof caches)";
        const worker = new Worker("data:text/javascript," + encodeURIComponent(text), { type: "module" });
        worker.onmessage = ({ data }) => data.includes("object") ? done(data) : failed(new TypeError(data + " is not a function"));
        worker.onerror = (event) => { event.preventDefault(); failed(new Error(event.message)); };
      })`,
      "internals by the Worker's parent class": `return await new Promise((done, failed) => {
        const text = "postMessage(typeof Deno[Deno.internal] + typeof caches)";
        const worker = new (Object.getPrototypeOf(Worker))("data:text/javascript," + encodeURIComponent(text), { type: "module" });
        worker.onmessage = ({ data }) => data.includes("object") ? done(data) : failed(new TypeError(data + " is not a function"));
        worker.onerror = (event) => { event.preventDefault(); failed(new Error(event.message)); };
      })`,
      "internals by the Worker's constructor": `return await new Promise((done, failed) => {
        const text = "postMessage(typeof Deno[Deno.internal] + typeof caches)";
        const worker = new Worker.prototype.constructor("data:text/javascript," + encodeURIComponent(text), { type: "module" });
        worker.onmessage = ({ data }) => data.includes("object") ? done(data) : failed(new TypeError(data + " is not a function"));
        worker.onerror = (event) => { event.preventDefault(); failed(new Error(event.message)); };
      })`,
    }),
    // The runtime's internals ask for permissions as all else does: taking them away is care, not a wall.
    ...ways({}, {
      "internals in a node Worker": `const { Worker } = await import("node:worker_threads");
        return await new Promise((done, failed) => {
          const worker = new Worker("require('node:worker_threads').parentPort.postMessage(typeof Deno[Deno.internal] + typeof caches)", { eval: true });
          worker.on("message", (text) => text.includes("object") ? done(text) : failed(new TypeError(text + " is not a function")));
          worker.on("error", failed);
        })`,
    }),
  ],
};

/** The cluster's own sockets and keys. */
export const cluster: Category = {
  title: "the cluster's own sockets and keys",
  ways: [
    ...ways({ ...OPENING, grant: { read: ["$folder"] } }, {
      "the connection file":
        "return JSON.parse(Deno.readTextFileSync(at.folder + '/security/ipcontroller-engine.json')).key",
      "its folder": "return [...Deno.readDirSync(at.folder + '/security')].length",
      "the connection file, imported":
        "return (await import('node:fs')).readFileSync(at.folder + '/security/ipcontroller-engine.json', 'utf8')",
    }),
    ...ways({
      deno: "refused",
      landlock: "EACCES",
      compiled: { landlock: "EACCES" },
      grant: { read: ["$folder"] },
    }, {
      "the connection file as a module":
        "return (await import('file://' + at.folder + '/security/ipcontroller-engine.json', { with: { type: 'json' } })).default.key",
    }),
    ...ways({ ...CALLING, grant: { net: true, read: ["$socket"], write: ["$socket"] } }, {
      "the hub's link": "(await Deno.connect({ transport: 'unix', path: at.socket })).close()",
    }),
    ...ways({ ...BOTH, grant: { net: ["127.0.0.1"] } }, {
      "the controller's port": "(await Deno.connect({ hostname: '127.0.0.1', port: at.tcp })).close()",
    }),
    ...ways(OPENING, {
      "the host's arguments": "return Deno.readTextFileSync(`/proc/${at.host}/cmdline`)",
    }),
    ...ways({ ...OPENING, lesser: "EACCES" }, {
      "the host's environment": "return Deno.readTextFileSync(`/proc/${at.host}/environ`).length",
      "the host's memory": "using file = Deno.openSync(`/proc/${at.host}/mem`); return 1",
      "the host's folder": "return [...Deno.readDirSync(`/proc/${at.host}/cwd`)].length",
    }),
  ],
};
