/**
 * What the host says to a child on fd 0 before the doorbell's bytes: two texts, the job at its start and the grant when it is known what the
 * child is for. Each has its length before it, so that the child reads it and not a byte of what follows.
 */
import { landlockVersion } from "../native/landlock.ts";
import type { PermissionName } from "../protocol/permissions.ts";
import { effective } from "./effective.ts";
import type { Grant, SlotSettings } from "./slot_contract.ts";
import { planWalls, type WallPlan } from "./wall_plan.ts";
import { type WorkerRights, workerRights } from "./worker_permissions.ts";

/** The first text. */
export interface Job extends SlotSettings {
  readonly hostPid: number;
  /** The host's descriptor of the shared memory. */
  readonly ringFd: number;
}

/** The second text. */
export interface ToldGrant extends Grant {
  /** Kinds whose denials the runtime's own flags hold, with which the child was started. */
  readonly held: readonly PermissionName[];
  /** What the child could not find out by itself, as those flags bind it too. */
  readonly walls?: { readonly rights: WorkerRights; readonly plan: WallPlan };
}

/** The grant as it is told to a child that was started with flags of its own, or for any. */
export function toldGrant(grant: Grant, held: readonly PermissionName[]): ToldGrant {
  if (held.length === 0) return { ...grant, held };
  return { ...grant, held, walls: wallsOf(grant, held) };
}

/** What both walls are built from. */
export function wallsOf(grant: Grant, held: readonly PermissionName[]): Required<ToldGrant>["walls"] {
  const permissions = effective(grant, held);
  return {
    rights: workerRights(permissions, held),
    plan: planWalls({ ...grant, permissions }, landlockVersion()),
  };
}

/** What the child's main thread says in the ring of how far it is. */
export const CHILD_PHASE = { starting: 0, undecided: 1 } as const;

/** Digits of the length. */
const DIGITS = 8;

/** A text with its length before it. */
export function frameOf(text: Job | ToldGrant): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(JSON.stringify(text));
  const head = new TextEncoder().encode(String(body.length).padStart(DIGITS, "0"));
  const frame = new Uint8Array(DIGITS + body.length);
  frame.set(head);
  frame.set(body, DIGITS);
  return frame;
}

/**
 * Reads the next text.
 * @param read fills a part of the array and says how much, null at the end
 * @returns undefined if the host is gone
 */
export function readFrame(read: (into: Uint8Array) => number | null): unknown {
  const head = readExactly(read, DIGITS);
  const body = head && readExactly(read, Number(DECODER.decode(head)));
  return body && JSON.parse(DECODER.decode(body));
}

const DECODER = new TextDecoder();

function readExactly(read: (into: Uint8Array) => number | null, count: number): Uint8Array | undefined {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const got = read(bytes.subarray(at));
    if (got === null || got === 0) return undefined;
    at += got;
  }
  return bytes;
}
