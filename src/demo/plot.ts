/**
 * The demo's picture, drawn by Vega without a screen: how late one flight in ten is, for each of the busiest airports and hours of
 * the day, and beside it some airports' hours with their 95 % intervals.
 */

import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Finding } from "./report.ts";

/** Airports that get a panel with intervals. */
const PANELS = 6;

interface Row {
  readonly airport: string;
  readonly hour: number;
  readonly quantile: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Draws the findings.
 * @param findings of single hours, airport by airport, the busiest first
 * @returns an SVG document
 */
export async function drawFlights(findings: readonly Finding[]): Promise<string> {
  const rows = findings.flatMap(rowsOf);
  const airports = [...new Set(rows.map(({ airport }) => airport))];
  const spec = compile({
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: "Delays of US flights by airport and hour of departure",
      subtitle: "3,000,000 flights, January to June 2001; intervals of 95 % by bootstrap",
      anchor: "start",
    },
    config: { font: "sans-serif", view: { stroke: null } },
    hconcat: [heatMap(rows, airports), intervals(rows, airports.slice(0, PANELS))],
  }).spec;
  const view = new vega.View(vega.parse(spec), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

function rowsOf({ slice: { airport, hour }, median, high }: Finding): Row[] {
  if (hour === null) return [];
  return [
    { airport, hour, quantile: "median", ...median },
    { airport, hour, quantile: "90 %", ...high },
  ];
}

type Panel = Extract<TopLevelSpec, { hconcat: unknown }>["hconcat"][number];

const HOUR = { field: "hour", title: "hour of departure" } as const;

function heatMap(rows: readonly Row[], airports: readonly string[]): Panel {
  return {
    title: {
      text: "90 % of the flights are less late than … minutes",
      fontWeight: "normal",
      anchor: "start",
    },
    data: { values: rows.filter(({ quantile }) => quantile === "90 %") },
    mark: { type: "rect" },
    width: { step: 18 },
    height: { step: 17 },
    encoding: {
      x: { ...HOUR, type: "ordinal", axis: { labelAngle: 0 } },
      y: { field: "airport", type: "nominal", sort: [...airports], title: "airport, the busiest first" },
      color: { field: "value", type: "quantitative", title: "minutes", scale: { scheme: "viridis" } },
    },
  };
}

function intervals(rows: readonly Row[], airports: readonly string[]): Panel {
  const color = { field: "quantile", type: "nominal", title: "quantile", sort: ["median", "90 %"] } as const;
  return {
    title: { text: "with what certainty", fontWeight: "normal", anchor: "start" },
    data: { values: rows.filter(({ airport }) => airports.includes(airport)) },
    facet: { field: "airport", type: "nominal", sort: [...airports], title: null },
    columns: 2,
    spec: {
      width: 210,
      height: 125,
      layer: [
        {
          mark: { type: "area", opacity: 0.35 },
          encoding: {
            x: { ...HOUR, type: "quantitative" },
            y: { field: "low", type: "quantitative", title: "minutes late" },
            y2: { field: "high" },
            color,
          },
        },
        {
          mark: { type: "line", strokeWidth: 1.2 },
          encoding: {
            x: { ...HOUR, type: "quantitative" },
            y: { field: "value", type: "quantitative" },
            color,
          },
        },
      ],
    },
  };
}
