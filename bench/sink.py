"""A mail server that takes everything, keeps nothing, and costs as little as it can; a process of its own."""

import asyncio
import multiprocessing
import time
from multiprocessing.sharedctypes import Synchronized

END_OF_MAIL = b"\r\n.\r\n"
START_SECONDS = 30


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: "Sink") -> None:
        self._sink = sink
        self._heard = b""
        self._is_mail = False
        self._to = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._heard += data
        while (end := self._heard.find(mark := END_OF_MAIL if self._is_mail else b"\r\n")) >= 0:
            whole, self._heard = self._heard[:end], self._heard[end + len(mark) :]
            self._transport.write(self._answer(whole))

    def _answer(self, whole: bytes) -> bytes:
        if self._is_mail:
            self._is_mail = False
            self._sink.note(self._to)
            return b"250 taken\r\n"
        command = whole[:4].upper()
        if command == b"RCPT":
            self._to = whole
        self._is_mail = command == b"DATA"
        return b"354 go on\r\n" if self._is_mail else b"221 bye\r\n" if command == b"QUIT" else b"250 yes\r\n"


class Sink:
    """Counts mails by recipient, and notes when the last one came (on the clock of `time.monotonic`)."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.count: Synchronized[int] = spawn.Value("i", 0)
        self.people: Synchronized[int] = spawn.Value("i", 0)
        self.last_at: Synchronized[float] = spawn.Value("d", 0.0)
        receiving, sending = spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=self._serve, args=(sending,), daemon=True)
        self._process.start()
        # Its end is the process's alone: when that falls, we hear of it.
        sending.close()
        assert receiving.poll(START_SECONDS), "the mail sink does not start"
        self.port: int = receiving.recv()

    def forget(self) -> None:
        """Begin to count anew."""
        self.count.value = self.people.value = 0

    def note(self, to: bytes) -> None:
        """Count a mail, in the server's process."""
        if self.count.value == 0:
            self._seen: set[bytes] = set()
        self._seen.add(to)
        self.last_at.value = time.monotonic()
        self.people.value = len(self._seen)
        self.count.value += 1

    def close(self) -> None:
        self._process.terminate()
        self._process.join(5)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_process"}

    def _serve(self, ready: "multiprocessing.connection.Connection") -> None:
        async def serve() -> None:
            server = await asyncio.get_running_loop().create_server(lambda: Conversation(self), "127.0.0.1", 0)
            ready.send(server.sockets[0].getsockname()[1])
            await server.serve_forever()

        asyncio.run(serve())
