"""A relay of bytes that writes down what it relays: stands between ipyparallel's parties, one listening port for each port of the
controller, and reads the ZMTP 3 frames that pass (NULL mechanism). Whoever connects is told by the identity in its READY command."""

import asyncio
import base64
import json
import threading

DELIMITER = b"<IDS|MSG>"


class Decoder:
    """Frames of one direction of one connection."""

    def __init__(self, on_message, on_identity):
        self.rest = b""
        self.greeted = False
        self.frames = []
        self.on_message = on_message
        self.on_identity = on_identity

    def feed(self, data):
        self.rest += data
        if not self.greeted:
            if len(self.rest) < 64:
                return
            self.rest = self.rest[64:]
            self.greeted = True
        while self.step():
            pass

    def step(self):
        if len(self.rest) < 2:
            return False
        flags = self.rest[0]
        head = 9 if flags & 2 else 2
        if len(self.rest) < head:
            return False
        size = int.from_bytes(self.rest[1:head], "big")
        if len(self.rest) < head + size:
            return False
        body = self.rest[head : head + size]
        self.rest = self.rest[head + size :]
        if flags & 4:
            self.command(body)
        else:
            self.frames.append(body)
            if not flags & 1:
                self.on_message(self.frames)
                self.frames = []
        return True

    def command(self, body):
        if not body.startswith(b"\5READY"):
            return
        at = 6
        while at < len(body):
            name = body[at + 1 : at + 1 + body[at]]
            at += 1 + body[at]
            size = int.from_bytes(body[at : at + 4], "big")
            if name.lower() == b"identity":
                self.on_identity(body[at + 4 : at + 4 + size])
            at += 4 + size


class Recorder:
    """Relays of all ports, and the events that they saw, in order."""

    def __init__(self):
        self.events = []
        self.last = 0.0
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def relay(self, name, port):
        """Listens before a port; gives the port to connect to instead."""
        opened = self.open(name, port)
        return asyncio.run_coroutine_threadsafe(opened, self.loop).result(10)

    async def open(self, name, port):
        async def serve(reader, writer):
            try:
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:  # the controller has ended
                return writer.close()
            who = {"peer": ""}

            def identify(identity):
                who["peer"] = identity.decode()

            def note(to):
                return lambda frames: self.note(name, to, who["peer"], frames)

            inward = Decoder(note("controller"), identify)
            outward = Decoder(note("peer"), lambda identity: None)
            await asyncio.gather(
                pump(reader, far_writer, inward), pump(far_reader, writer, outward)
            )

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    def note(self, socket, to, peer, frames):
        if len(frames) == 1 and frames[0][:1] in (b"\0", b"\1"):
            return  # a subscription
        if " hb_" not in socket:
            self.last = self.loop.time()
        self.events.append(
            {"socket": socket, "to": to, "peer": peer, "frames": list(frames)}
        )


async def pump(reader, writer, decoder):
    try:
        while data := await reader.read(1 << 16):
            decoder.feed(data)
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


def frame_as_json(frame):
    """Readable text as it is, all else in base64."""
    try:
        text = frame.decode()
        if text.isprintable():
            return text
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(frame).decode()}


def event_as_json(event):
    return json.dumps(
        {**event, "frames": [frame_as_json(frame) for frame in event["frames"]]},
        ensure_ascii=False,
        separators=(",", ":"),
    )
