/** The local launcher keeps what all launchers keep. */
import { launcherContract } from "../contracts/launcher.ts";

launcherContract({ launcher: "local" });
