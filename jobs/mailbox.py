"""The embedded mail server: takes every mail on a loopback port, and keeps it as a Maildir in the data directory."""

import asyncio
import logging
import mailbox
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import SQLAlchemyError

from jobs.bell import Bell
from jobs.broker import connect
from jobs.inbox import LARGEST_MAIL, Inbox
from jobs.live import Live
from jobs.words import Unreadable
from models import Database, settings

HOST = "127.0.0.1"
logger = logging.getLogger(__name__)
Take = Callable[[str | None, Sequence[str], bytes], None]


class Keep:
    """Answers 250 only once a mail is on the disk, and what it tells us in the database."""

    def __init__(self, directory: Path, take: Take) -> None:
        self._mails = mailbox.Maildir(directory, create=True)
        self._take = take

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        try:
            await asyncio.to_thread(self._keep, envelope)
            come = (envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")
            with suppress(Unreadable):
                await asyncio.to_thread(self._take, *come)
        except OSError as error:
            logger.exception("A mail could not be kept")
            return f"452 4.3.1 Not kept: {error.strerror}"
        except SQLAlchemyError:
            logger.exception("A mail could not be taken in")
            return "451 4.3.0 Not now"
        return "250 2.0.0 Kept"

    def _keep(self, envelope: Envelope) -> None:
        # The library syncs the file; its name is lost in a crash unless its directory is synced as well.
        trace = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {', '.join(envelope.rcpt_tos)}\r\n"
        self._mails.add(trace.encode(errors="replace") + (envelope.original_content or b""))
        new = os.open(Path(self._mails._path, "new"), os.O_RDONLY)
        try:
            os.fsync(new)
        finally:
            os.close(new)


async def serve(
    directory: Path, port_file: Path, ready: asyncio.Event | None = None, *, take: Take = lambda *_: None
) -> None:
    """Take mails until cancelled, each offered to `take` with its sender and recipients.

    The port is in `port_file` as soon as it answers; a restart keeps it if it can.
    """
    keep = Keep(directory, take)
    server = await _listen(keep, port_file)
    port = server.sockets[0].getsockname()[1]
    _write_whole(port_file, f"{port}\n")
    logger.info("mail server on %s:%s, mails in %s", HOST, port, directory)
    if ready:
        ready.set()
    async with server:
        await server.serve_forever()


async def _listen(keep: Keep, port_file: Path) -> asyncio.Server:
    def greet() -> SMTP:
        return SMTP(keep, data_size_limit=LARGEST_MAIL, hostname="localhost", ident="Guestlist", enable_SMTPUTF8=True)

    loop = asyncio.get_running_loop()
    try:
        return await loop.create_server(greet, HOST, int(port_file.read_text()))
    except (OSError, ValueError, OverflowError):
        return await loop.create_server(greet, HOST, 0)


def _write_whole(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)


async def _main() -> None:
    data = settings().data_dir
    data.mkdir(parents=True, exist_ok=True)
    database = Database(settings().database)
    database.on_commit(Bell(database, connect(settings().broker), Live(settings().redis)))
    await until_told(serve(data / "mail", data / "smtp.port", take=Inbox(database).take))


async def until_told(serving: Coroutine[None, None, None]) -> None:
    """Serve until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(serving)
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        logger.info("mail server stopped")


if __name__ == "__main__":
    logging.basicConfig(level=settings().log_level, format="%(message)s")
    # The server's own log tells every line of every conversation.
    logging.getLogger("mail").setLevel(logging.WARNING)
    asyncio.run(_main())
