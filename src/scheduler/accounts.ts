/**
 * How much engine time each client has had: what decides whose task is next where several clients wait. Pure.
 *
 * Start-time fair queueing over charged milliseconds: a client's `pass` is the engine time that its finished tasks took, and what its tasks at engines will take by the mean of
 * its own. The client with the lowest pass is next. Times are known only afterwards, so an estimate is charged while a task is assigned, and the measured time in
 * its place when it ends; a task that an engine gives back costs nothing. Who begins to wait starts at the virtual time (what the client served last had had): neither
 * having been away nor having been alone counts.
 */

/** What a task is charged at least: passing it on costs too. */
const LEAST_MS = 0.01;
/** What a task is taken to last while no task has ended yet. */
const FIRST_GUESS_MS = 1;
/** Weight of the newest task in a client's mean. */
const NEWEST = 0.1;
/** How far a waiting client may be behind the virtual time: its tasks could go nowhere else, and it shall not make up for all of it when they can. */
const MOST_BEHIND_MS = 1000;
/** How long several clients count as there at once after all but one have nothing open. */
const CONTENDED_MS = 5000;

export class Account {
  /** Charged time of finished tasks. */
  usedMs = 0;
  /** Running mean of its task times, negative while none has ended. */
  meanMs = -1;
  /** Tasks that engines have. */
  assigned = 0;
  /** Queues in which it has waiting tasks. */
  queues = 0;
  /** Whether its tasks are single messages, as a peer's are. */
  isPeer = false;
  /** Whether its tasks go to no engine for now. */
  isHeld = false;

  constructor(readonly client: number) {}
}

export class Accounts {
  readonly #byClient = new Map<number, Account>();
  #last = new Account(-1);
  /** The virtual time: what the client that was served last had had, never falling. */
  #virtualMs = 0;
  /** What is expected of a client of whom nothing is known: what was last seen of another. */
  #typicalMs = FIRST_GUESS_MS;
  /** Accounts with tasks that wait or that engines have: of our clients, of peers. */
  readonly #active: [number, number] = [0, 0];
  #contendedUntil = -Infinity;
  #at = 0;
  #held = 0;

  /** The account of a client, opened at its first task. */
  of(client: number): Account {
    if (this.#last.client === client) return this.#last;
    let account = this.#byClient.get(client);
    if (account === undefined) this.#byClient.set(client, account = new Account(client));
    return this.#last = account;
  }

  /** The time of what happens now. */
  set at(at: number) {
    this.#at = at;
  }

  /** Clients whose tasks go to no engine for now. */
  get held(): number {
    return this.#held;
  }

  /** Holds a client's tasks, or lets them go. */
  hold(client: number, isHeld: boolean): void {
    const account = this.of(client);
    if (account.isHeld === isHeld) return;
    account.isHeld = isHeld;
    this.#held += isHeld ? 1 : -1;
  }

  /** Whether several clients have tasks for engines of ours, or had a moment ago. @param withPeers peers' tasks go there too */
  isContended(withPeers: boolean): boolean {
    const several = this.#active[0] + (withPeers ? this.#active[1] : 0) > 1;
    if (several) this.#contendedUntil = this.#at + CONTENDED_MS;
    return several || this.#at < this.#contendedUntil;
  }

  /** Where a client stands that waits, after it was brought near to the others if it was too far behind. */
  standing(account: Account): number {
    const pass = this.passOf(account), behind = this.#virtualMs - MOST_BEHIND_MS - pass;
    if (behind <= 0) return pass;
    account.usedMs += behind;
    return pass + behind;
  }

  /** What a client has had, finished or on the way; the lowest is next. */
  passOf(account: Account): number {
    const mean = account.meanMs < 0 ? this.#typicalMs : account.meanMs;
    return account.usedMs + account.assigned * mean;
  }

  /** A client has begun to wait in a queue. */
  joined(account: Account, isPeer: boolean): void {
    if (account.queues++ > 0) return;
    if (account.usedMs < this.#virtualMs) account.usedMs = this.#virtualMs;
    if (account.assigned > 0) return;
    account.isPeer = isPeer;
    this.#count(account, 1);
  }

  /** A client has nothing waiting in a queue any more. */
  left(account: Account): void {
    if (account.meanMs >= 0) this.#typicalMs = account.meanMs;
    if (--account.queues === 0 && account.assigned === 0) this.#count(account, -1);
  }

  /** A client's task goes to an engine. */
  served(account: Account): void {
    if (account.usedMs > this.#virtualMs) this.#virtualMs = account.usedMs;
    if (account.assigned++ === 0 && account.queues === 0) this.#count(account, 1);
  }

  /** An engine has a client's task no longer. */
  returned(client: number): void {
    const account = this.of(client);
    if (--account.assigned === 0 && account.queues === 0) this.#count(account, -1);
  }

  /** A single task ran since then, 0 where nobody told. */
  chargeSince(started: number, client: number, at: number): void {
    if (started > 0 && started < at) this.charge(client, at - started, 1);
  }

  /** Tasks of a client took that long together, at an engine. */
  charge(client: number, ms: number, count: number): void {
    const account = this.of(client), charged = Math.max(ms, count * LEAST_MS), { meanMs } = account;
    account.usedMs += charged;
    const weight = Math.min(0.9, NEWEST * count);
    account.meanMs = meanMs < 0 ? charged / count : meanMs + (charged / count - meanMs) * weight;
  }

  /** Clients with tasks that wait or that engines have. */
  get active(): number {
    return this.#active[0] + this.#active[1];
  }

  /** Whether a waiting client has nothing at any engine, though it is its turn. */
  isEmptyHanded(account: Account): boolean {
    return account.assigned === 0 && account.usedMs <= this.#virtualMs;
  }

  #count({ isPeer }: Account, by: number): void {
    this.#active[isPeer ? 1 : 0] += by;
  }
}
