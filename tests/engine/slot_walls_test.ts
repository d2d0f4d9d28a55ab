import { childCommand } from "../../src/engine/slot_start.ts";
import { wallSuite } from "../contracts/slot_walls.ts";

wallSuite({ name: "slot", command: childCommand });
