/**
 * The controller's pair of CURVE keys: given, read from a file, kept from the run before, or made.
 */
import { OptionError } from "../base/options.ts";
import { type CurveKeypair, curveKeypair, hasCurve } from "../wire/curve.ts";
import { pairOf, readCurveKeys } from "../wire/curve_keys.ts";

/** What the user said about keys. */
export interface CurveSettings {
  readonly enableCurve: boolean;
  readonly curveKeyFile: string | null;
  readonly curveSecretKey: string | null;
  readonly curvePublicKey: string | null;
  readonly profileDir: string;
  readonly clusterId: string;
  readonly reuse: boolean;
  readonly restore: boolean;
}

/** A pair of keys that the hub's sockets take, and the file in which it must be kept, if it was made. */
export interface CurveKeys extends CurveKeypair {
  readonly keptIn: string | null;
}

/**
 * The keys, or null without CURVE.
 * @throws OptionError if keys are malformed or do not belong together, or libzmq lacks CURVE
 */
export function curveKeysOf(settings: CurveSettings): CurveKeys | null {
  if (!settings.enableCurve) return null;
  if (!hasCurve()) {
    throw new OptionError(`Cannot use "--enable-curve": this libzmq was built without CURVE`);
  }
  const { curveKeyFile, curveSecretKey, curvePublicKey: publicKey } = settings;
  if (curveSecretKey !== null) {
    return { ...pairOf(curveSecretKey, publicKey, "--curve-secret-key"), keptIn: null };
  }
  if (curveKeyFile !== null) return { ...readCurveKeys(curveKeyFile, "--curve-key-file"), keptIn: null };
  if (publicKey !== null && publicKey !== "") {
    throw new OptionError(
      `Cannot use "--curve-public-key" alone: the controller needs its secret key ("--curve-secret-key", IPP_CURVE_SECRETKEY or ` +
        `"--curve-key-file"); tsparallel keys makes a pair`,
    );
  }
  const keptIn = keptPath(settings.profileDir, settings.clusterId);
  const kept = settings.reuse || settings.restore ? readIfThere(keptIn) : undefined;
  return { ...kept ?? curveKeypair(), keptIn };
}

/** Where keys that were made are kept for `--reuse`, beside the connection files. */
export function keptPath(profileDir: string, clusterId: string): string {
  return `${profileDir}/security/ipcontroller${clusterId === "" ? "" : `-${clusterId}`}-curve.key`;
}

function readIfThere(path: string): CurveKeypair | undefined {
  try {
    Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return readCurveKeys(path, "--reuse");
}
