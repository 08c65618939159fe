"""A mail server with moods: it stalls, drops, refuses, puts off, or lies behind a slow line; it keeps what it took."""

import asyncio
import email
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from enum import StrEnum

from models import now

SLOW_SECONDS = 0.25
LONGEST_LINE = 2**20
WHO = "postman:secret"


class Mood(StrEnum):
    WELL = "well"
    STALLS_BEFORE = "stalls before the final dot"
    STALLS_AFTER = "stalls after the final dot"
    DROPS_BEFORE = "drops before the final dot"
    DROPS_AFTER = "drops after the final dot"
    LATER = "answers 451"
    NEVER = "answers 550"
    NO_SIGN_IN = "answers 535"
    SLOW = "lies behind a slow line"


SAYS = {Mood.LATER: b"451 4.3.0 later", Mood.NEVER: b"550 5.7.1 never"}
LOSES = {Mood.STALLS_BEFORE, Mood.DROPS_BEFORE, Mood.LATER, Mood.NEVER}


@dataclass
class Kept:
    """One mail that was taken, and when that was answered with 250."""

    mail: EmailMessage
    to: str
    at: datetime
    answered_at: datetime | None = None

    @property
    def mail_id(self) -> str:
        return str(self.mail["Message-ID"])


class PostOffice:
    """Listens in a thread of its own. Its mood may be changed at any time, and holds from the next command."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.refused: set[str] = set()
        self._mood = Mood.WELL
        self._lines: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        opening = asyncio.start_server(self._meet, "127.0.0.1", 0, limit=LONGEST_LINE)
        self._server = self._loop.run_until_complete(opening)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"smtp://{WHO}@127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @contextmanager
    def being(self, mood: Mood) -> Iterator[None]:
        """Be in a mood for as long as it lasts."""
        self._mood = mood
        if mood is Mood.NO_SIGN_IN:
            # Who has signed in already is made to do it again.
            self._loop.call_soon_threadsafe(self._hang_up)
        try:
            yield
        finally:
            self._mood = Mood.WELL

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [each.mail for each in list(self.kept) if each.to == address]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._hang_up)
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _hang_up(self) -> None:
        for line in list(self._lines):
            line.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            await self._converse(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._lines.discard(writer)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._say(writer, b"220 office")
        to = ""
        while line := (await reader.readline()).decode(errors="replace").strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                to = "".join(re.findall(r"<(.*?)>", line))
            if verb == "DATA":
                await self._say(writer, b"354 go on")
                await self._take(reader, writer, to)
            else:
                await self._say(writer, self._answer(verb))

    def _answer(self, verb: str) -> bytes:
        if verb == "AUTH":
            return b"535 5.7.8 no" if self._mood is Mood.NO_SIGN_IN else b"235 welcome"
        return {"EHLO": b"250-office\r\n250 AUTH PLAIN", "QUIT": b"221 bye"}.get(verb, b"250 yes")

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: str) -> None:
        mood = self._mood
        if mood is Mood.DROPS_BEFORE:
            await reader.read(100)
            raise ConnectionResetError
        lines = []
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                # Whoever was speaking is gone.
                raise ConnectionResetError
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        mail = email.message_from_bytes(b"".join(lines), policy=policy.default)
        kept = Kept(mail, to, now())
        if mood not in LOSES:
            self.kept.append(kept)
        if mood is Mood.NEVER:
            self.refused.add(kept.mail_id)
        if mood in (Mood.STALLS_BEFORE, Mood.STALLS_AFTER):
            # Until whoever waits for the answer has gone.
            await reader.read()
            raise ConnectionResetError
        if mood is Mood.DROPS_AFTER:
            raise ConnectionResetError
        await self._say(writer, SAYS.get(mood, b"250 kept"))
        kept.answered_at = now()

    async def _say(self, writer: asyncio.StreamWriter, words: bytes) -> None:
        if self._mood is Mood.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        writer.write(words + b"\r\n")
        await writer.drain()
