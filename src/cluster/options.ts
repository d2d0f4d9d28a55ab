/**
 * The cluster's options: how many engines, started by whom, and how long to wait, by flag, environment or profile section `cluster`.
 */
import { choice, number, numberOrNone, type OptionValues, texts } from "../base/options.ts";

/** Name, default, unit or words, help. */
export const CLUSTER_OPTIONS = {
  n: numberOrNone(
    null,
    { unit: "engines", min: 1, max: 1024 },
    "How many engines to start; unset: one per processor",
  ),
  launcher: choice("local", ["local"], "Who starts the processes"),
  startTimeoutMs: number(
    60_000,
    { unit: "ms", min: 1 },
    "How long controller and engines may take to come up",
  ),
  stopTimeoutMs: number(5000, { unit: "ms" }, "How long processes may take to end before they are killed"),
  controllerArgs: texts(
    "argument",
    "Flag for the controller, like --controller-args=--ping=250; may be repeated",
  ),
  engineArgs: texts("argument", "Flag for the engines; may be repeated"),
} as const;

/** The cluster's settings. */
export type ClusterOptions = OptionValues<typeof CLUSTER_OPTIONS>;
