/**
 * Tasks that wait for the same engines: one line per client, in which priority and age decide, and between the lines the clients' accounts. Pure.
 *
 * Age and priority are one number that never changes while a task waits: a level of priority counts as `AGE_MS` of waiting, so the order key is the time of submission less
 * that. Plain tasks come in that order by themselves and stand in a ring; the others (priorities, dependencies met late, tasks that come back into the middle) in a heap
 * beside it. Nothing is ever searched for: tasks that have ended meanwhile are passed over when they come to the front.
 */
import type { Account, Accounts } from "./accounts.ts";
import type { Board } from "./board.ts";
import { isBefore, OrderHeap } from "./order_heap.ts";
import { NONE, SeqQueue, WAITING } from "./task_table.ts";

/** How much of a client's time may go to it in one go where several wait, in ms: what saves comparing them for each short task. */
const QUANTUM_MS = 0.25;
const FIRST_LENGTH = 16;

/** One client's tasks in one queue. */
export class Line {
  readonly plain = new SeqQueue(FIRST_LENGTH);
  late: OrderHeap | null = null;
  isListed = false;

  constructor(readonly account: Account) {}

  get length(): number {
    return this.plain.length + (this.late === null ? 0 : this.late.length);
  }
}

/** The task that is next in a queue. */
export interface Front {
  readonly seq: number;
  readonly account: Account;
  /** Its order among its client's tasks. */
  readonly key: number;
}

export class FairQueue {
  readonly #board: Board;
  readonly #accounts: Accounts;
  /** The engine for whose tasks this is, if it is for one: what failed there is not for it. */
  readonly #engine: number;
  readonly #byClient = new Map<number, Line>();
  /** Those with tasks. */
  #lines: Line[] = [];
  /** Whose turn it is, up to which pass. */
  #current: Line | null = null;
  #until = 0;

  constructor(board: Board, engine = NONE) {
    this.#board = board;
    this.#accounts = board.accounts;
    this.#engine = engine;
  }

  /** Tasks, those included that have ended meanwhile. */
  get length(): number {
    let length = 0;
    for (const line of this.#lines) length += line.length;
    return length;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** A task joins its client's line, at the place that its age and priority give it. */
  push(seq: number, place: number): void {
    const line = this.#lineOf(this.#board.table.client[place]!), { plain } = line;
    const priority = this.#board.priorityOf(place);
    if (priority === 0 && (plain.length === 0 || isAfter(seq, plain.last()))) plain.push(seq);
    else if (priority === 0 && isAfter(plain.peek(), seq)) plain.unshift(seq);
    else (line.late ??= new OrderHeap()).push(this.#board.orderOf(place), seq);
    if (!line.isListed) this.#list(line);
  }

  #lineOf(client: number): Line {
    const { account } = this.#lines[0] ?? NOBODY;
    if (account.client === client) return this.#lines[0]!;
    let line = this.#byClient.get(client);
    if (line === undefined) this.#byClient.set(client, line = new Line(this.#accounts.of(client)));
    return line;
  }

  #list(line: Line): void {
    line.isListed = true;
    this.#lines.push(line);
    this.#accounts.joined(line.account);
  }

  #unlist(line: Line): void {
    line.isListed = false;
    this.#lines = this.#lines.filter((other) => other !== line);
    line.plain.trim();
    this.#accounts.left(line.account);
  }

  /** The shares are looked at anew: tasks have ended, or come back, since. */
  begin(): void {
    this.#current = null;
  }

  /** Takes the next task out, 0 if there is none. */
  take(): number {
    for (let line = this.#due(); line !== null; line = this.#due()) {
      const seq = this.#shift(line);
      if (line.length === 0) this.#unlist(line);
      if (seq === 0) continue;
      this.#accounts.served(line.account);
      return seq;
    }
    return 0;
  }

  /** The task that `take` would give, null if there is none. */
  front(): Front | null {
    for (let line = this.#due(); line !== null; line = this.#due()) {
      const seq = this.#head(line);
      if (seq !== 0) {
        return { seq, account: line.account, key: this.#board.orderOf(this.#board.table.at(seq)) };
      }
      this.#unlist(line);
    }
    return null;
  }

  /** A waiting client that has no task at any engine though it is its turn, null if there is none. */
  emptyHanded(): Account | null {
    for (const line of this.#lines) {
      if (this.#accounts.isEmptyHanded(line.account) && this.#head(line) !== 0) return line.account;
    }
    return null;
  }

  /** The line whose turn it is. */
  #due(): Line | null {
    const lines = this.#lines;
    if (lines.length <= 1) return lines[0] ?? null;
    const current = this.#current;
    if (current !== null && current.isListed && this.#accounts.passOf(current.account) <= this.#until) {
      return current;
    }
    return this.#choose(lines);
  }

  #choose(lines: readonly Line[]): Line {
    const accounts = this.#accounts;
    let best = lines[0]!, least = Infinity, second = Infinity;
    for (const line of lines) {
      const pass = accounts.standing(line.account);
      if (pass < least) {
        second = least;
        least = pass;
        best = line;
      } else if (pass < second) second = pass;
    }
    this.#current = best;
    this.#until = second + QUANTUM_MS / best.account.share;
    return best;
  }

  #shift(line: Line): number {
    const { plain, late } = line;
    if (late === null || late.length === 0) {
      for (let seq = plain.shift(); seq !== 0; seq = plain.shift()) if (this.#waits(seq)) return seq;
      return 0;
    }
    const seq = this.#head(line);
    if (seq === 0) return 0;
    return seq === plain.peek() ? plain.shift() : late.shift();
  }

  /** The first of a line that still waits; what does not is taken out. */
  #head({ plain, late }: Line): number {
    while (plain.length > 0 && !this.#waits(plain.peek())) plain.shift();
    while (late !== null && late.length > 0 && !this.#waits(late.peek())) late.shift();
    const seq = plain.peek();
    if (late === null || late.length === 0) return seq;
    if (seq === 0) return late.peek();
    const key = this.#board.orderOf(this.#board.table.at(seq));
    return isBefore(key, seq, late.firstKey, late.peek()) ? seq : late.peek();
  }

  #waits(seq: number): boolean {
    const { table, rare } = this.#board;
    const place = table.at(seq);
    if (place === NONE || table.state[place] !== WAITING) return false;
    return this.#engine === NONE || rare.get(seq)?.tried.has(this.#engine) !== true;
  }
}

const NOBODY = { account: { client: -1 } };

function isAfter(seq: number, other: number): boolean {
  return ((seq - other) | 0) > 0;
}
