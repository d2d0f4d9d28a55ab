/** Loading modules: in a compiled program the loader asks for no permission, so the kernel's wall is all there is for files. */
import { type Category, type Way, ways } from "../way.ts";

const REQUIRE =
  `const { createRequire } = await import("node:module"); const require = createRequire("file:///x.js");`;
const WORKER = `const run = (url) => new Promise((done, failed) => {
  const worker = new Worker(url, { type: "module" });
  worker.onmessage = ({ data }) => { worker.terminate(); done(data); };
  worker.onerror = (event) => { event.preventDefault(); failed(new Error(event.message)); };
});`;

const LOADED = {
  deno: "refused",
  landlock: "EACCES",
  compiled: { landlock: "EACCES" },
  grant: { read: ["$folder"] },
} as const;

const imports: Way[] = [
  ...ways(LOADED, {
    "import of a module": "return (await import('file://' + at.folder + '/module.mjs')).default",
    "import of JSON":
      "return (await import('file://' + at.folder + '/data.json', { with: { type: 'json' } })).default",
    "import from data:": `
      const text = 'export { default } from "file://' + at.folder + '/module.mjs"';
      return (await import('data:text/javascript,' + encodeURIComponent(text))).default`,
    "import by eval": "return (await (0, eval)(`import('file://${at.folder}/module.mjs')`)).default",
    "import by Function":
      "return (await new Function(`return import('file://${at.folder}/module.mjs')`)()).default",
    "a Worker's module": `${WORKER} return await run('file://' + at.folder + '/worker.mjs')`,
    "import in a nested Worker": `${WORKER}
      const text = 'postMessage((await import("file://' + at.folder + '/module.mjs")).default)';
      return await run('data:text/javascript,' + encodeURIComponent(text))`,
  }),
  ...ways({ ...LOADED, only: "source" }, {
    "import in a vm script": `
      const vm = await import("node:vm");
      const options = { importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER };
      return (await vm.runInThisContext("import('file://" + at.folder + "/module.mjs')", options)).default`,
    "import of text": "return (await import('file://' + at.file, { with: { type: 'text' } })).default",
    "import from blob:": `
      const text = 'export { default } from "file://' + at.folder + '/module.mjs"';
      const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
      return (await import(url)).default`,
    "import of TypeScript": "return (await import('file://' + at.folder + '/typed.ts')).default",
  }),
];

/** A compiled program looks for these in itself only. */
const requires: Way[] = ways({
  deno: "refused",
  landlock: "EACCES",
  compiled: { deno: "refused", always: "unknown" },
  grant: { read: ["$folder"] },
}, {
  "require of CommonJS": `${REQUIRE} return require(at.folder + "/module.cjs")`,
  "require of JSON": `${REQUIRE} return require(at.folder + "/data.json")`,
  "Module._load": `return (await import("node:module")).default._load(at.folder + "/module.cjs")`,
  "Module._extensions": `const { default: Module } = await import("node:module");
    const module = { exports: {}, _compile(text) { this.text = text; } };
    Module._extensions[".js"](module, at.folder + "/module.js"); return module.text`,
  "Module._extensions json": `const { default: Module } = await import("node:module");
    const module = { exports: {} };
    Module._extensions[".json"](module, at.folder + "/data.json"); return module.exports`,
});

/** There is nothing configured in which they could be found, whatever stands. */
const unknown: Way[] = ways({ always: "unknown" }, {
  "npm: package": "return await import('npm:is-odd@3.0.1')",
  "bare name": "return await import('is-odd')",
  "extension of the runtime": "return await import('ext:core/mod.js')",
  "extension's operations": "return await import('ext:core/ops')",
  "internal module of node": "return await import('node:internal/bootstrap/realm')",
});

const remote: Way[] = [
  {
    name: "require of a package",
    code: `${REQUIRE} return require("is-odd")`,
    deno: "refused",
    always: "unknown",
    compiled: { always: "unknown" },
  },
  {
    name: "import over HTTP",
    code: "return (await import(`http://127.0.0.1:${at.http}/module.js`)).default",
    deno: "refused",
    always: "unknown",
    compiled: { always: "unknown" },
  },
  {
    name: "jsr: package",
    code: "return await import('jsr:@std/assert')",
    deno: "refused",
    always: "unknown",
    compiled: { always: "unknown" },
  },
];

/** Loading in all its forms. */
export const modules: Category = {
  title: "module loading",
  ways: [...imports, ...requires, ...unknown, ...remote],
};
