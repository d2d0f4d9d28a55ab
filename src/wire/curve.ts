/**
 * CURVE, libzmq's encryption: keys for the options of a socket.
 */
import { isZ85Key as isCurveKey } from "../base/z85.ts";
import { libzmq } from "../native/libzmq.ts";
import { wireError } from "./errors.ts";
import { cString, type CurveOptions } from "./options.ts";

/** Two keys in Z85, 40 characters each. */
export interface CurveKeypair {
  readonly publicKey: string;
  readonly secretKey: string;
}

export { isCurveKey };

const KEY_CHARACTERS = 40;

/** Whether this libzmq was built with CURVE. */
export function hasCurve(): boolean {
  return libzmq().symbols.zmq_has(cString("curve")) === 1;
}

/**
 * Makes a new pair of keys.
 * @throws WireError if this libzmq was built without CURVE
 */
export function curveKeypair(): CurveKeypair {
  const zmq = libzmq().symbols;
  const publicKey = new Uint8Array(KEY_CHARACTERS + 1), secretKey = new Uint8Array(KEY_CHARACTERS + 1);
  if (zmq.zmq_curve_keypair(publicKey, secretKey) !== 0) throw wireError("make a pair of CURVE keys", zmq);
  return { publicKey: textOf(publicKey), secretKey: textOf(secretKey) };
}

/**
 * The public key that belongs to a secret one.
 * @throws WireError if it is no key, or this libzmq was built without CURVE
 */
export function curvePublicKey(secretKey: string): string {
  const zmq = libzmq().symbols;
  const publicKey = new Uint8Array(KEY_CHARACTERS + 1);
  if (zmq.zmq_curve_public(publicKey, cString(secretKey)) !== 0) {
    throw wireError("find the public key of a secret one", zmq);
  }
  return textOf(publicKey);
}

/** A client's options for a server with this key, with a pair of its own that is used once; undefined without a key. */
export function curveClient(serverKey: string | null | undefined): CurveOptions | undefined {
  if (serverKey === null || serverKey === undefined || serverKey === "") return undefined;
  return { role: "client", serverKey, ...curveKeypair() };
}

function textOf(key: Uint8Array): string {
  return new TextDecoder().decode(key.subarray(0, KEY_CHARACTERS));
}
