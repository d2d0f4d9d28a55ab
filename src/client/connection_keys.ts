/** What a connection takes from its file or the environment: how messages are packed, and whose keys count. */
import { environmentIfGranted } from "../base/runtime.ts";
import { isZ85Key, Z85_KEY } from "../base/z85.ts";
import type { ClientConnection } from "../protocol/connection_file.ts";
import { loadPacker, type Packer } from "../protocol/packers.ts";

/** @throws TypeError if it packs messages as only Python can */
export async function packerFor(info: ClientConnection): Promise<Packer> {
  return await loadPacker(info.pack, info.unpack);
}

/** The controller's CURVE key: of its file, else of the environment. */
export function serverKeyOf({ curve_serverkey }: ClientConnection): string | undefined {
  if (curve_serverkey) return curve_serverkey;
  const key = environmentIfGranted("IPP_CURVE_SERVERKEY") || undefined;
  if (key === undefined || isZ85Key(key)) return key;
  throw new TypeError(`Cannot use IPP_CURVE_SERVERKEY="${key.slice(0, 60)}": ${Z85_KEY}`);
}
