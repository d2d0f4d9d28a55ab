/**
 * `deno task bench:plot [--quick] [--keep DIR] [--only panel] [--draw]`: measures tasks per second against task size and task duration, at ours, at ipyparallel's own
 * controller, engines and client, and what libzmq relays at all, two engines on this machine, every result checked; writes docs/throughput.json and draws
 * docs/throughput.svg. With `--only size` or `--only duration` the other panel stays as it was, with `--draw` both. ipyparallel is installed into a temporary
 * folder, or into DIR, which stays and is not installed again.
 */

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { folderFor } from "../peers/folder.ts";
import { installed } from "../peers/install.ts";
import { Ours } from "../peers/ours.ts";
import { PeerProgram } from "../peers/program.ts";
import { drawThroughput, type Measured } from "./draw.ts";
import { idealPoints, measurePanel, type Plan, type Point, relayPoints, SIZES } from "./measure.ts";

const FULL: Plan = { rounds: 3, burstSeconds: 0.6 };
const QUICK: Plan = { rounds: 1, burstSeconds: 0.15 };
const JSON_FILE = new URL("../../../docs/throughput.json", import.meta.url);
const SVG_FILE = new URL("../../../docs/throughput.svg", import.meta.url);
const PANELS = ["size", "duration"] as const;

async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      keep: { type: "string" },
      only: { type: "string" },
      draw: { type: "boolean" },
    },
  });
  const panels = values.draw === true ? [] : wantedPanels(values.only);
  const old = panels.length === PANELS.length ? [] : (await readOld()).points;
  let measured: Measured = { ...machine(), points: [] };
  if (panels.length === 0) measured = await readOld();
  else {
    const fresh = await measure(panels, values);
    const kept = old.filter(({ panel }) => !panels.includes(panel));
    measured = { ...measured, points: [...kept, ...fresh] };
    await Deno.writeTextFile(JSON_FILE, textOf(measured));
  }
  await Deno.writeTextFile(SVG_FILE, await drawThroughput(measured));
  for (const { panel, line, of, perSecond } of measured.points) {
    console.log(`${panel} ${of} ${line}: ${Math.round(perSecond * 10) / 10} per second`);
  }
}

/** @throws Error naming the panels if another one is asked for */
function wantedPanels(only: string | undefined): readonly Point["panel"][] {
  if (only === undefined) return PANELS;
  const panel = PANELS.find((known) => known === only);
  if (panel === undefined) throw new Error(`Cannot measure "${only}": there are ${PANELS.join(" and ")}`);
  return [panel];
}

/** @throws Error saying what to do if no run has left its numbers */
async function readOld(): Promise<Measured> {
  try {
    return JSON.parse(await Deno.readTextFile(JSON_FILE));
  } catch (error) {
    throw new Error("Cannot draw without numbers: run it once without --only and --draw", { cause: error });
  }
}

interface Asked {
  readonly quick?: boolean;
  readonly keep?: string;
}

async function measure(panels: readonly Point["panel"][], { quick = false, keep }: Asked): Promise<Point[]> {
  await using stack = new AsyncDisposableStack();
  const command = await installed("ipyparallel", await folderFor(keep, stack));
  const relayed = await relayPoints(panels.includes("size") ? SIZES : [SIZES[0]], { quick });
  const ours = stack.use(await Ours.start()), peer = stack.use(new PeerProgram(command));
  await peer.next();
  const asks = new Map([
    ["tsparallel", (question) => ours.ask(question)],
    ["ipyparallel", (question) => peer.ask(question)],
  ] as [["tsparallel", Ours["ask"]], ["ipyparallel", Ours["ask"]]]);
  // The first tasks of all say what a cold start costs, not what a size does.
  for (const ask of asks.values()) await ask(["submit", 300]);
  await ours.ask(["map", 40_000]);
  const points: Point[] = [];
  for (const panel of panels) {
    points.push(...await measurePanel(panel, asks, quick ? QUICK : FULL));
    points.push(...(panel === "size" ? relayed : idealPoints(relayed[0]!.perSecond)));
  }
  return points;
}

function machine(): Omit<Measured, "points"> {
  const cores = cpus();
  return {
    machine: `${cores[0]?.model.trim() ?? Deno.build.arch}, ${cores.length} cores, ${Deno.build.os}`,
    date: new Date().toISOString().slice(0, 10),
    versions: `Deno ${Deno.version.deno}`,
  };
}

/** A point a line. */
function textOf({ points, ...rest }: Measured): string {
  const lines = points.map((point) =>
    `    ${JSON.stringify({ ...point, perSecond: Number(point.perSecond.toPrecision(4)) })}`
  );
  const head = JSON.stringify(rest, null, 2).slice(0, -2);
  return `${head},\n  "points": [\n${lines.join(",\n")}\n  ]\n}\n`;
}

if (import.meta.main) await main(Deno.args);
