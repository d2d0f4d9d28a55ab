/**
 * The command line. Only the subcommand that is asked for is loaded; of the others it knows name and summary.
 */
import { Command, CommanderError } from "commander";
import { nearest } from "../base/options.ts";
import { VERSION } from "../base/version.ts";
import { withBareFlags } from "../protocol/permission_flags.ts";
import type { OwnArguments, Spellings } from "./peer_arguments.ts";
import { EXIT, EXIT_HELP, exitCodeOf } from "./exit_codes.ts";

interface Subcommand {
  readonly summary: string;
  /** Gives the command its options, help and action. */
  load(): Promise<(command: Command, translated: OwnArguments) => void>;
  /** The spellings of the program of ipyparallel's that it stands in for. */
  readonly peer?: () => Promise<Spellings>;
}

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  controller: {
    summary: "run hub and schedulers",
    load: async () => (await import("./controller.ts")).defineController,
    peer: async () => (await import("./peer_program.ts")).IPCONTROLLER.spellings,
  },
  hub: {
    summary: "run the hub alone",
    load: async () => (await import("./hub.ts")).defineHub,
    peer: async () => (await import("./peer_program.ts")).IPCONTROLLER.spellings,
  },
  scheduler: {
    summary: "run the schedulers alone, beside a hub",
    load: async () => (await import("./scheduler.ts")).defineScheduler,
  },
  engine: {
    summary: "run engines",
    load: async () => (await import("./engine.ts")).defineEngine,
    peer: async () => (await import("./peer_program.ts")).IPENGINE.spellings,
  },
  cluster: {
    summary: "start, stop, list or change whole clusters",
    load: async () => (await import("./cluster.ts")).defineCluster,
  },
  profile: {
    summary: "make, list and show profiles",
    load: async () => (await import("./profile.ts")).defineProfile,
  },
  config: {
    summary: "show which settings hold, and where each comes from",
    load: async () => (await import("./config.ts")).defineConfig,
  },
  status: {
    summary: "show a cluster's engines and queues",
    load: async () => (await import("./status.ts")).defineStatus,
  },
  cancel: {
    summary: "stop tasks of any client, in any state",
    load: async () => (await import("./cancel.ts")).defineCancel,
  },
  explain: {
    summary: "say what became of a task, and why",
    load: async () => (await import("./explain.ts")).defineExplain,
  },
  exec: {
    summary: "run code on engines and show what comes back",
    load: async () => (await import("./exec.ts")).defineExec,
  },
  keys: {
    summary: "make keys for encrypted connections",
    load: async () => (await import("./keys.ts")).defineKeys,
  },
  demo: {
    summary: "see a cluster work on real data",
    load: async () => (await import("./demo_command.ts")).defineDemo,
  },
};

const EXAMPLES = `
Examples:
  tsparallel cluster start -n 4              start a controller and 4 engines here, until Ctrl-C
  tsparallel cluster start -n 4 --daemonize  the same in the background
  tsparallel exec 'navigator.hardwareConcurrency'
  tsparallel status
  tsparallel cluster stop
`;

/** Runs the program with these arguments and ends the process with the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  Deno.exit(await run(args));
}

async function run(args: readonly string[]): Promise<number> {
  try {
    if (args.includes("--version") || args[0] === "-V") return await showVersion();
    const translated = await translate(args);
    const { program, args: known } = await commandLine(translated);
    await program.parseAsync([...known], { from: "user" });
    return Deno.exitCode;
  } catch (error) {
    return explain(error);
  }
}

/** The command line in our own flags, where the command stands in for one of ipyparallel's programs. */
async function translate(given: readonly string[]): Promise<OwnArguments> {
  const args = withBareFlags(given);
  const name = args[0] ?? "";
  const peer = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name]?.peer : undefined;
  if (peer === undefined) return { args, names: new Map(), unmapped: [] };
  const { ownArguments } = await import("./peer_arguments.ts");
  const translated = ownArguments(args.slice(1), await peer());
  return { ...translated, args: [name, ...translated.args] };
}

/** The program, and the arguments that it is to read: those that a stand-in ignores are named in its warning. */
async function commandLine(translated: OwnArguments): Promise<{ program: Command; args: readonly string[] }> {
  let { args } = translated;
  const program = new Command("tsparallel")
    .description("Parallel computing with sandboxed engines: ipyparallel's architecture on Deno.")
    .option("-V, --version", "show the versions of tsparallel, Deno and ZeroMQ")
    .addHelpText("after", EXAMPLES + EXIT_HELP);
  strict(program);
  const wanted = args[0] === "help" ? args[1] : args.find((word) => !word.startsWith("-"));
  for (const [name, subcommand] of Object.entries(SUBCOMMANDS)) {
    const command = program.command(name).summary(subcommand.summary).description(
      sentence(subcommand.summary),
    );
    if (name === wanted) {
      const unmapped = [...translated.unmapped];
      (await subcommand.load())(command, { ...translated, unmapped });
      if (subcommand.peer !== undefined && args[0] === name) {
        const { withoutUnknown } = await import("./unknown_flags.ts");
        const known = withoutUnknown(args, command);
        args = known.args;
        unmapped.push(...known.unknown);
      }
    }
    strict(command);
  }
  return { program, args };
}

/** Errors are thrown, not exits, and point to the help. */
function strict(command: Command): void {
  command.exitOverride().showHelpAfterError("See --help").configureHelp({ showGlobalOptions: false });
  command.configureOutput({
    outputError: (text, write) => write(withSuggestion(text.replace(/^error: /, "tsparallel: "), command)),
  });
  for (const inner of command.commands) strict(inner);
}

/** Commander's own suggestions take `--name=value` for one long name: here the value does not count. */
function withSuggestion(text: string, command: Command): string {
  const flag = /unknown option '(--[^'=]+)/.exec(text)?.[1];
  if (flag === undefined || text.includes("Did you mean")) return text;
  const known = command.options.flatMap(({ long, hidden }) => long === undefined || hidden ? [] : [long]);
  const found = nearest(flag, known);
  return found === undefined ? text : `${text.trimEnd()}\n(Did you mean ${found}?)\n`;
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

async function showVersion(): Promise<number> {
  console.log(`tsparallel ${VERSION} (deno ${Deno.version.deno}, zmq ${await zmqVersion()})`);
  return EXIT.ok;
}

async function zmqVersion(): Promise<string> {
  try {
    const { libzmq } = await import("../native/libzmq.ts");
    return libzmq().version;
  } catch (error) {
    return `not usable: ${error instanceof Error ? error.message : error}`;
  }
}

/** Says what went wrong, in a sentence, and gives the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  console.error(`tsparallel: ${error instanceof Error ? error.message : error}`);
  if (Deno.env.has("TSPARALLEL_TRACE") && error instanceof Error) console.error(error.stack);
  return exitCodeOf(error);
}
