/**
 * Which CURVE key a name (a session, a client's index) belongs to: the first that uses it. The oldest are forgotten.
 */

/** Names remembered at most. */
const MAX_NAMES = 100_000;

export class KeyBook<Name> {
  readonly #keys = new Map<Name, string>();

  /** Whether the key may use the name. A name that nobody has is its own from now on. */
  claim(name: Name, key: string): boolean {
    const known = this.#keys.get(name);
    if (known === undefined) this.assign(name, key);
    return known === undefined || known === key;
  }

  /** The name is this key's, whoever had it before. */
  assign(name: Name, key: string): void {
    this.#keys.delete(name);
    this.#keys.set(name, key);
    if (this.#keys.size <= MAX_NAMES) return;
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest);
      return;
    }
  }
}
