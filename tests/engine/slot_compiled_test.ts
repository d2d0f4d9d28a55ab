import {
  cannotCompile as ignore,
  compiledCommand as command,
  compiledNeeds as why,
} from "../contracts/compiled_child.ts";
import { grantSuite } from "../contracts/slot_grants.ts";
import { slotSuite } from "../contracts/slot.ts";
import { processSuite } from "../contracts/slot_process.ts";
import { wallSuite } from "../contracts/slot_walls.ts";

slotSuite({ name: `compiled slot${why}`, command, ignore });
wallSuite({ name: `compiled slot${why}`, command, ignore, isCompiled: true });
grantSuite({ name: `compiled slot${why}`, command, ignore, isCompiled: true });
processSuite({ name: `compiled slot${why}`, command, ignore });
