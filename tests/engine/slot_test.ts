import { childCommand } from "../../src/engine/slot_start.ts";
import { slotSuite } from "../contracts/slot.ts";

slotSuite({ name: "slot", command: childCommand });
