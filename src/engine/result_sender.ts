/**
 * Results on their way out: one open group for each way back and client, sent once per turn of the loop; pieces of large results at once.
 */
import { GroupWriter } from "../protocol/group_writer.ts";
import { ANY, CHUNK_PIECE_BYTES, KIND, ORIGIN, VALUES } from "../protocol/groups.ts";
import { nameWords } from "../protocol/value_name.ts";
import { memoryJson } from "../protocol/shared_layout.ts";
import type { ClientMemories } from "./client_memory.ts";
import type { Mac } from "../protocol/mac.ts";

/** The frames in front of what arrived, which lead back to its sender. */
export interface Route {
  readonly index: number;
  readonly idents: readonly Uint8Array[];
  /** Whether it is the scheduler's path. */
  readonly isScheduled: boolean;
}

/** The part of a socket that is needed here. */
export interface Outlet {
  send(frames: readonly Uint8Array[]): boolean;
  sendLarge(frames: readonly Uint8Array[], from: number): boolean;
}

interface OpenGroup {
  readonly route: Route;
  readonly client: number;
  readonly writer: GroupWriter;
}

/** The way to the direct scheduler itself. */
const DIRECT = [new TextEncoder().encode("mux_out"), new TextEncoder().encode("scheduler")];
/** A group that grows beyond this is sent at once. */
const FLUSH_BYTES = 256 << 10;
const MAX_ROUTES = 1 << 20;

export class ResultSender {
  readonly #outlet: Outlet;
  readonly #mac: Mac;
  readonly #memories: ClientMemories | undefined;
  /** Number 0 leads nowhere: tasks of peers have it, whose replies go another way. */
  readonly #routes: Route[] = [{ index: 0, idents: [], isScheduled: false }];
  readonly #routeByKey = new Map<string, Route>();
  readonly #groups = new Map<number, OpenGroup>();
  #last: OpenGroup | null = null;
  readonly #scratch = new GroupWriter(256);
  readonly #returned = new GroupWriter(1 << 10);
  #returnRoute: Route | null = null;
  #origin = 0;
  #nonce = 0n;
  #registration = 0;
  #seq = 0;

  constructor(outlet: Outlet, mac: Mac, memories?: ClientMemories) {
    this.#outlet = outlet;
    this.#mac = mac;
    this.#memories = memories;
  }

  /** Tells a client that its memory is taken. */
  taken(idents: readonly Uint8Array[], client: number, tag: number): void {
    this.#scratch.reset();
    this.#scratch.rest(memoryJson({ tag }));
    this.#outlet.send([...idents, this.#close(this.#scratch, KIND.memory, client)]);
  }

  /** Asks the direct scheduler for kept values; false if the connection does not stand yet. */
  want(names: readonly string[]): boolean {
    this.#scratch.reset();
    for (const name of names) this.#scratch.name(...nameWords(name));
    return this.#outlet.send([...DIRECT, this.#close(this.#scratch, KIND.values, ANY, VALUES.want)]);
  }

  /** The engine speaks as `id` to this run of the controller from now on. @param registration its number, by which clients tell engines of one id apart */
  open(id: number, nonce: bigint, registration = 0): void {
    this.#registration = registration;
    this.#origin = (id | ORIGIN.engineBit) >>> 0;
    this.#nonce = nonce;
  }

  /** The way back for these idents. */
  route(idents: readonly Uint8Array[], isScheduled: boolean): Route {
    const key = idents.map((ident) => String.fromCharCode(...ident)).join("\0");
    let route = this.#routeByKey.get(key);
    if (route === undefined) {
      if (this.#routes.length >= MAX_ROUTES) throw new RangeError("Cannot remember more clients");
      route = { index: this.#routes.length, idents: idents.map((ident) => ident.slice()), isScheduled };
      this.#routes.push(route);
      this.#routeByKey.set(key, route);
    }
    return route;
  }

  /** The open group to append a result of `client` to. */
  to(routeIndex: number, client: number): GroupWriter {
    let group = this.#last;
    if (group === null || group.route.index !== routeIndex || group.client !== client) {
      group = this.#find(routeIndex, client);
    }
    if (group.writer.length > FLUSH_BYTES) this.#sendGroup(group);
    return group.writer;
  }

  #find(routeIndex: number, client: number): OpenGroup {
    const key = routeIndex * 0x1_0000_0000 + client;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { route: this.#routes[routeIndex]!, client, writer: new GroupWriter(4 << 10) };
      this.#groups.set(key, group);
    }
    return this.#last = group;
  }

  #sendGroup(group: OpenGroup): void {
    if (group.writer.count === 0) return;
    this.#outlet.send([...group.route.idents, this.#close(group.writer, KIND.results, group.client)]);
    group.writer.reset();
  }

  /** Sends one piece of a large result, in several if it is longer than a piece may be. */
  piece(
    routeIndex: number,
    client: number,
    n: number,
    index: number,
    total: number,
    offset: number,
    bytes: Uint8Array,
  ): void {
    const { idents, isScheduled } = this.#routes[routeIndex]!;
    for (let at = 0; at < bytes.length || at === 0; at += CHUNK_PIECE_BYTES) {
      const piece = bytes.subarray(at, at + CHUNK_PIECE_BYTES);
      this.#scratch.reset();
      this.#scratch.chunk({ n, client, index, side: 1, offset: offset + at, length: piece.length, total });
      // The scheduler's results pass the hub, which keeps them.
      const memory = isScheduled ? undefined : this.#memories?.of(client);
      const place = memory?.put(piece) ?? -1;
      if (memory !== undefined && place >= 0) {
        this.#scratch.name(client, n, place, memory.tag);
        this.#outlet.send([...idents, this.#close(this.#scratch, KIND.located, client)]);
        continue;
      }
      const group = this.#close(this.#scratch, KIND.chunk, client);
      this.#outlet.sendLarge([...idents, group, piece], idents.length + 1);
    }
  }

  /** Where the scheduler is to be told of tasks that go back. */
  set returnRoute(route: Route) {
    this.#returnRoute = route;
  }

  returned(client: number, n: number, seq: number): void {
    this.#returned.name(client, n, seq, 0);
  }

  /** Sends what this turn of the loop has gathered. */
  flush(): void {
    if (this.#returned.count > 0) {
      const group = this.#close(this.#returned, KIND.returned, ORIGIN.scheduler);
      if (this.#returnRoute !== null) this.#outlet.send([...this.#returnRoute.idents, group]);
      this.#returned.reset();
    }
    if (this.#groups.size === 0) return;
    for (const [key, group] of this.#groups) {
      if (group.writer.count > 0) this.#sendGroup(group);
      else {
        // Quiet for a turn: give its memory back.
        this.#groups.delete(key);
        if (this.#last === group) this.#last = null;
      }
    }
  }

  /** Drops what was not sent. */
  clear(): void {
    this.#groups.clear();
    this.#last = null;
    this.#returned.reset();
  }

  #close(writer: GroupWriter, kind: number, target: number, window = 0): Uint8Array {
    const header = {
      kind,
      origin: this.#origin,
      seq: ++this.#seq,
      target,
      nonce: this.#nonce,
      acked: this.#registration,
      committed: 0,
      window,
    };
    return writer.close(header, this.#mac.sign);
  }
}
