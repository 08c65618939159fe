"""A real SMTP server in this process, which says what a test tells it to say."""

import asyncio
import email
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

# For localhost alone, and trusted by nobody who does not mean to.
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjQwMTAxMDAwMDAwWhgPMjEyMzAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGEO5UWL3n9aMSMx
vlHX/FmklKTlyXlQniRP9eNZbc7J2gaPCDrxZi4KDMVANqlt0aM1eVh6ynthu1Yx
U7EGX0+jWDBWMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/
MA4GA1UdDwEB/wQEAwIChDAdBgNVHQ4EFgQUIb2aXx6ynXKbqO5P0KK/Z+5e9Vow
CgYIKoZIzj0EAwIDSAAwRQIgT0k/0jow2wlJKwOGyRjx/dP0xwWi6S0oHOjkHVnS
DmACIQC26AEckIKDfYeBgOJfaHRtl8LGB/F/LlzrEJdpdxh1bA==
-----END CERTIFICATE-----
"""
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgz8IK5O7m1w+JLo9W
I8MQz6yhwo1yNF4qMald5/Xkhx6hRANCAARhDuVFi95/WjEjMb5R1/xZpJSk5cl5
UJ4kT/XjWW3OydoGjwg68WYuCgzFQDapbdGjNXlYesp7YbtWMVOxBl9P
-----END PRIVATE KEY-----
"""
DROP = "drop the connection"
PASSWORD = "p@ss: word/%"


class MailServer:
    """Keeps what it was sent in `mails`. `says["RCPT"] = ["451 later"]` makes it answer so, once for each."""

    def __init__(self) -> None:
        self.says: dict[str, list[str]] = {}
        self.mails: list[EmailMessage] = []
        self.senders: list[str] = []
        self.contents: list[bytes] = []
        self.connections = 0
        self.port = 0

    def url(self, scheme: str = "smtp", who: str = "", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{who}{host}:{self.port}"

    def answer(self, command: str) -> str | None:
        """Return the next scripted answer to a command."""
        script = self.says.get(command)
        return script.pop(0) if script else None

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: ARG002, N802
        envelope.mail_from = address
        return self.answer("MAIL") or "250 OK"

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: ARG002, N802
        envelope.rcpt_tos.append(address)
        return self.answer("RCPT") or "250 OK"

    async def handle_NOOP(self, *_: object) -> str:  # noqa: N802
        return self.answer("NOOP") or "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answer("DATA") or "250 OK"
        if answer == DROP or answer.startswith("250"):
            self.contents.append(envelope.original_content)
            self.senders.append(envelope.mail_from)
            self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        if answer == DROP:
            server.transport.abort()
        return answer


def authenticate(_: SMTP, __: Session, ___: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:  # noqa: ARG001
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@contextmanager
def mail_server(home: Path, tls: str = "", server: MailServer | None = None) -> Iterator[MailServer]:
    """Run a server for as long as the test runs; `tls` is "", "starttls" or "implicit"."""
    made = server or MailServer()
    (home / "certificate.pem").write_text(CERTIFICATE)
    (home / "key.pem").write_text(KEY)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(home / "certificate.pem", home / "key.pem")

    def greet() -> SMTP:
        made.connections += 1
        return SMTP(
            made,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=authenticate,
            auth_require_tls=False,
            hostname="localhost",
        )

    loop = asyncio.new_event_loop()
    opening = loop.create_server(greet, "127.0.0.1", 0, ssl=context if tls == "implicit" else None)
    listening = loop.run_until_complete(opening)
    made.port = listening.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_close(listening), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
