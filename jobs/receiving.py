"""`guestlist receive`: takes in what a mail server hands over, by a pipe or by LMTP."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable

import click
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import SQLAlchemyError

from jobs.inbox import LARGEST_MAIL, Inbox
from jobs.mailbox import until_told
from jobs.words import Unreadable
from models import Database, settings
from models.logs import begin_log
from models.settings import Misconfigured

logger = logging.getLogger(__name__)
Open = Callable[[], Database]
# What a mail server understands: taken, refused for good, try again later.
TAKEN, REFUSED, LATER = os.EX_OK, os.EX_DATAERR, os.EX_TEMPFAIL
HIGHEST_PORT = 65535
UNKNOWN = "5.1.1 This address is not one that a mail of ours has named."
GARBLED = "5.6.0 Nobody can say what the parts of this mail are."
TOO_LARGE = f"5.3.4 The mail is larger than {LARGEST_MAIL // 1024 // 1024} MB."


@click.command()
@click.option("--lmtp", "where", metavar="HOST:PORT", help="Listen here for LMTP, until told to end.")
@click.option("--sender", help="The envelope's sender; otherwise what Return-Path says.")
@click.argument("recipients", nargs=-1)
@click.pass_obj
def receive(opened: Open, where: str | None, sender: str | None, recipients: tuple[str, ...]) -> int:
    """Take in answers of contacts: one mail from standard input for RECIPIENTS, or all that come by LMTP.

    Exits with 0 if the mail was taken, 65 if it is refused, 75 if it is to be tried again later.
    """
    if bool(where) == bool(recipients):
        raise click.UsageError("name the recipients of the mail on standard input, or --lmtp HOST:PORT")
    if where:
        host, _, port = where.rpartition(":")
        if not (host and port.isdecimal() and int(port) <= HIGHEST_PORT):
            raise click.UsageError(f"--lmtp: “{where}” is not HOST:PORT, as in 127.0.0.1:2424")
        begin_log(settings().log_level)
        logging.getLogger("mail").setLevel(logging.WARNING)
        asyncio.run(until_told(listen(Inbox(opened()), host, int(port))))
        return TAKEN
    return _take(opened, sender, recipients, sys.stdin.buffer.read(LARGEST_MAIL + 1))


async def listen(inbox: Inbox, host: str, port: int) -> None:
    """Take mails by LMTP until cancelled."""

    def greet() -> LMTP:
        return LMTP(Receiver(inbox), data_size_limit=LARGEST_MAIL, ident="Guestlist", enable_SMTPUTF8=True)

    server = await asyncio.get_running_loop().create_server(greet, host, port)
    logger.info("LMTP on %s:%s", host, server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


class Receiver:
    """Takes only what is addressed to us; answers 250 once it is in the database."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        if not self._inbox.knows(address):
            return f"550 {UNKNOWN}"
        # LMTP wants an answer for each recipient after the data; with one there is one.
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        come = (envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b"")
        try:
            await asyncio.to_thread(self._inbox.take, *come)
        except Unreadable:
            return f"554 {GARBLED}"
        except SQLAlchemyError:
            logger.exception("A mail could not be taken in")
            return "451 4.3.0 Not now"
        return "250 2.0.0 Taken"


def _take(opened: Open, sender: str | None, recipients: tuple[str, ...], content: bytes) -> int:
    if len(content) > LARGEST_MAIL:
        return _say(TOO_LARGE, REFUSED)
    try:
        inbox = Inbox(opened())
        ours = [each for each in recipients if inbox.knows(each)]
        if not ours:
            return _say(UNKNOWN, REFUSED)
        inbox.take(sender, ours, content)
    except Unreadable:
        return _say(GARBLED, REFUSED)
    except (SQLAlchemyError, Misconfigured, OSError) as error:
        # A mail server that is told so keeps the mail.
        return _say(f"4.3.0 Not now: {type(error).__name__}", LATER)
    return TAKEN


def _say(words: str, status: int) -> int:
    click.echo(words)
    return status
