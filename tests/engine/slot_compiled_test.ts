import { denialSuite } from "../contracts/slot_denials.ts";
import { grantSuite } from "../contracts/slot_grants.ts";
import { slotSuite } from "../contracts/slot.ts";
import { processSuite } from "../contracts/slot_process.ts";
import { wallSuite } from "../contracts/slot_walls.ts";
import { compiledCommand, ignore, why } from "./compiled_slot.ts";

const options = { name: `compiled slot${why}`, command: compiledCommand, ignore, isCompiled: true };
slotSuite(options);
wallSuite(options);
grantSuite(options);
denialSuite(options);
processSuite(options);
