/**
 * Places on the network as Deno's permissions name them: `example.org`, `*.example.org`, `10.0.0.0/8`, `[::1]`, each with a port or for all
 * ports; `unix:/path`, `vsock:cid:port`. Pure.
 */

/** What a text names. `port` null: every port. */
interface Place {
  readonly host: Host;
  readonly port: number | null;
}

type Host =
  | { readonly kind: "name"; readonly name: string }
  /** The name itself and all below it. */
  | { readonly kind: "domain"; readonly name: string }
  | { readonly kind: "ip4"; readonly address: number; readonly bits: number }
  | { readonly kind: "ip6"; readonly address: string }
  /** Compared as a whole. */
  | { readonly kind: "other"; readonly text: string };

/** Places that were read, so that lists need not be taken apart for each pair of values. */
const PARSED = new Map<string, Place>();
const MAX_PARSED = 2048;

function placeOf(text: string): Place {
  let place = PARSED.get(text);
  if (place !== undefined) return place;
  if (PARSED.size >= MAX_PARSED) PARSED.clear();
  PARSED.set(text, place = parse(text));
  return place;
}

const OTHER = /^(unix:\/|vsock:)/;

/** The canonical spelling of a value of `net`. @throws TypeError with the reason alone */
export function readNet(text: string): string {
  const unix = /^unix:(\/.+)$/s.exec(text);
  if (unix !== null && !text.includes("\0")) return `unix:${withoutDots(unix[1]!)}`;
  if (/^vsock:\d+:\d+$/.test(text)) return text;
  return readHost(text);
}

/** The canonical spelling of a host, with a port or without. @throws TypeError with the reason alone */
export function readHost(text: string): string {
  if (text.includes("://")) throw new TypeError("it takes hosts and addresses, no URLs");
  if (OTHER.test(text)) throw new TypeError(`"${text}" is no host`);
  return spell(parse(text));
}

function withoutDots(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function parse(text: string): Place {
  if (OTHER.test(text)) return { host: { kind: "other", text }, port: null };
  const six = /^\[([^\]]*)\](?::(.*))?$/s.exec(text);
  if (six !== null) return { host: sixth(six[1]!), port: portOf(six[2]) };
  if (text.startsWith("[")) throw new TypeError(`"${text}" is no IPv6 address with a port or without`);
  if (text.split(":").length > 2) throw new TypeError("an IPv6 address stands in square brackets");
  const colon = text.indexOf(":");
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = portOf(colon < 0 ? undefined : text.slice(colon + 1));
  return { host: fourth(host) ?? nameOf(host), port };
}

function portOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new TypeError(text === "" ? "the port is missing" : `"${text}" is no port`);
  }
  return Number(text);
}

/** IPv4, with the bits that count; undefined if it is none. */
function fourth(text: string): Host | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (found === null) return undefined;
  const parts = found.slice(1, 5), bits = Number(found[5] ?? 32);
  const isAddress = parts.every((part) => Number(part) < 256 && String(Number(part)) === part);
  if (!isAddress || bits > 32) return undefined;
  const address = parts.reduce((sum, part) => sum * 256 + Number(part), 0);
  return { kind: "ip4", address: masked(address, bits), bits };
}

function masked(address: number, bits: number): number {
  return address - address % 2 ** (32 - bits);
}

/** IPv6. An IPv4 address in its clothes is that address. */
function sixth(text: string): Host {
  if (text.includes("%")) throw new TypeError("it takes addresses without a zone");
  const url = /^[0-9a-f:.]+$/i.test(text) && text.includes(":") ? URL.parse(`http://[${text}]/`) : null;
  if (url === null) throw new TypeError(`"${text}" is no IPv6 address`);
  const address = url.hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (mapped === null) return { kind: "ip6", address };
  return { kind: "ip4", address: parseInt(mapped[1]!, 16) * 65_536 + parseInt(mapped[2]!, 16), bits: 32 };
}

function nameOf(text: string): Host {
  const isDomain = text.startsWith("*.");
  const name = (isDomain ? text.slice(2) : text).toLowerCase().replace(/\.$/, "");
  if (name === "") throw new TypeError("the host is missing");
  if (name.length > 253 || !name.split(".").every((label) => /^[a-z0-9_-]{1,63}$/.test(label))) {
    throw new TypeError(
      `"${text}" is no host name (letters, digits, "-", "_" and dots; "*." only at its beginning)`,
    );
  }
  return { kind: isDomain ? "domain" : "name", name };
}

function spell({ host, port }: Place): string {
  return spellHost(host) + (port === null ? "" : `:${port}`);
}

function spellHost(host: Host): string {
  switch (host.kind) {
    case "name":
      return host.name;
    case "domain":
      return `*.${host.name}`;
    case "ip4": {
      const parts = [24, 16, 8, 0].map((shift) => Math.floor(host.address / 2 ** shift) % 256);
      return parts.join(".") + (host.bits === 32 ? "" : `/${host.bits}`);
    }
    case "ip6":
      return `[${host.address}]`;
    case "other":
      return host.text;
  }
}

/** What both places contain; null if that is nothing. */
export function meetNet(a: string, b: string): string | null {
  if (a === b) return a;
  const one = placeOf(a), other = placeOf(b);
  const host = meetHosts(one.host, other.host);
  if (host === null) return null;
  if (one.port !== null && other.port !== null && one.port !== other.port) return null;
  return spell({ host, port: one.port ?? other.port });
}

function meetHosts(a: Host, b: Host): Host | null {
  if (containsHost(a, b)) return b;
  return containsHost(b, a) ? a : null;
}

function containsHost(outer: Host, inner: Host): boolean {
  switch (outer.kind) {
    case "domain":
      return (inner.kind === "name" || inner.kind === "domain") &&
        (inner.name === outer.name || inner.name.endsWith(`.${outer.name}`));
    case "ip4":
      return inner.kind === "ip4" && inner.bits >= outer.bits &&
        masked(inner.address, outer.bits) === outer.address;
    default:
      return spellHost(outer) === spellHost(inner);
  }
}

/** As `meetNet`; but a name may lead to any address, so of these two nothing is sure. */
export function mayMeetNet(a: string, b: string): boolean {
  const one = placeOf(a), other = placeOf(b);
  const areBoth = one.port === null || other.port === null || one.port === other.port;
  return areBoth && (meetHosts(one.host, other.host) !== null || isName(one.host) !== isName(other.host)) &&
    (one.host.kind !== "other") === (other.host.kind !== "other");
}

function isName(host: Host): boolean {
  return host.kind === "name" || host.kind === "domain";
}
