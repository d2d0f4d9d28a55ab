/** OpenPBS, by stand-in commands of ours that print and refuse what was observed of 23.06. */
import { launcherContract } from "../contracts/launcher.ts";
import { standIn } from "./standins/standins.ts";

standIn("qsub", "qstat", "qdel", "qsig");
launcherContract({ launcher: "pbs", remark: "(stand-in)", code3: /exit code 3/ });
