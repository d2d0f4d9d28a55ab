/** Handshakes that fail are told, those that succeed are not. */
import assert from "node:assert/strict";
import { Context } from "../../src/wire/context.ts";
import { curveClient, curveKeypair } from "../../src/wire/curve.ts";
import { HandshakeWatch } from "../../src/wire/handshake.ts";
import { AsyncPoller } from "../../src/wire/poll.ts";

/** What a watch says about a client with this key at this server, or "together" when a message has come through. */
async function outcome(serverSecret: string | null, clientKey: string | null): Promise<string> {
  using context = Context.open();
  const poller = new AsyncPoller(context);
  const curve = serverSecret === null ? {} : { curve: { role: "server", secretKey: serverSecret } as const };
  const server = context.socket("ROUTER", curve);
  const url = server.bind("tcp://127.0.0.1:*");
  const key = curveClient(clientKey);
  const client = context.socket("DEALER", key === undefined ? {} : { curve: key });
  const watch = new HandshakeWatch(context, client, { url, serverKey: clientKey });
  const said = await new Promise<string>((resolve) => {
    poller.add(server, () => server.receive() !== undefined && resolve("together"));
    poller.add(watch.socket, () => {
      const reason = watch.read();
      if (reason !== undefined) resolve(reason);
    });
    client.connect(url);
    client.send([new Uint8Array([1])]);
  });
  await poller.close();
  watch.close();
  return said;
}

Deno.test("a socket with the right key, or without where none is asked for, comes through", async () => {
  const { publicKey, secretKey } = curveKeypair();
  assert.equal(await outcome(secretKey, publicKey), "together");
  assert.equal(await outcome(null, null), "together");
});

Deno.test("a wrong key, none, and one too many are sentences", async () => {
  const { secretKey } = curveKeypair(), other = curveKeypair().publicKey;
  assert.match(
    await outcome(secretKey, other),
    /^Cannot connect to "tcp:.*": it refuses the encrypted handshake/,
  );
  assert.match(
    await outcome(secretKey, null),
    /it encrypts \(CURVE\), and there is no key for it.*IPP_CURVE_SERVERKEY/,
  );
  assert.match(await outcome(null, other), /does not encrypt; use the connection file that it wrote/);
});
