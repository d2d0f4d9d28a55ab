/**
 * `tsparallel keys`: pairs of CURVE keys, printed or written to a file that only its owner can read.
 */
import type { Command } from "commander";
import { OptionError } from "../base/options.ts";
import { curveKeypair, hasCurve } from "../wire/curve.ts";
import { curveKeysText, parseCurveKeys, readCurveKeys, writeCurveKeys } from "../wire/curve_keys.ts";
import { addExamples, type Flags, textFlag } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** Gives the command its options and action. */
export function defineKeys(command: Command): void {
  command.description(
    "Make a pair of keys for encrypted connections (CURVE): the controller's secret key, and the public one that clients and engines need.",
  );
  command
    .option("--out <path>", "write the pair to this file, mode 0600, and print the public key only")
    .option("--force", "replace the file")
    .option(
      "--public-of <path>",
      "print the public key that belongs to the secret one in a file; - reads standard input",
    );
  addExamples(command, [
    "tsparallel keys --out curve.key",
    "tsparallel controller --enable-curve --curve-key-file=curve.key",
    'eval "$(tsparallel keys | sed "s/^IPP/export IPP/")"     then: IPP_ENABLE_CURVE=1 tsparallel controller',
    "tsparallel keys --public-of curve.key       what IPP_CURVE_SERVERKEY takes on other machines",
  ]);
  command.action((flags: Flags) => {
    if (!hasCurve()) throw new Error("Cannot make keys: this libzmq was built without CURVE");
    const [out, publicOf] = [textFlag(flags, "out"), textFlag(flags, "publicOf")];
    if (out !== undefined && publicOf !== undefined) {
      throw new OptionError(`Cannot use "--out" with "--public-of": one makes keys, the other reads them`);
    }
    console.log(publicOf !== undefined ? publicKeyIn(publicOf) : newKeys(out, flags["force"] === true));
    Deno.exitCode = EXIT.ok;
  });
}

function publicKeyIn(path: string): string {
  return (path === "-"
    ? parseCurveKeys(standardInput(), "standard input")
    : readCurveKeys(path, "--public-of"))
    .publicKey;
}

/** What is printed: the pair, or where it is in a file only the public key. */
function newKeys(out: string | undefined, mayReplace: boolean): string {
  const pair = curveKeypair();
  if (out === undefined) return curveKeysText(pair).trimEnd();
  try {
    writeCurveKeys(out, pair, mayReplace);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new OptionError(
        `Cannot write "${out}", which "--out" names: it is there already; --force replaces it`,
      );
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot write "${out}", which "--out" names: ${why}`);
  }
  return pair.publicKey;
}

/** All of standard input, at most what a file of keys can have. */
function standardInput(): string {
  const buffer = new Uint8Array(64 << 10);
  let length = 0;
  while (length < buffer.length) {
    const read = Deno.stdin.readSync(buffer.subarray(length)) ?? 0;
    if (read === 0) break;
    length += read;
  }
  return new TextDecoder().decode(buffer.subarray(0, length));
}
