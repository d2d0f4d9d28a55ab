/** Sockets of every kind, and names. */
import { BOTH, CALLING, type Category, type Way, ways } from "../way.ts";

const NET = { net: true } as const;
const NODE_NET = `const net = await import("node:net");`;
const DONE = "await new Promise((done, failed) => {";

/** An error that comes where nobody awaits it. */
const CATCH = `addEventListener("error", (event) => failed(event.error), { once: true });`;
/** The older one says of a connection only that it failed. */
const UNTOLD = { deno: "unreached", seccomp: "unreached", landlock: "unreached" } as const;
const LOCAL = { net: ["127.0.0.1"] } as const;

const tcp: Way[] = ways({ ...BOTH, grant: LOCAL }, {
  "Deno.connect": "(await Deno.connect({ hostname: '127.0.0.1', port: at.tcp })).close()",
  "Deno.listen": "Deno.listen({ hostname: '127.0.0.1', port: 0 }).close()",
  "fetch": "return await (await fetch(`http://127.0.0.1:${at.http}/`)).text()",
  "Deno.serve":
    `const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response());
    await server.shutdown()`,
  "tls": `try { await Deno.connectTls({ hostname: "127.0.0.1", port: at.tcp }) } catch (error) {
    if (!/tls|corrupt|handshake|eof|closed/i.test(error.message) || /Requires/.test(error.message)) throw error; }`,
});

/** Node's own interface says EACCES for whatever the kernel refused. */
const nodeTcp: Way[] = ways({ ...BOTH, seccomp: "EACCES", grant: LOCAL, compiled: UNTOLD }, {
  "node:net connect": `${NODE_NET} ${DONE}
    const socket = net.connect(at.tcp, "127.0.0.1", () => { socket.destroy(); done(); }); socket.on("error", failed); })`,
  "node:http get": `const http = await import("node:http"); ${DONE}
    http.get("http://127.0.0.1:" + at.http + "/", (answer) => { answer.resume(); done(); }).on("error", failed); })`,
});

const nodeServers: Way[] = ways({ ...BOTH, seccomp: "EACCES", grant: LOCAL, compiled: BOTH }, {
  "node:net server": `${NODE_NET} ${DONE}
    const server = net.createServer(); server.on("error", failed); ${CATCH}
    server.listen(0, "127.0.0.1", () => { server.close(); done(); }); })`,
  "node:http server": `const http = await import("node:http"); ${DONE}
    const server = http.createServer(); server.on("error", failed); ${CATCH}
    server.listen(0, "127.0.0.1", () => { server.close(); done(); }); })`,
});

const sockets: Way[] = ways({ deno: "refused", seccomp: "unreached", landlock: "unreached", grant: NET }, {
  "WebSocket": `${DONE} const socket = new WebSocket("ws://127.0.0.1:" + at.http + "/");
    socket.onopen = () => { socket.close(); done(); }; socket.onerror = (event) => failed(event.error ?? new Error(event.message)); })`,
});

const byNumber: Way[] = ways({ ...BOTH, grant: NET }, {
  "Deno.connect by number": "(await Deno.connect({ hostname: '127.1', port: at.tcp })).close()",
});

/** Raw bindings of node's, by which nothing is asked for. */
const bindings: Way[] = ways({ always: "gone" }, {
  "tcp_wrap": `return new (process.binding("tcp_wrap").TCP)(0)`,
  "udp_wrap": `return new (process.binding("udp_wrap").UDP)()`,
  "pipe_wrap": `return new (process.binding("pipe_wrap").Pipe)(0)`,
  "getBuiltinModule's binding":
    `return new ((await import("node:process")).default.binding("tcp_wrap").TCP)(0)`,
});

/** It says nothing of why. */
const eventSource: Way[] = ways({
  deno: "unreached",
  seccomp: "unreached",
  landlock: "unreached",
  grant: NET,
}, {
  "EventSource": `${DONE} const source = new EventSource("http://127.0.0.1:" + at.http + "/events");
    source.onopen = () => { source.close(); done(); };
    source.onerror = (event) => { source.close(); failed(new Error("failed to connect")); } })`,
});

const datagrams: Way[] = ways({ ...CALLING, grant: NET }, {
  "node:dgram send": `const socket = (await import("node:dgram")).createSocket("udp4"); ${DONE}
    socket.on("error", failed); ${CATCH}
    socket.send("x", at.udp, "127.0.0.1", (error) => error ? failed(error) : (socket.close(), done())); })`,
  "node:dgram bind": `const socket = (await import("node:dgram")).createSocket("udp4"); ${DONE}
    socket.on("error", failed); ${CATCH}
    socket.bind(0, "127.0.0.1", () => { socket.close(); done(); }); })`,
  "node:dgram udp6": `const socket = (await import("node:dgram")).createSocket("udp6"); ${DONE}
    socket.on("error", failed); ${CATCH}
    socket.bind(0, "::1", () => { socket.close(); done(); }); })`,
});

const UNIX = { read: ["$folder", "$socket"], write: ["$folder", "$socket"], net: true } as const;

const unix: Way[] = [
  ...ways({ ...CALLING, grant: UNIX }, {
    "Unix socket": "(await Deno.connect({ transport: 'unix', path: at.socket })).close()",
  }),
  ...ways({ ...CALLING, seccomp: "EACCES", grant: UNIX, compiled: { deno: "unreached", seccomp: "EPERM" } }, {
    "node:net to a Unix socket": `${NODE_NET} ${DONE}
    const socket = net.connect(at.socket, () => { socket.destroy(); done(); }); socket.on("error", failed); })`,
  }),
  ...ways({ ...BOTH, grant: UNIX }, {
    "listen on a Unix socket": "Deno.listen({ transport: 'unix', path: at.fresh }).close()",
  }),
  ...ways({ ...BOTH, seccomp: "EACCES", grant: UNIX, compiled: BOTH }, {
    "node:net server on a Unix socket": `${NODE_NET} ${DONE}
    const server = net.createServer(); server.on("error", failed); ${CATCH}
    server.listen(at.fresh, () => { server.close(); done(); }); })`,
  }),
];

const names: Way[] = [
  ...ways({ ...CALLING, grant: NET }, {
    "Deno.resolveDns by a server":
      "return await Deno.resolveDns('x.test', 'A', { nameServer: { ipAddr: '127.0.0.1', port: at.dns } })",
  }),
  ...ways({
    deno: "refused",
    seccomp: "unreached",
    grant: { net: true, sys: true },
    compiled: { deno: "unreached", seccomp: "unreached" },
  }, {
    "node:dns by a server":
      `const { promises } = await import("node:dns"); const resolver = new promises.Resolver();
      resolver.setServers(["127.0.0.1:" + at.dns]); return await resolver.resolve4("x.test")`,
  }),
];

/** By raw system calls: where Deno's wall is broken, what the kernel's still hold. */
const raw: Way[] = ways({ ...CALLING }, {
  "socket(AF_INET, SOCK_DGRAM)": "sys.close(sys(41, 2, 2, 0))",
  "socket(AF_UNIX)": "sys.close(sys(41, 1, 1, 0))",
  "socket(AF_NETLINK)": "sys.close(sys(41, 16, 3, 0))",
  "socket(AF_INET6)": "sys.close(sys(41, 10, 1, 0))",
  "socketpair": "sys(53, 1, 1, 0, new Uint8Array(8))",
});

const packets: Way[] = ways({ ...CALLING, capability: "EPERM" }, {
  "socket(AF_PACKET)": "sys.close(sys(41, 17, 3, 0))",
  "socket(AF_INET, SOCK_RAW)": "sys.close(sys(41, 2, 3, 1))",
});

const abstract: Way[] = ways({ ...CALLING, landlock: "EPERM" }, {
  "an abstract name":
    `const fd = sys(41, 1, 1, 0); sys(42, fd, new Uint8Array([1, 0, 0, ...at.abstract]), 3 + at.abstract.length)`,
});

/** The network in all its forms. */
export const network: Category = {
  title: "network",
  ways: [
    ...tcp,
    ...byNumber,
    ...nodeTcp,
    ...nodeServers,
    ...sockets,
    ...bindings,
    ...eventSource,
    ...datagrams,
    ...unix,
    ...names,
    ...raw,
    ...packets,
    ...abstract,
  ],
};
