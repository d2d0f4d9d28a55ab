/**
 * Monte Carlo: prices of European and Asian options over a grid of strike prices and volatilities, one task for each point of the grid, and the European call
 * beside its closed form (Black and Scholes).
 *
 *     deno run -A examples/options_pricing.ts [--connect]
 */
import { Client, task } from "tsparallel";
import { Cluster } from "tsparallel/cluster";

/** An option on a share whose price is 100 today. */
interface Option {
  readonly strike: number;
  /** Standard deviation of the yearly logarithmic return. */
  readonly sigma: number;
  readonly seed: number;
}

const PATHS = 10_000;
const DAYS = 60;
const [PRICE, RATE, YEARS] = [100, 0.05, 1] as const;

/** Standard normal numbers that depend on the seed alone (mulberry32, Box and Muller). */
function normalFrom(seed: number): () => number {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

const priced = task(({ strike, sigma, seed }: Option) => {
  const normal = normalFrom(seed), step = YEARS / DAYS;
  const drift = (RATE - sigma ** 2 / 2) * step, spread = sigma * Math.sqrt(step);
  const paid = { euroCall: 0, euroPut: 0, asianCall: 0, asianPut: 0 };
  for (let path = 0; path < PATHS; path++) {
    let price = PRICE, sum = 0;
    for (let day = 0; day < DAYS; day++) sum += price *= Math.exp(drift + spread * normal());
    const mean = sum / DAYS;
    paid.euroCall += Math.max(price - strike, 0);
    paid.euroPut += Math.max(strike - price, 0);
    paid.asianCall += Math.max(mean - strike, 0);
    paid.asianPut += Math.max(strike - mean, 0);
  }
  const today = Math.exp(-RATE * YEARS) / PATHS;
  return {
    euroCall: paid.euroCall * today,
    euroPut: paid.euroPut * today,
    asianCall: paid.asianCall * today,
    asianPut: paid.asianPut * today,
  };
}, { captures: { normalFrom, PATHS, DAYS, PRICE, RATE, YEARS } });

function closedForm({ strike, sigma }: Option): number {
  const d = (Math.log(PRICE / strike) + (RATE + sigma ** 2 / 2) * YEARS) / (sigma * Math.sqrt(YEARS));
  const later = strike * Math.exp(-RATE * YEARS);
  return PRICE * below(d) - later * below(d - sigma * Math.sqrt(YEARS));
}

/** The normal distribution function (Abramowitz and Stegun 26.2.17, exact to 7.5e-8). */
function below(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153]
    .reduce((sum, factor) => (sum + factor) * t, 0) * Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
  return x < 0 ? tail : 1 - tail;
}

await using cluster = Deno.args.includes("--connect") ? undefined : await Cluster.start({ n: 2 });
await using client = await (cluster?.client() ?? Client.connect());

const options: Option[] = [90, 100, 110].flatMap((strike, i) =>
  [0.1, 0.2, 0.3].map((sigma, j) => ({ strike, sigma, seed: 1 + i * 3 + j }))
);
const columns = ["strike", "sigma", "euro call", "closed form", "euro put", "asian call", "asian put"];
console.log(columns.map((name) => name.padStart(11)).join(""));
// Results come in the order of the options, each as soon as it and those before it are there.
let row = 0;
for await (const { euroCall, euroPut, asianCall, asianPut } of client.loadBalanced().map(priced, options)) {
  const option = options[row++]!;
  const cells = [option.strike, option.sigma, euroCall, closedForm(option), euroPut, asianCall, asianPut];
  console.log(cells.map((cell, i) => (i < 2 ? String(cell) : cell.toFixed(2)).padStart(11)).join(""));
}
