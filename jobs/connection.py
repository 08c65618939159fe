"""A connection to the mail server: that of the `emails` package, reused, and with its certificate checked."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from emails.backend.smtp.backend import SMTPBackend
from emails.backend.smtp.client import SMTPClientWithResponse
from emails.message import Message

from models import settings

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
# A connection unused for so long is asked whether it still stands before a mail is trusted to it.
IDLE_SECONDS = 5
# Of a job's lease, what one mail may take: else a second worker would begin to send it.
SHARE_OF_LEASE = 0.75
OK, CLOSING = 250, 421


class Client(SMTPClientWithResponse):
    """The library's client, which checks certificates, keeps to a deadline, and knows when a mail is under way."""

    def __init__(self, parent: "Backend", **options: Any) -> None:  # noqa: ANN401
        self.deadline = parent.deadline
        self.has_handed_over = False
        super().__init__(parent=parent, **options)  # type: ignore[no-untyped-call]

    def starttls(self, *_: object, **__: object) -> tuple[int, bytes]:
        return super().starttls(context=_trust(settings().smtp_ca_file))

    def getreply(self) -> tuple[int, bytes]:
        if self.sock is not None:
            self.sock.settimeout(max(0.1, min(settings().smtp_timeout, self.deadline - time.monotonic())))
        try:
            return super().getreply()
        except smtplib.SMTPResponseException as error:
            # The library hangs up where an answer's line has no end; nothing was refused by that.
            raise smtplib.SMTPServerDisconnected("The mail server's answer has no end") from error

    def data(self, msg: Any) -> tuple[int, bytes]:  # noqa: ANN401
        self.has_handed_over = True
        return super().data(msg)

    def quit(self) -> Any:  # noqa: ANN401
        # Whatever went wrong before must not be hidden by what goes wrong in leaving.
        try:
            return super().quit()  # type: ignore[no-untyped-call]
        except OSError:
            self.close()


class TlsClient(Client):
    """The same over TLS from the first byte. The library's own connects twice, and checks nothing."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        return _trust(settings().smtp_ca_file).wrap_socket(plain, server_hostname=host)


class Backend(SMTPBackend):
    """The library's connection, without its own second sending: after a drop, nobody knows if the mail was taken."""

    connection_cls = Client
    connection_ssl_cls = cast(Any, TlsClient)
    deadline = 0.0

    @property
    def client(self) -> Client | None:
        return cast(Client | None, self._client)

    def retry_on_disconnect(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


class Connection:
    """Opened when first used, and again after it broke; one thread's alone. Raises what smtplib and ssl raise."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._used_at = 0.0
        parts = urlsplit(url)
        self._backend = Backend(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            ssl=parts.scheme == "smtps",
            tls=parts.scheme == "smtp+starttls",
            user=unquote(parts.username or "") or None,
            password=unquote(parts.password or "") or None,
            timeout=settings().smtp_timeout,
            fail_silently=False,
        )

    @property
    def is_open(self) -> bool:
        return self._backend.client is not None

    def open(self) -> None:
        """Connect and sign in, or look whether a connection left idle still stands."""
        client = self._backend.client
        self._backend.deadline = time.monotonic() + SHARE_OF_LEASE * settings().job_lease_seconds
        if client is not None:
            client.deadline, client.has_handed_over = self._backend.deadline, False
            if time.monotonic() - self._used_at > IDLE_SECONDS and not _stands(client):
                self.close()
        self._backend.get_client()
        self._used_at = time.monotonic()

    def send(self, mail: Message, sender: str = "") -> None:
        """Send, once more on a fresh connection where a reused one broke before the mail was under way."""
        was_open = self.is_open
        self.open()
        try:
            self._hand_over(mail, sender)
        except OSError as error:
            client = self._backend.client
            if not was_open or client is None or client.has_handed_over or not is_broken(error):
                raise
            self.close()
            self.open()
            self._hand_over(mail, sender)

    def close(self) -> None:
        """Leave without a word: the other side may be gone."""
        client, self._backend._client = self._backend.client, None
        if client is not None:
            client.close()

    def _hand_over(self, mail: Message, sender: str) -> None:
        response = mail.send(smtp=self._backend, mail_from=sender or None)
        if response.refused_recipients:
            raise smtplib.SMTPRecipientsRefused(response.refused_recipients)
        if not response.success:
            raise smtplib.SMTPDataError(response.status_code or 0, response.status_text or b"")


def answer(error: Exception) -> tuple[int, str]:
    """Return the server's code and words, on one line; the code is 0 where it said nothing."""
    code, words = getattr(error, "smtp_code", 0), getattr(error, "smtp_error", b"")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
    text = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
    return max(code, 0), " ".join(text.split())


def is_broken(error: Exception) -> bool:
    """Return whether the connection is of no more use; an orderly refusal leaves it as good as before."""
    return answer(error)[0] in (0, CLOSING)


def _stands(client: Client) -> bool:
    try:
        return client.noop()[0] == OK
    except OSError:
        return False


@cache
def _trust(ca_file: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
