"""What an admin sees of an invitation whose mail the mail server does not take, for good or for now."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from models import Delivery
from tests.inviting import Admin, activate, fresh, token_path
from tests.mail_server import DROP, MailServer, mail_server
from tests.process import until
from tests.stack import Stack

NOBODY = "550 5.1.1 Nobody has this address"


@pytest.fixture
def server(stack: Stack, tmp_path: Path) -> Iterator[MailServer]:
    """A mail server with a will of its own, in the place of the embedded one."""
    stack.idle()
    port = stack.home / "smtp.port"
    usual = port.read_text()
    with mail_server(tmp_path) as moody:
        port.write_text(f"{moody.port}\n")
        yield moody
        stack.idle()
        port.write_text(usual)


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_r2_an_address_refused_for_good_is_shown_as_failed(stack: Stack, server: MailServer, command: str) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    server.says[command] = [NOBODY]

    assert admin.invite(nora).status_code == 303

    admin.sees(nora, "failed")
    stack.idle()
    assert not server.mails, "it is not tried again"
    assert NOBODY in admin.browser.get(f"{admin.team.path}/audit").text

    # Once the mailbox is there, the admin sends it again.
    assert admin.resend(nora).status_code == 303
    admin.sees(nora, "sent")
    assert activate(stack, token_path(server.mails[0])).status_code == 303


@pytest.mark.parametrize("trouble", [{"RCPT": ["451 4.2.1 Later"] * 2}, {"DATA": ["452 Full"]}, {"MAIL": ["421 Busy"]}])
def test_r2_a_passing_trouble_is_tried_again(stack: Stack, server: MailServer, trouble: dict[str, list[str]]) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    server.says |= {command: list(answers) for command, answers in trouble.items()}

    assert admin.invite(nora).status_code == 303

    admin.sees(nora, "sent")
    assert not any(server.says.values()), "all of it was met"
    assert [mail["To"] for mail in server.mails] == [nora]
    assert server.mails[0]["Message-ID"] == mail_id(stack, nora)
    assert activate(stack, token_path(server.mails[0])).status_code == 303


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_g2_an_answer_without_an_end_is_the_trouble_of_that_mail_alone(
    stack: Stack, server: MailServer, command: str
) -> None:
    nora, max_, admin = fresh(), fresh("max"), Admin(stack, stack.account())
    server.says[command] = [f"250 {'x' * 9000}"] * 2
    before = stack.process("work").log().count("all mail waits")

    for each in (nora, max_):
        assert admin.invite(each).status_code == 303
        admin.sees(each, "sent")

    assert not any(server.says.values()), "all of it was met"
    assert stack.process("work").log().count("all mail waits") == before


def test_r2_a_servers_words_are_kept_whatever_they_hold(stack: Stack, server: MailServer) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    server.says["RCPT"] = ["451 Later \x00\x1b[2J", f"{NOBODY} \x00\x1b[2J {'x' * 400}"]

    assert admin.invite(nora).status_code == 303

    admin.sees(nora, "failed")
    assert rf"{NOBODY} \x00\x1b[2J xxx" in admin.browser.get(f"{admin.team.path}/audit").text


def test_g3_a_mail_that_went_twice_is_the_very_same_mail(stack: Stack, server: MailServer) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    server.says["DATA"] = [DROP]

    admin.invite(nora)

    until(lambda: len(server.mails) == 2, what="the second try")
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"] == mail_id(stack, nora)
    assert token_path(first) == token_path(second)
    admin.sees(nora, "sent")


def mail_id(stack: Stack, email: str) -> str:
    with stack.database.reading() as session:
        return session.scalars(select(Delivery.mail_id).where(Delivery.to_address == email)).one()
