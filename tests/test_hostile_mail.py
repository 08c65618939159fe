"""Mail that somebody hostile wrote breaks no page that shows it."""

import re
import smtplib

import httpx
import pytest
from sqlalchemy import func, select

from jobs.inbox import Inbox
from jobs.words import Unreadable
from models import Message
from tests.databases import on_one_database
from tests.filled import guest_on_card
from tests.inviting import fresh
from tests.process import until
from tests.stack import Stack
from tests.test_replies import written_to_contact


def nested(depth: int) -> bytes:
    """Return a mail of parts within parts."""
    parts = (f"Content-Type: multipart/mixed; boundary=b{each}\r\n\r\n--b{each}\r\n" for each in range(depth))
    return "".join(parts).encode() + b"\r\nhello"


HOSTILE_MAILS = (
    b"Content-Type: text/plain; charset=no-such\r\n\r\nhello",
    b"Content-Type: text/html; charset=no-such\r\n\r\n<b>hello</b>",
    b"Content-Type: text/plain; charset=rot13\r\n\r\nhello",
    b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800 hello",
    b"Content-Type: text/html; charset=unicode_escape\r\n\r\n\\ud800 hello",
    b"Content-Type: text/plain; charset*=x''%ff\r\n\r\nhello",
    b"Subject: =?unicode_escape?q?=5Cud800?=\r\nTo: =?unicode_escape?q?=5Cud800?= <a@b.example>\r\n\r\nhello",
    b"Subject: \xff\xfe\r\nTo: \xff\xfe <\r\nDate: Mon, 99 Foo 99999\r\nMessage-ID: [[[\r\n\r\nhello",
    b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n",
    b"From: =? =?utf-8?b?:?;@)\r\nDate: \x00[\r\n \r\nMessage-ID: <\r\n\r\nhello",
    b"From: " + b"(" * 800 + b"\r\n\r\nhello",
    nested(300),
    nested(3000),
)


@on_one_database
@pytest.mark.parametrize("mail", HOSTILE_MAILS)
def test_a_hostile_mail_breaks_no_page(stack: Stack, mail: bytes) -> None:
    # What an earlier test queued may still arrive.
    stack.idle()
    browser, before = stack.client(), names_of_mails(stack)

    send(stack, mail, fresh())

    (name,) = names_of_mails(stack) - before
    assert browser.get(f"/dev/mail/{name}").status_code == 200
    assert browser.get(f"/dev/mail/{name}.eml").status_code == 200
    assert browser.get(f"/dev/mail/{name}/body").status_code in (200, 404)
    # Other tests read all that has come, and not so warily.
    for kept in (stack.home / "mail" / "new").glob(f"{name}*"):
        kept.unlink()


def test_r32_an_answer_in_an_odd_charset_is_kept_or_left_alone(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    address = written_to_contact(stack, card, browser)
    for text in (b"\\u0000\\u0020", b"\\u0000\\ud800 Odd words"):
        send(stack, b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n" + text, address)

    with pytest.raises(Unreadable):
        Inbox(stack.database).take("mallory@client.example", [address], nested(3000))

    until(lambda: "Odd words" in browser.get(card.path).text)
    with stack.database.reading() as session:
        answers = select(func.count(Message.id)).where(Message.card_id == card.id, Message.author_id.is_(None))
        assert session.scalar(answers) == 1, "an answer of nothing is none"


def names_of_mails(stack: Stack) -> set[str]:
    page = stack.client().get("/dev/mail")
    assert page.status_code == httpx.codes.OK
    return set(re.findall(r"/dev/mail/([^\"/]+)\.eml", page.text))


def send(stack: Stack, mail: bytes, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", int((stack.home / "smtp.port").read_text())) as server:
        server.sendmail("mallory@client.example", [to], mail)
