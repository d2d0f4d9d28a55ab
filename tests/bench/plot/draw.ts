/** docs/throughput.svg: tasks per second against size and duration, drawn by Vega without a screen. */

import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Point } from "./measure.ts";

/** Numbers of a run and where it was. */
export interface Measured {
  readonly machine: string;
  readonly date: string;
  readonly versions: string;
  readonly points: readonly Point[];
}

type Panel = Extract<TopLevelSpec, { hconcat: unknown }>["hconcat"][number];

/** What a panel's axis shows; zero has no logarithm and stands left of the least value. */
interface Axis {
  readonly title: string;
  readonly zeroAt: number;
  readonly ticks: readonly number[];
  readonly domain: readonly [number, number];
  /** A Vega expression of `datum.value`. */
  readonly label: string;
  readonly lines: Readonly<Record<Point["line"], Label & { readonly at: number }>>;
}

/** What a line is called, and how far from one of its places: the `at`th. */
interface Label {
  readonly text: string;
  readonly dx: number;
  readonly dy: number;
}

const COLORS: Readonly<Record<Point["line"], string>> = {
  tsparallel: "#c2410c",
  ipyparallel: "#1d4ed8",
  libzmq: "#6b7280",
};

const AXES: Readonly<Record<Point["panel"], Axis>> = {
  size: {
    title: "bytes of the argument, and as many of the result",
    zeroAt: 8,
    ticks: [8, 64, 1 << 10, 16 << 10, 128 << 10, 1 << 20, 16 << 20],
    domain: [8, 16 << 20],
    label: "datum.value < 64 ? '0' : datum.value < 1024 ? datum.value + ' B' " +
      ": datum.value < 1048576 ? datum.value / 1024 + ' KiB' : datum.value / 1048576 + ' MiB'",
    lines: {
      tsparallel: { text: "tsparallel", at: 1, dx: 4, dy: -12 },
      ipyparallel: { text: "ipyparallel", at: 1, dx: 4, dy: 16 },
      libzmq: { text: "libzmq alone: messages relayed, one way", at: 1, dx: 8, dy: -10 },
    },
  },
  duration: {
    title: "milliseconds that a task sleeps",
    zeroAt: 0.0003,
    ticks: [0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
    domain: [0.0003, 0.1],
    label: "datum.value < 0.001 ? '0' : format(datum.value * 1000, '.3~r')",
    lines: {
      tsparallel: { text: "tsparallel", at: 0, dx: 2, dy: 130 },
      ipyparallel: { text: "ipyparallel", at: 0, dx: 4, dy: 16 },
      libzmq: { text: "ideal: 2 engines / duration", at: 1, dx: 10, dy: -6 },
    },
  },
};

/**
 * Draws the numbers.
 * @returns an SVG document with a background of its own, so that it can be read on any page
 */
export async function drawThroughput({ machine, date, versions, points }: Measured): Promise<string> {
  const spec = compile({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "#ffffff",
    padding: 16,
    title: {
      text: "Tasks per second: tsparallel, ipyparallel 9.2's own cluster, and what libzmq allows",
      subtitle: [
        `Two engines on ${machine}; ${versions}; ${date}.`,
        "Each item of a map is a task of its own, and every result is checked.",
      ],
      anchor: "start",
      fontSize: 16,
      subtitleFontSize: 12,
      subtitleColor: "#4b5563",
      offset: 14,
    },
    config: { font: "DejaVu Sans, Verdana, sans-serif", view: { stroke: null } },
    spacing: 30,
    hconcat: [panelOf("size", points), panelOf("duration", points)],
  }).spec;
  const view = new vega.View(vega.parse(spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

interface Row {
  readonly line: Point["line"];
  readonly x: number;
  readonly y: number;
}

function panelOf(panel: Point["panel"], points: readonly Point[]): Panel {
  const axis = AXES[panel];
  const rows = points.filter((point) => point.panel === panel).map(({ line, of, perSecond }): Row => ({
    line,
    x: of === 0 ? axis.zeroAt : of,
    y: perSecond,
  }));
  const encoding = { x: xOf(axis), y: yOf(panel), color: COLOR };
  return {
    title: {
      text: panel === "size" ? "by size: the task gives back its argument" : "by duration: the task sleeps",
      anchor: "start",
      frame: "group",
      fontSize: 13,
      fontWeight: "normal",
    },
    width: 430,
    height: 340,
    data: { values: rows },
    layer: [
      {
        mark: { type: "line", strokeWidth: 2, point: { size: 36, filled: true } },
        encoding: { ...encoding, strokeDash: DASH },
      },
      ...labelsOf(rows, axis).map((label): Layer => ({
        data: { values: [label] },
        mark: { type: "text", align: "left", fontSize: 12, fontWeight: "bold", dx: label.dx, dy: label.dy },
        encoding: { ...encoding, text: { field: "text", type: "nominal" } },
      })),
    ],
  };
}

type Layer = Extract<Panel, { layer: unknown }>["layer"][number];

const DOMAIN = Object.keys(COLORS);
const COLOR = {
  field: "line",
  type: "nominal" as const,
  legend: null,
  scale: { domain: DOMAIN, range: Object.values(COLORS) },
};
/** Only what no cluster does is dashed. */
const DASH = {
  field: "line",
  type: "nominal" as const,
  legend: null,
  scale: { domain: DOMAIN, range: [[1, 0], [1, 0], [5, 4]] },
};

function xOf({ title, domain, ticks, label }: Axis) {
  return {
    field: "x",
    type: "quantitative" as const,
    title,
    scale: { type: "log" as const, domain: [...domain], nice: false },
    axis: { values: [...ticks], labelExpr: label, grid: false, labelFontSize: 11, titleFontSize: 12 },
  };
}

function yOf(panel: Point["panel"]) {
  return {
    field: "y",
    type: "quantitative" as const,
    title: panel === "size" ? "tasks per second" : null,
    scale: { type: "log" as const, domain: [10, 4_000_000], nice: false },
    axis: {
      values: [10, 100, 1000, 10_000, 100_000, 1_000_000],
      format: ",",
      gridColor: "#e5e7eb",
      labelFontSize: 11,
      titleFontSize: 12,
      domain: false,
      ticks: false,
      labelPadding: 8,
    },
  };
}

/** Each line is named beside one of its places, away from the other lines. */
function labelsOf(rows: readonly Row[], { lines }: Axis): (Row & Label)[] {
  return (Object.keys(lines) as Point["line"][]).flatMap((line) => {
    const { at, ...label } = lines[line];
    const row = rows.filter((one) => one.line === line)[at];
    return row === undefined ? [] : [{ ...row, ...label }];
  });
}
