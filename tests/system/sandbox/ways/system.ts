/** System information. */
import { ASKING, type Category, ways } from "../way.ts";

const OS = `const os = await import("node:os");`;
const PROCESS = `const { default: process } = await import("node:process");`;

export const system: Category = {
  title: "system information",
  ways: [
    ...ways({ ...ASKING, grant: { sys: true } }, {
      "hostname": "return Deno.hostname()",
      "osRelease": "return Deno.osRelease()",
      "osUptime": "return Deno.osUptime()",
      "loadavg": "return Deno.loadavg()",
      "systemMemoryInfo": "return Deno.systemMemoryInfo().total",
      "uid": "return Deno.uid()",
      "gid": "return Deno.gid()",
      "os.hostname": `${OS} return os.hostname()`,
      "os.cpus": `${OS} return os.cpus().length`,
      "os.freemem": `${OS} return os.freemem()`,
      "os.totalmem": `${OS} return os.totalmem()`,
      "os.release": `${OS} return os.release()`,
      "os.version": `${OS} return os.version()`,
      "os.uptime": `${OS} return os.uptime()`,
      "os.loadavg": `${OS} return os.loadavg()`,
      "os.getPriority": `${OS} return os.getPriority()`,
      "process.getuid": `${PROCESS} return process.getuid()`,
    }),
    // The older one asks for no right here; it changes nothing but the child.
    ...ways({ ...ASKING, compiled: {}, grant: { sys: true } }, {
      "umask": "return Deno.umask()",
      "process.umask": `${PROCESS} return process.umask()`,
    }),
    ...ways({ ...ASKING, only: "source", grant: { sys: true } }, {
      "process.getgroups": `${PROCESS} return process.getgroups()`,
    }),
    ...ways({ ...ASKING, seccomp: "EPERM", grant: { sys: true } }, {
      "networkInterfaces": "return Deno.networkInterfaces().length",
      "os.networkInterfaces": `${OS} return os.networkInterfaces()`,
    }),
  ],
};
