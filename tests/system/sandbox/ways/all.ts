/** All ways out that we know of. */
import type { Category } from "../way.ts";
import { environment } from "./environment.ts";
import { files } from "./files.ts";
import { modules } from "./modules.ts";
import { cluster, hostLink, neighbours } from "./neighbours.ts";
import { network } from "./network.ts";
import { memory, processes } from "./processes.ts";
import { resources } from "./resources.ts";
import { rights } from "./rights.ts";
import { system } from "./system.ts";

export const CATEGORIES: readonly Category[] = [
  files,
  modules,
  network,
  environment,
  processes,
  memory,
  system,
  rights,
  hostLink,
  neighbours,
  cluster,
  resources,
];
