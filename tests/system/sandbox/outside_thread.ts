/** Servers for the ways out of a slot, in a thread of their own; whoever reaches one is counted. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { once } from "node:events";

interface Start {
  readonly hits: Int32Array<SharedArrayBuffer>;
  readonly socket: string;
}

globalThis.addEventListener("message", (event) => void open((event as MessageEvent<Start>).data));

async function open({ hits, socket }: Start): Promise<void> {
  const hit = () => Atomics.add(hits, 0, 1);
  const tcp = createServer((peer) => {
    hit();
    peer.on("error", () => {}).destroy();
  }).listen(0, "127.0.0.1");
  const unix = createServer((peer) => {
    hit();
    peer.on("error", () => {}).destroy();
  }).listen(socket);
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    hit();
    return answer(request);
  });
  const udp = createSocket("udp4").on("message", hit).bind(0, "127.0.0.1");
  const dns = createSocket("udp4").bind(0, "127.0.0.1");
  dns.on("message", (question, from) => {
    hit();
    dns.send(dnsAnswer(question), from.port, from.address);
  });
  await Promise.all([tcp, unix, udp, dns].map((server) => once(server, "listening")));
  const portOf = (server: { address(): unknown }) => (server.address() as { port: number }).port;
  const ports = { tcp: portOf(tcp), http: http.addr.port, udp: portOf(udp), dns: portOf(dns) };
  (self as unknown as { postMessage(ports: object): void }).postMessage(ports);
}

function answer(request: Request): Response {
  if (request.headers.get("upgrade") === "websocket") return Deno.upgradeWebSocket(request).response;
  if (request.url.endsWith("/events")) {
    return new Response("data: x\n\n", { headers: { "content-type": "text/event-stream" } });
  }
  if (request.url.endsWith(".js")) {
    return new Response("export default 'secret'", { headers: { "content-type": "text/javascript" } });
  }
  return new Response("secret");
}

/** 127.0.0.9 for whatever was asked. */
function dnsAnswer(question: Uint8Array): Uint8Array {
  // The question's section ends after the name, its type and class.
  let end = 12;
  while (question[end] !== 0) end += 1 + (question[end] ?? 0);
  end += 5;
  const address = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 9];
  const reply = new Uint8Array([...question.subarray(0, end), ...address]);
  reply.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
  return reply;
}
