import { childCommand } from "../../src/engine/slot.ts";
import { slotSuite } from "../contracts/slot.ts";

slotSuite({ name: "slot", command: childCommand });
