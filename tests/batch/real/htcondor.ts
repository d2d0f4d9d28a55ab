/** HTCondor: its real submit library, and a stand-in that runs the jobs. */
import { launcherContract } from "../../contracts/launcher.ts";

launcherContract({
  launcher: "htcondor",
  remark: "(needs condor_submit: CONDOR_STATE)",
  isMissing: !Deno.env.has("CONDOR_STATE"),
  canSignal: false,
  code3: /ended/,
});
