/** What programs can set of a cluster is exactly what its options are; this file compiles or it does not. */
import type { ClusterSettings } from "../../src/cluster/cluster_settings.ts";
import type { ClusterOptions } from "../../src/cluster/options.ts";

/** Each option can be given, and nothing else can. */
type Given = { [Name in keyof Required<ClusterSettings>]: Exclude<ClusterSettings[Name], undefined> };

export const optionsAreSettings = (options: ClusterOptions): Given => options;
export const settingsAreOptions = (settings: Given): ClusterOptions => settings;
