/** Environment, arguments, folders. */
import { ASKING, type Category, ways } from "../way.ts";

const PROCESS = `const { default: process } = await import("node:process");`;

/** What a task could learn of where it runs. The kernel knows no difference: the values lie in the process. */
export const environment: Category = {
  title: "environment",
  ways: [
    ...ways({ ...ASKING, grant: { env: true } }, {
      "env.get": "return Deno.env.get('DENO_DIR')",
      "env.has": "return Deno.env.has('DENO_DIR')",
      "env.toObject": "return Deno.env.toObject()",
      "env.set": "Deno.env.set('WAY', '1')",
      "env.delete": "Deno.env.delete('WAY')",
      "process.env": `${PROCESS} return process.env.DENO_DIR`,
      "keys of process.env": `${PROCESS} return Object.keys(process.env)`,
      "in process.env": `${PROCESS} return "DENO_DIR" in process.env`,
      "write process.env": `${PROCESS} process.env.WAY = "1"`,
      "os.tmpdir": `return (await import("node:os")).tmpdir()`,
      "getBuiltinModule process": `${PROCESS} return process.getBuiltinModule("process").env.DENO_DIR`,
    }),
    ...ways({ ...ASKING, grant: { sys: true } }, {
      "os.homedir": `return (await import("node:os")).homedir()`,
    }),
    ...ways({ ...ASKING, landlock: "EACCES", grant: { sys: true } }, {
      "os.userInfo": `return (await import("node:os")).userInfo().username`,
    }),
    ...ways({ ...ASKING, grant: { read: true } }, {
      "change the folder": "Deno.chdir('/tmp'); Deno.chdir('/')",
    }),
  ],
};
