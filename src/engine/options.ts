/**
 * The engine's options: how its slots are walled off and which limits hold for every task, by flag, environment or profile section
 * `engine`. A task may ask for less, never for more.
 */
import { choice, number, numberOrNone, type OptionValues } from "../base/options.ts";

const MB = 1 << 20;

/** Name, default, unit or words, help. */
export const ENGINE_OPTIONS = {
  engines: number(1, { unit: "n", min: 1, max: 1024 }, "Engines in this process"),
  isolation: choice(
    "shared",
    ["shared", "worker", "process"],
    "What is new for each task: nothing, a Worker, a process",
  ),
  sandbox: choice(
    "auto",
    ["auto", "strict"],
    "strict: refuse to start where the kernel lacks the second wall",
  ),
  runTimeoutMs: numberOrNone(null, { unit: "ms", min: 1 }, "Longest run of a task, from its start"),
  memoryLimitMB: numberOrNone(
    null,
    { unit: "MB", min: 64 },
    "Most memory of a slot's process; unset: an equal share of 80 % of the machine's",
  ),
  outputLimitBytes: numberOrNone(64 * MB, { unit: "bytes" }, "Most text that a task may write"),
  resultLimitBytes: numberOrNone(1024 * MB, { unit: "bytes", min: 1024 }, "Largest result of a task"),
} as const;

/** The engine host's settings. */
export type EngineOptions = OptionValues<typeof ENGINE_OPTIONS>;
