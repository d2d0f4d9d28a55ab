import { childCommand } from "../../src/engine/slot_start.ts";
import { grantSuite } from "../contracts/slot_grants.ts";

grantSuite({ name: "slot", command: childCommand });
