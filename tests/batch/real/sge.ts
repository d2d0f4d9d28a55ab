/** Grid Engine, real. Its hosts are network namespaces here, so the controller listens on the address that they reach (SGE_CONTROLLER). */
import { launcherContract } from "../../contracts/launcher.ts";

const address = Deno.env.get("SGE_CONTROLLER");
launcherContract({
  launcher: "sge",
  remark: "(needs Grid Engine: SGE_ROOT)",
  isMissing: !Deno.env.has("SGE_ROOT"),
  canSignal: false,
  code3: /ended/,
  settings: address === undefined
    ? {}
    : { controller: "local", controllerArgs: [`--ip=${address}`, `--location=${address}`, "--ping=300"] },
});
