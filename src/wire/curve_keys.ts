/**
 * Files with CURVE keys: written for a shell to read, `IPP_CURVE_SECRETKEY='…'`; read in that form and in the one of ZeroMQ's
 * certificates.
 */
import { OptionError } from "../base/options.ts";
import { Z85_KEY } from "../base/z85.ts";
import { type CurveKeypair, curvePublicKey, isCurveKey } from "./curve.ts";

/**
 * Reads a file with keys, as `tsparallel keys` and pyzmq write them.
 * @param flag who names the file, for errors
 * @throws OptionError
 */
export function readCurveKeys(path: string, flag: string): CurveKeypair {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new OptionError(`Cannot read "${path}", which "${flag}" names: ${why}`);
  }
  return parseCurveKeys(text, path);
}

/**
 * The keys in a text: lines `IPP_CURVE_SECRETKEY='…'` (shell), or `secret-key = "…"` (certificates of ZeroMQ), or nothing but
 * a secret key.
 * @throws OptionError if there is no secret key in it, or the public one is another's
 */
export function parseCurveKeys(text: string, source: string): CurveKeypair {
  const find = (names: string) =>
    new RegExp(`^\\s*(?:export\\s+)?(?:${names})\\s*=\\s*(["']?)(\\S+)\\1\\s*$`, "m").exec(text)?.[2];
  const secretKey = find("IPP_CURVE_SECRETKEY|secret-key");
  if (secretKey === undefined && isCurveKey(text.trim())) return pairOf(text.trim(), null, source);
  if (secretKey === undefined) {
    throw new OptionError(
      `Cannot use "${source}": it has no line IPP_CURVE_SECRETKEY='…'; tsparallel keys writes such a file`,
    );
  }
  return pairOf(secretKey, find("IPP_CURVE_PUBLICKEY|public-key") ?? null, source);
}

/** The text of a file with keys, which a shell can read too. */
export function curveKeysText({ publicKey, secretKey }: CurveKeypair): string {
  return `# Keys for CURVE. Who has the public key may connect to the controller; the secret one is the controller's alone.\n` +
    `IPP_CURVE_PUBLICKEY='${publicKey}'\nIPP_CURVE_SECRETKEY='${secretKey}'\n`;
}

/**
 * Checks a secret key, and the public one where it is given too.
 * @throws OptionError
 */
export function pairOf(secretKey: string, given: string | null, source: string): CurveKeypair {
  if (!isCurveKey(secretKey)) {
    throw new OptionError(
      `Cannot use the secret key of "${source}": ${Z85_KEY}; tsparallel keys makes a pair`,
    );
  }
  const publicKey = curvePublicKey(secretKey);
  if (given !== null && given !== "" && given !== publicKey) {
    throw new OptionError(
      `Cannot use the keys of "${source}": the public key "${given}" does not belong to the secret one, whose public key is "${publicKey}"`,
    );
  }
  return { publicKey, secretKey };
}

/**
 * Writes a file with keys, for its owner alone.
 * @throws Error (AlreadyExists) if the file is there, unless it may be replaced
 */
export function writeCurveKeys(path: string, keys: CurveKeypair, mayReplace: boolean): void {
  if (mayReplace) removeIfThere(path);
  using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(curveKeysText(keys));
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
