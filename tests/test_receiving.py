"""Answers that a mail server of its own takes in come by a pipe or by LMTP, and are threaded on the card (R32)."""

import os
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from models import Message
from tests.browser import Browser
from tests.databases import on_one_database
from tests.filled import contact_of, guest_on_card
from tests.people import Lead
from tests.process import Process, until
from tests.stack import BIN, Stack, free_port

WROTE = "On Mon, 2 Nov 2026 at 10:00, Noor <noor@guests.example> wrote:"
HTML = (
    "<html><head><style>p{}</style></head><body><p>Friday <b>suits</b> us.</p>"
    f"<p>{WROTE}</p><blockquote>May we?</blockquote></body></html>"
)
Place = tuple[Stack, Lead, Browser, str]


@pytest.fixture
def place(stack: Stack) -> Place:
    """A card that a guest sees, and the address at which its contact answers them."""
    _, card, _, browser = guest_on_card(stack)
    browser.post(f"{card.path}/contact-messages", text="May we come by?")
    contact = contact_of(stack.database, card).email or ""
    return stack, card, browser, str(stack.mails(contact, template="contact-message")[0]["Reply-To"])


@pytest.fixture
def lmtp(stack: Stack, tmp_path: Path) -> Iterator[int]:
    """The receiver as a service; its port."""
    port = free_port()
    command = (str(BIN / "guestlist"), "receive", "--lmtp", f"127.0.0.1:{port}")
    process = Process(*command, env=stack.env, log=tmp_path / "lmtp.log")
    process.start()
    try:
        until(lambda: is_open(port), what="LMTP", within=30)
        yield port
        assert process.stop() == 0
    finally:
        process.kill()


def test_r32_a_mail_server_pipes_an_answer_in(place: Place) -> None:
    stack, card, browser, address = place
    mail = answer(address, f"Friday suits us.\n\n{WROTE}\n> May we come by?\n-- \nHannah")

    assert pipe(stack, mail, "--sender", "hannah@client.example", address) == os.EX_OK

    (said,) = answers(stack, card)
    assert said == "Friday suits us."
    assert "Friday suits us." in browser.get("/notifications").text


def test_r32_an_answer_comes_by_lmtp(place: Place, lmtp: int) -> None:
    stack, card, _, address = place
    with smtplib.LMTP("127.0.0.1", lmtp) as server:
        server.send_message(answer(address, "By LMTP."))
        refused = server.docmd("MAIL", "FROM:<x@x.example>"), server.docmd("RCPT", "TO:<nobody@guests.example>")
        server.rset()
        size = int(server.esmtp_features["size"])
        too_large = server.docmd("MAIL", f"FROM:<x@x.example> SIZE={size + 1}")
    assert answers(stack, card) == ["By LMTP."]
    assert (refused[1][0], too_large[0]) == (550, 552)


def test_r32_the_same_mail_handed_over_twice_is_threaded_once(place: Place) -> None:
    stack, card, _, address = place
    mail = answer(address, "Only once.")
    for trace in ("first", "second"):
        assert pipe(stack, f"Delivered-To: {trace}\n".encode() + bytes(mail), address) == os.EX_OK
    assert answers(stack, card) == ["Only once."]


@on_one_database
def test_r32_attachments_are_left_out_and_named(place: Place) -> None:
    stack, card, _, address = place
    mail = answer(address, "See the plan.")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="roof.pdf")
    mail.add_attachment("a;b", filename="beams\r\nof oak.csv".replace("\r\n", " "))
    assert pipe(stack, mail, address) == os.EX_OK
    assert answers(stack, card) == ["See the plan.\n\n[2 attachments were not taken: roof.pdf, beams of oak.csv]"]


@on_one_database
def test_r32_an_answer_of_html_alone_is_read_as_text(place: Place) -> None:
    stack, card, _, address = place
    mail = EmailMessage()
    mail["From"], mail["To"] = "hannah@client.example", address
    mail.set_content(HTML, subtype="html")
    assert pipe(stack, mail, address) == os.EX_OK
    assert answers(stack, card) == ["Friday suits us."]


@on_one_database
@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("hannah@client.example", {"Auto-Submitted": "auto-replied"}),
        ("hannah@client.example", {"Precedence": "bulk"}),
        ("hannah@client.example", {"List-Id": "<all.client.example>"}),
        ("", {}),
        ("MAILER-DAEMON", {}),
    ],
)
def test_r32_what_machines_write_is_taken_and_put_nowhere(place: Place, sender: str, headers: dict[str, str]) -> None:
    stack, card, _, address = place
    assert pipe(stack, answer(address, "I am away.", **headers), "--sender", sender, address) == os.EX_OK
    assert pipe(stack, answer(address, "I am back."), address) == os.EX_OK
    assert answers(stack, card) == ["I am back."]


def test_r32_what_is_too_large_or_made_up_is_refused_for_good(place: Place) -> None:
    stack, card, _, address = place
    made_up = address.replace("reply+", "reply+1")
    assert pipe(stack, answer(made_up, "Forged."), made_up) == os.EX_DATAERR
    assert pipe(stack, b"\r\n" + b"x" * (10 * 1024 * 1024), address) == os.EX_DATAERR
    assert answers(stack, card) == []


@on_one_database
def test_r32_a_mail_that_keeps_to_no_rule_is_read_or_refused(place: Place) -> None:
    stack, card, _, address = place
    mail = bytes(answer(address, "All the same.")).replace(b"@client.example>", b".@client.example>", 1)
    assert pipe(stack, mail, "--sender", "hannah@client.example", address) == os.EX_OK
    assert answers(stack, card) == ["All the same."]
    endless = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (each, each) for each in range(3000))
    assert pipe(stack, endless, "--sender", "hannah@client.example", address) == os.EX_DATAERR
    garbled = b"Content-Type: application/pdf\nContent-Disposition: attachment; filename*0\n\nx"
    assert pipe(stack, garbled, "--sender", "hannah@client.example", address) in (os.EX_OK, os.EX_DATAERR)


def test_r32_without_the_database_the_mail_server_is_told_to_keep_the_mail(place: Place) -> None:
    stack, card, _, address = place
    away = {"GUESTLIST_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    assert pipe(stack, answer(address, "Later."), address, **away) == os.EX_TEMPFAIL
    assert pipe(stack, answer(address, "Later."), address) == os.EX_OK
    assert answers(stack, card) == ["Later."]


def answer(to: str, text: str, **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "hannah@client.example", to, f"<{hash(text)}@client.example>"
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(text)
    return mail


def pipe(stack: Stack, mail: EmailMessage | bytes, *arguments: str, **env: str) -> int:
    """Do what a mail server's pipe does, and return the exit code that it reads."""
    command = [str(BIN / "guestlist"), "receive", *arguments]
    about = {"env": stack.env | env, "cwd": stack.home}
    ended = subprocess.run(command, input=bytes(mail), capture_output=True, check=False, **about)
    assert b"Traceback" not in ended.stderr, ended.stderr
    return ended.returncode


def answers(stack: Stack, card: Lead) -> list[str]:
    with stack.database.reading() as session:
        of = select(Message.text).where(Message.card_id == card.id, Message.author_id.is_(None))
        return list(session.scalars(of.order_by(Message.id)))


def is_open(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
