"""Hands letters to the mail server, and tells its refusals apart: of the mail, of us, or for now."""

import logging
import smtplib
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from emails.message import Message

from jobs.connection import Connection, answer, is_broken
from jobs.render import render
from jobs.signing import KeyUnusable, sign
from models import DeliveryStatus, settings
from models.spans import span
from models.visible import visible
from workflows.compose import Letter
from workflows.deliver import SENT, Outcome

logger = logging.getLogger(__name__)
PERMANENT = range(500, 600)
# Answers that are about us, not about the mail: no sign-in, a wrong one, one that is too weak.
SIGN_IN = (530, 534, 535, 538)
LONGEST_WORDS = 1000
BROKEN = (smtplib.SMTPServerDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)
_here = threading.local()


class MailTrouble(Exception):
    """The mail could not be handed over now. It will be tried again."""

    counts = True


class MailServerAway(MailTrouble):
    """There is no mail server to talk to. That is no mail's fault, and uses up none of its attempts."""

    counts = False


class MailServerRefusesUs(MailServerAway):
    """The mail server does not take us, or is not to be trusted: somebody has to look at the settings."""


def send(letter: Letter) -> Outcome:
    """Hand the letter over, and return what the server finally said. Raises MailTrouble while that is open."""
    mail = _signed(render(letter))
    with span("mail"):
        return _speak(lambda connection: connection.send(mail, letter.sender))


def probe() -> None:
    """Connect as sending would, and sign in. Raises MailTrouble."""
    _signed(Message(text="."))
    _speak(Connection.open)


def _signed(mail: Message) -> Message:
    try:
        return sign(mail)
    except KeyUnusable as error:
        logger.exception("no mail can be signed, all mail waits")
        raise MailServerRefusesUs(str(error)) from error


def hang_up() -> None:
    """Close this thread's connection, if there is one."""
    connection: Connection | None = getattr(_here, "connection", None)
    if connection is not None:
        connection.close()


def _speak(words: Callable[[Connection], None]) -> Outcome:
    connection = _connection()
    try:
        words(connection)
    except OSError as error:
        is_connecting = not connection.is_open
        if is_broken(error):
            connection.close()
        return _understand(error, is_connecting=is_connecting, url=connection.url)
    except BaseException:
        # Whoever was interrupted in the middle of a sentence cannot go on with another.
        connection.close()
        raise
    return SENT


def _connection() -> Connection:
    """Return this thread's own connection; another, once the settings or the embedded server's port have changed."""
    url = settings().smtp
    # The library would take 0 for port 25, where somebody else may listen.
    if urlsplit(url).port == 0:
        raise MailServerAway("The embedded mail server has not started yet.")
    connection: Connection | None = getattr(_here, "connection", None)
    if connection is None or connection.url != url:
        hang_up()
        connection = _here.connection = Connection(url)
    return connection


def _understand(error: OSError, *, is_connecting: bool, url: str) -> Outcome:
    """Return a final refusal of the mail. Raises MailTrouble for all that may pass."""
    code, words = answer(error)
    # Whatever the server says is kept, logged and shown.
    said = visible(f"{code} {words}" if code else f"{type(error).__name__}: {error}")[:LONGEST_WORDS]
    if _is_about_us(error, code):
        server = urlsplit(url)
        logger.error("mail server %s:%s does not take us, all mail waits: %s", server.hostname, server.port, said)
        raise MailServerRefusesUs(said) from error
    if is_connecting:
        raise MailServerAway(said) from error
    if code in PERMANENT:
        return Outcome(DeliveryStatus.FAILED, said)
    raise MailTrouble(said) from error


def _is_about_us(error: OSError, code: int) -> bool:
    """Return whether it was the greeting, TLS, the sign-in or the sender that was finally refused."""
    if isinstance(error, BROKEN):
        return False
    if isinstance(error, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError):
        return code in SIGN_IN
    # A refusal without a code is a server that cannot do what the settings ask for.
    is_final = isinstance(error, smtplib.SMTPException) and (code == 0 or code in PERMANENT)
    return is_final or isinstance(error, ssl.SSLError)
