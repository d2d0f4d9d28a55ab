/** Slurm, real: started by hand on this machine before (`deno task test:batch`), or whatever SLURM_CONF names. */
import { launcherContract } from "../../contracts/launcher.ts";

launcherContract({
  launcher: "slurm",
  remark: "(needs a Slurm cluster: SLURM_CONF)",
  isMissing: !Deno.env.has("SLURM_CONF"),
  code3: /FAILED \(NonZeroExitCode\), exit code 3:0/,
});
