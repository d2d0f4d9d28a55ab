/**
 * Dictionaries that were read a moment ago, by their bytes. Most of a task's messages repeat one: the request's header stands in each message of its engine as the
 * parent, `{"execution_state": "busy"}` in every second one on IOPub. To compare two hundred bytes costs a tenth of reading them.
 */

/** How many of each kind are kept: a few engines' tasks at a time. */
const PLACES = 4;
const MAX_BYTES = 1024;

interface Place<T> {
  readonly bytes: Uint8Array;
  length: number;
  value: T | undefined;
}

export class RecentDictionaries<T> {
  readonly #kinds = new Map<string, { readonly places: Place<T>[]; next: number }>();

  /** What these bytes were read as, not to be changed; undefined if they are not at hand. */
  find(kind: string, bytes: Uint8Array): T | undefined {
    const places = this.#kinds.get(kind)?.places;
    if (places === undefined) return undefined;
    for (let i = 0; i < places.length; i++) {
      const place = places[i]!;
      if (place.length === bytes.length && isStart(place.bytes, bytes)) return place.value;
    }
    return undefined;
  }

  /** Keeps what the bytes mean in place of the oldest of its kind; long ones are not kept. */
  keep(kind: string, bytes: Uint8Array, value: T): void {
    if (bytes.length > MAX_BYTES) return;
    let kept = this.#kinds.get(kind);
    if (kept === undefined) this.#kinds.set(kind, kept = { places: [], next: 0 });
    let place = kept.places[kept.next];
    if (place === undefined) {
      kept.places.push(place = { bytes: new Uint8Array(MAX_BYTES), length: 0, value: undefined });
    }
    kept.next = (kept.next + 1) % PLACES;
    place.bytes.set(bytes);
    place.length = bytes.length;
    place.value = value;
  }
}

/** Compared from the end: headers of one session begin alike. */
function isStart(whole: Uint8Array, start: Uint8Array): boolean {
  for (let i = start.length - 1; i >= 0; i--) if (whole[i] !== start[i]) return false;
  return true;
}
