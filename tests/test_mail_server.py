"""What mail servers answer, and what becomes of it: refused for good, tried again, or held until somebody mends it."""

import logging
import mailbox
import os
import smtplib
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from jobs import connection, mailer
from models import DeliveryStatus, Template, now
from tests.mail_server import DROP, PASSWORD, MailServer, mail_server
from tests.process import Process, until
from workflows.compose import Letter
from workflows.deliver import SENT

TO = "gwen@partner.example"
Choose = Callable[..., None]
SIGNED_IN = f"robot:{quote(PASSWORD, safe='')}@"


@pytest.fixture
def server(tmp_path: Path, choose: Choose) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        choose(smtp_url=running.url(), smtp_timeout=2)
        yield running
        mailer.hang_up()


def letter(to: str = TO) -> Letter:
    context = {"link": "https://guests.example/x", "login": to, "hours": 2, "expires_at": now()}
    return Letter(Template.PASSWORD_RESET, to, f"<{to}>", context)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_mail_refused_for_good_has_failed_with_the_servers_words(server: MailServer, command: str) -> None:
    server.says[command] = ["550-5.1.1 Nobody\r\n550 5.1.1 is here"]
    outcome = mailer.send(letter())
    assert outcome.status is DeliveryStatus.FAILED
    assert outcome.words == "550 5.1.1 Nobody 5.1.1 is here"
    # An orderly refusal leaves the connection as good as before.
    assert mailer.send(letter()) == SENT and server.connections == 1


@pytest.mark.parametrize(
    ("command", "answer"), [("RCPT", "451 4.7.1 Later"), ("DATA", "452 Full"), ("MAIL", "450 Busy")]
)
def test_a_mail_put_off_is_tried_again(server: MailServer, command: str, answer: str) -> None:
    server.says[command] = [answer]
    with pytest.raises(mailer.MailTrouble, match=answer) as trouble:
        mailer.send(letter())
    assert trouble.value.counts and not server.mails
    assert mailer.send(letter()) == SENT


@pytest.mark.parametrize("answer", [DROP, "421 Closing"])
def test_after_a_drop_the_mail_is_not_sent_again_unasked(server: MailServer, answer: str) -> None:
    mailer.send(letter())
    server.says["DATA"] = [answer]
    with pytest.raises(mailer.MailTrouble) as trouble:
        mailer.send(letter())
    assert trouble.value.counts and server.connections == 1
    assert mailer.send(letter()) == SENT and server.connections == 2


def test_one_connection_carries_many_mails(server: MailServer) -> None:
    for number in range(5):
        mailer.send(letter(f"{number}@partner.example"))
    assert server.connections == 1
    assert [mail["To"] for mail in server.mails] == [f"{number}@partner.example" for number in range(5)]


def test_a_connection_that_the_server_left_is_opened_anew(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    mailer.send(letter())
    # It says so in answer to the next mail, of which nothing is under way yet.
    server.says["MAIL"] = ["421 Idle for too long"]
    assert mailer.send(letter()) == SENT and server.connections == 2
    monkeypatch.setattr(connection, "IDLE_SECONDS", -1)
    server.says["NOOP"] = ["421 Idle for too long"]
    assert mailer.send(letter()) == SENT and server.connections == 3
    assert len(server.mails) == 3


@pytest.mark.parametrize(("command", "answer"), [("MAIL", "553 5.7.1 Not your address"), ("RCPT", "530 5.7.0 Sign in")])
def test_a_server_that_refuses_us_keeps_everything(
    server: MailServer, caplog: pytest.LogCaptureFixture, command: str, answer: str
) -> None:
    server.says[command] = [answer]
    with pytest.raises(mailer.MailServerRefusesUs, match=answer) as trouble:
        mailer.send(letter())
    assert not trouble.value.counts
    assert [(each.levelno, answer in each.getMessage()) for each in caplog.records] == [(logging.ERROR, True)]


def test_sign_in_is_with_the_password_of_the_url(
    server: MailServer, choose: Choose, caplog: pytest.LogCaptureFixture
) -> None:
    choose(smtp_url=server.url(who=SIGNED_IN))
    assert mailer.send(letter()) == SENT
    choose(smtp_url=server.url(who="robot:wrong@"))
    with pytest.raises(mailer.MailServerRefusesUs, match="535"):
        mailer.send(letter())
    assert len(server.mails) == 1
    assert "wrong" not in caplog.text


@pytest.mark.parametrize(("scheme", "tls"), [("smtp+starttls", "starttls"), ("smtps", "implicit")])
def test_only_a_certificate_that_is_trusted_and_for_this_host_will_do(
    tmp_path: Path, choose: Choose, caplog: pytest.LogCaptureFixture, scheme: str, tls: str
) -> None:
    with mail_server(tmp_path, tls) as server:
        choose(smtp_url=server.url(scheme, SIGNED_IN, "localhost"))
        with pytest.raises(mailer.MailServerRefusesUs, match="CERTIFICATE_VERIFY_FAILED"):
            mailer.send(letter())
        choose(smtp_ca_file=tmp_path / "certificate.pem")
        assert mailer.send(letter()) == SENT
        choose(smtp_url=server.url(scheme, SIGNED_IN, "127.0.0.1"))
        with pytest.raises(mailer.MailServerRefusesUs, match="CERTIFICATE_VERIFY_FAILED"):
            mailer.send(letter())
        mailer.hang_up()
    assert len(server.mails) == 1
    assert PASSWORD not in caplog.text and quote(PASSWORD, safe="") not in caplog.text


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_no_mail_goes_in_the_clear_where_tls_was_asked_for(server: MailServer, choose: Choose, scheme: str) -> None:
    choose(smtp_url=server.url(scheme))
    with pytest.raises(mailer.MailServerRefusesUs):
        mailer.send(letter())
    assert server.mails == []


def test_a_server_that_is_away_costs_no_attempt(server: MailServer, choose: Choose, tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        choose(smtp_url=f"smtp://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(mailer.MailServerAway) as trouble:
            mailer.probe()
        assert not trouble.value.counts
    choose(smtp_url="", data_dir=tmp_path)
    with pytest.raises(mailer.MailServerAway, match="not started"):
        mailer.send(letter())
    choose(smtp_url=server.url())
    mailer.probe()


def test_a_server_that_says_nothing_is_given_up_in_time(choose: Choose) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        choose(smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}", smtp_timeout=0.2)
        with pytest.raises(mailer.MailServerAway, match="timed out"):
            mailer.send(letter())


def test_the_embedded_server_keeps_mails_and_its_port(tmp_path: Path, choose: Choose) -> None:
    choose(data_dir=tmp_path)
    port = tmp_path / "smtp.port"
    process = Process(sys.executable, "-m", "jobs.mailbox", env=dict(os.environ), log=tmp_path / "mailbox.log")
    for _ in range(2):
        process.start()
        until(_takes_mail, what="the embedded mail server", within=60)
        where = port.read_text()
        # Killed, not asked: what it said it has must be on the disk.
        process.kill()
    process.start()
    until(_takes_mail, what="the embedded mail server", within=60)
    assert port.read_text() == where
    with smtplib.SMTP("127.0.0.1", int(where)) as client, pytest.raises(smtplib.SMTPException):
        client.sendmail("a@b.example", [TO], "x" * 11_000_000)
    assert process.stop() == 0
    mailer.hang_up()
    kept = mailbox.Maildir(tmp_path / "mail", create=False)
    assert {(mail["To"], mail["Delivered-To"]) for mail in kept} == {(TO, TO)} and len(kept) == 3


def _takes_mail() -> bool:
    try:
        return mailer.send(letter()) == SENT
    except mailer.MailServerAway:
        return False
