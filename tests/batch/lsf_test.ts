/** LSF, by stand-in commands of ours that print and refuse what IBM's manuals of 10.1 say. */
import { launcherContract } from "../contracts/launcher.ts";
import { standIn } from "./standins/standins.ts";

standIn("bsub", "bjobs", "bkill");
launcherContract({ launcher: "lsf", remark: "(stand-in)", code3: /EXIT, exit code 3/ });
