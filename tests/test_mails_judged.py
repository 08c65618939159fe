"""Every mail as it is sent, judged by others: two libraries read it alike, and a spam filter has nothing against it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from fast_mail_parser import parse_email

from jobs import mailer
from jobs.preview import samples
from models import Account, Database, DeliveryStatus, Membership
from tests.mail_server import MailServer
from tests.mailing import deliver, newest, part
from tests.people import Team
from workflows.invite import invite

SPAMASSASSIN = shutil.which("spamassassin")
VERDICT = re.compile(r"^X-Spam-Status: \w+, score=(-?[\d.]+) .*?tests=(.*?)\s+autolearn", re.MULTILINE | re.DOTALL)
Read = tuple[str, ...]


@pytest.fixture
def sent(database: Database, team: Team, server: MailServer) -> dict[str, bytes]:
    """Send a sample of every mail, and one that the product itself wanted, with letters beyond ASCII in its subject."""
    names = [name for name, letter in samples() if mailer.send(letter).status is DeliveryStatus.SENT]
    assert len(names) == len(list(samples()))
    with database.transaction() as session:
        session.get_one(Account, team.id).name = "Tischlerei Größe & Söhne"
        by = session.get_one(Membership, team.admin.membership_id)
        invite(session, by=by, email="zoe@ångström.example", name="Zoë", group="free")
    assert deliver(database, newest(database)) is DeliveryStatus.SENT
    return dict(zip([*names, "an invitation"], server.contents, strict=True))


def test_two_libraries_read_every_mail_alike_and_miss_nothing(sent: dict[str, bytes]) -> None:
    for name, content in sent.items():
        mail = message_from_bytes(content, policy=policy.default)
        assert [each.defects for each in (*mail.walk(), *mail.values()) if each.defects] == [], name
        assert by_standard_library(mail) == by_another(content), name


@pytest.mark.skipif(SPAMASSASSIN is None, reason="spamassassin is not installed; on Debian: apt install spamassassin")
def test_a_spam_filter_has_nothing_against_any_mail(sent: dict[str, bytes], tmp_path: Path) -> None:
    verdicts = dict(zip(sent, judge(sent.values(), tmp_path), strict=True))
    for name, (score, _) in verdicts.items():
        assert score < 1, (name, verdicts[name])


def by_standard_library(mail: EmailMessage) -> Read:
    """Return subject, sender, recipients, name and both parts of a mail, as Python's own library reads them."""
    people = (str(each) for field in ("From", "To") for each in mail[field].addresses)
    return (mail["Subject"], *people, mail["Message-ID"], *(lines(part(mail, kind)) for kind in ("plain", "html")))


def by_another(content: bytes) -> Read:
    """Return the same as a library reads it that has nothing in common with the other; it stumbles over nothing."""
    mail = parse_email(content)
    assert mail.warnings == [] and mail.attachments == []
    people = (
        f"{each.display_name} <{each.address}>" if each.display_name else each.address
        for each in (mail.from_, *mail.to)
    )
    (message_id,), (text,), (html,) = mail.headers["Message-ID"], mail.text_plain, mail.text_html
    return (mail.subject, *people, message_id, lines(text), lines(html))


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip("\n")


def judge(mails: Iterable[bytes], home: Path) -> list[tuple[float, str]]:
    """Return the score of each mail, and the tests that made it, by what SpamAssassin knows without asking anybody."""
    # In a mailbox a line that begins so would begin another mail.
    quoted = (re.sub(rb"^From ", b">From ", mail.replace(b"\r\n", b"\n"), flags=re.MULTILINE) for mail in mails)
    box = b"".join(b"From us@guests.example Sat Jan  3 10:00:00 2026\n" + mail + b"\n" for mail in quoted)
    asked = [str(SPAMASSASSIN), "--test-mode", "--local", "--mbox"]
    said = subprocess.run(asked, input=box, capture_output=True, env={**os.environ, "HOME": str(home)}, check=True)
    return [(float(score), tests) for score, tests in VERDICT.findall(said.stdout.decode(errors="replace"))]
