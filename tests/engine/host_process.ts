/**
 * An engine host as a process of its own, for tests: its options are the JSON text of its only argument; SIGTERM ends it.
 */
import { createLogger } from "../../src/base/log.ts";
import { runEngineHost } from "../../src/engine/engine.ts";

const stop = new AbortController();
Deno.addSignalListener("SIGTERM", () => stop.abort(new Error("SIGTERM")));
const options = JSON.parse(Deno.args[0] ?? "{}");
const code = await runEngineHost(options, createLogger({ name: "engine", level: "debug" }), stop.signal);
Deno.exit(code);
