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
  /** That of the last task that came. */
  #last: Line | null = null;

  constructor(board: Board, engine = NONE) {
    this.#board = board;
    this.#accounts = board.accounts;
    this.#engine = engine;
  }

  /** Tasks that may go, those included that have ended meanwhile. */
  get length(): number {
    let length = 0;
    for (const line of this.#open) length += line.length;
    return length;
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** Whether it has nothing to give now: it is empty, or all its clients are held. */
  get isIdle(): boolean {
    return this.#open.length === 0;
  }

  /** Lines of clients that are not held. */
  get #open(): readonly Line[] {
    return this.#accounts.held === 0 ? this.#lines : this.#lines.filter(({ account }) => !account.isHeld);
  }

  /** The newest plain task of all joins its client's line. */
  pushNewest(seq: number, place: number): void {
    const line = this.#lineOf(this.#board.table.client[place]!);
    line.plain.push(seq);
    if (!line.isListed) this.#list(line, place);
  }

  /** A task joins its client's line, at the place that its age and priority give it. */
  push(seq: number, place: number): void {
    const line = this.#lineOf(this.#board.table.client[place]!), { plain } = line;
    const priority = this.#board.priorityOf(place);
    if (priority === 0 && (plain.length === 0 || isAfter(seq, plain.last()))) plain.push(seq);
    else if (priority === 0 && isAfter(plain.peek(), seq)) plain.unshift(seq);
    else (line.late ??= new OrderHeap()).push(this.#board.orderOf(place), seq);
    if (!line.isListed) this.#list(line, place);
  }

  #lineOf(client: number): Line {
    const last = this.#last;
    if (last !== null && last.account.client === client) return last;
    let line = this.#byClient.get(client);
    if (line === undefined) this.#byClient.set(client, line = new Line(this.#accounts.of(client)));
    return this.#last = line;
  }

  #list(line: Line, place: number): void {
    line.isListed = true;
    this.#lines.push(line);
    this.#accounts.joined(line.account, this.#board.table.pool[place] === 1);
  }

  #unlist(line: Line): void {
    line.isListed = false;
    this.#lines = this.#lines.filter((other) => other !== line);
    line.plain.trim();
    this.#accounts.left(line.account);
    if (this.#engine === NONE) return;
    // Of each engine times each client there are too many to keep.
    this.#byClient.delete(line.account.client);
    this.#last = null;
  }

  /** The shares are looked at anew: tasks have ended, or come back, since. */
  begin(): void {
    this.#current = null;
  }

  /** Takes the next task out, for an engine: its place, NONE if there is none. */
  take(): number {
    for (let line = this.#due(); line !== null; line = this.#due()) {
      const place = this.#shift(line);
      if (place !== NONE) this.#accounts.served(line.account);
      if (line.length === 0) this.#unlist(line);
      if (place !== NONE) return place;
    }
    return NONE;
  }

  /** Takes out a task that no engine will have: its place, NONE if there is none. */
  drop(): number {
    for (let line = this.#lines[0]; line !== undefined; line = this.#lines[0]) {
      const place = this.#shift(line);
      if (line.length === 0) this.#unlist(line);
      if (place !== NONE) return place;
    }
    return NONE;
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
    for (const line of this.#open) {
      if (this.#accounts.isEmptyHanded(line.account) && this.#head(line) !== 0) return line.account;
    }
    return null;
  }

  /** The line whose turn it is. */
  #due(): Line | null {
    const lines = this.#open;
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
    this.#until = second + QUANTUM_MS;
    return best;
  }

  #shift(line: Line): number {
    const { plain, late } = line;
    if (late === null || late.length === 0) {
      for (let seq = plain.shift(); seq !== 0; seq = plain.shift()) {
        const place = this.#placeOf(seq);
        if (place !== NONE) return place;
      }
      return NONE;
    }
    const seq = this.#head(line);
    if (seq === 0) return NONE;
    return this.#board.table.at(seq === plain.peek() ? plain.shift() : late.shift());
  }

  /** The first of a line that still waits; what does not is taken out. */
  #head({ plain, late }: Line): number {
    while (plain.length > 0 && this.#placeOf(plain.peek()) === NONE) plain.shift();
    while (late !== null && late.length > 0 && this.#placeOf(late.peek()) === NONE) late.shift();
    const seq = plain.peek();
    if (late === null || late.length === 0) return seq;
    if (seq === 0) return late.peek();
    const key = this.#board.orderOf(this.#board.table.at(seq));
    return isBefore(key, seq, late.firstKey, late.peek()) ? seq : late.peek();
  }

  /** Where a task stands if it still waits for this, else NONE. */
  #placeOf(seq: number): number {
    const { table } = this.#board, place = table.at(seq);
    if (place === NONE || table.state[place] !== WAITING) return NONE;
    return this.#engine === NONE || !this.#hasFailed(seq) ? place : NONE;
  }

  #hasFailed(seq: number): boolean {
    return this.#board.rare.get(seq)?.tried.has(this.#engine) === true;
  }
}

function isAfter(seq: number, other: number): boolean {
  return ((seq - other) | 0) > 0;
}
