"""A mail is signed with the domain's key where the settings name one, and whoever receives it can tell (DKIM)."""

from collections.abc import Callable
from pathlib import Path

import dkim
import pytest

from jobs import mailer
from models import Database, DeliveryStatus
from tests.inviting import fresh
from tests.mail_server import MailServer
from tests.mailing import deliver, newest
from tests.people import Team
from tests.rows import invitation_to

# Made for this test alone, and used nowhere else.
KEY = """-----BEGIN RSA PRIVATE KEY-----
MIICXAIBAAKBgQDDgNKGO73n530+KVUlm4BkQUBsQjNeXOPQGD88dWaL37JoN0U2
vbSHDwGikl+5iSvml4CEPKQmJ+CuuI7/64Ej+I21Q22p1mDjK6lOk1OMr0S3ol0e
8R4feRNfOy9+QKjzkrDlv0Hed78oV/y7IzOQTvXOuCRoY84j6PmzvBeoYwIDAQAB
AoGAcqMuT1HmuH4wHWwlJok5TxBIE3L6JiH338ToB66bs/c26Q9HwaKZofx1q/uC
sAu0N2GtFV1tr4YApNNJ3t0cepE5XDnlPbffJY2WKZ9Vioc23cEHodX7nVhENQWN
rHN4CA3JpSc1R+9Lks9UpQcnkZQCWmOMhgG5ZMgGEm8iPfkCQQDv8iQM/9IsiMgn
TQDz9Q4ak26bLRwR0ZxbrHsrovu5peBZzrxBdXKdz/9/wQnpsrnv3Ug5dZhM2NgW
wKgGrFQlAkEA0JV0nM1OZlKd6c1xazo3UqxPKgTHMXeXPY3QGO/oeeKn9S7pQslv
mRRuQnF511OnPkLUrSzM+GsoOawfWIZf5wJAMIECSJ5uHhKIY2lth+NBtp2W/kdg
JTn6IY38WBXaTOz7LSxdYd4cDUq+m1SqbFN0wsg4kWT0JJSxGehYDwFHAQJAPuv3
A55DekaN8IvTHR+wtLXaI7jRRjDnZOA02HD21l3zgNkn8MfHbIxnPo/wy24m03dh
pOQQ6ReaSNuNkSzoHQJBAJJdmlJ+p6dA/E1dcQN7m3P0eq7drfOmGAqMz0XuOXBc
13Z6f+C8/M3r2FpcOGXdTibwtamZ86LZiVQBOrAQBzY=
-----END RSA PRIVATE KEY-----
"""
RECORD = (
    b"v=DKIM1; k=rsa; p="
    b"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDDgNKGO73n530+KVUlm4BkQUBsQjNeXOPQGD88dWaL37JoN0U2vb"
    b"SHDwGikl+5iSvml4CEPKQmJ+CuuI7/64Ej+I21Q22p1mDjK6lOk1OMr0S3ol0e8R4feRNfOy9+QKjzkrDlv0Hed78o"
    b"V/y7IzOQTvXOuCRoY84j6PmzvBeoYwIDAQAB"
)


def test_a_mail_is_signed_for_the_senders_domain(
    database: Database, team: Team, server: MailServer, tmp_path: Path, choose: Callable[..., None]
) -> None:
    file = tmp_path / "dkim.pem"
    file.write_text(KEY)
    choose(dkim_key_file=file, dkim_selector="mail2026", mail_from="Zoë of Acme <crm@acme.example>")
    with database.transaction() as session:
        invitation_to(session, team, fresh("zoe"))

    assert deliver(database, newest(database)) is DeliveryStatus.SENT

    (arrived,) = server.contents
    names: list[bytes] = []

    def dns(name: bytes, timeout: int = 5) -> bytes:  # noqa: ARG001
        names.append(name)
        return RECORD

    assert dkim.verify(arrived, dnsfunc=dns)
    assert names == [b"mail2026._domainkey.acme.example."]
    assert not dkim.verify(arrived.replace(b"Ada Admin", b"Eve Admin"), dnsfunc=dns)


def test_with_an_unusable_key_all_mail_waits(
    database: Database, team: Team, server: MailServer, tmp_path: Path, choose: Callable[..., None]
) -> None:
    file = tmp_path / "dkim.pem"
    file.write_text("no key at all")
    choose(dkim_key_file=file)
    with database.transaction() as session:
        invitation_to(session, team, fresh())
    with pytest.raises(mailer.MailServerRefusesUs, match="DKIM_KEY_FILE"):
        deliver(database, newest(database))
    with pytest.raises(mailer.MailServerRefusesUs, match="DKIM_KEY_FILE"):
        mailer.probe()
    assert server.mails == []
