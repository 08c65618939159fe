"""What others may have written steers no terminal: neither by names, nor by the words of other servers (R60, R73)."""

import logging
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from guestlist import cli
from jobs.doctor import Line
from models import Card, Database, Grant, Job, JobStatus, Membership, now
from models.logs import Lines, PlainLines
from tests.people import make_card, make_guest, make_team
from tests.terminal import refusal
from workflows.converse import say

# A title, a colour, a page wiped, the same by one character, writing that turns, and a return that overwrites.
STEERING = "\x1b]0;title\x07\x1b[31mred\x1b[2J\x9b31m\u202eturned\rover"

LONG_AGO = now() - timedelta(days=1)


def test_r60_a_cards_name_steers_no_terminal(database: Database) -> None:
    dangling(database, f"Oak {STEERING}")
    ended = CliRunner().invoke(cli, ["sweep"], obj=lambda: database, color=True)
    assert r"on “Oak \x1b]0;title\x07" in ended.stdout
    assert is_harmless(ended.stdout)


@pytest.mark.parametrize("name", ["0001-01-01", "9999-12-31T23:59", "20260101"])
def test_r60_a_card_that_is_called_by_a_day_keeps_its_name(database: Database, name: str) -> None:
    dangling(database, name)
    ended = CliRunner().invoke(cli, ["sweep"], obj=lambda: database)
    assert f"on “{name}”" in ended.stdout


def test_r73_a_mail_servers_words_steer_no_terminal(database: Database) -> None:
    with database.transaction() as session:
        session.add(Job(actor="expire", status=JobStatus.DEAD, last_error=f"MailTrouble: 451 {STEERING}"))
    ended = CliRunner().invoke(cli, ["jobs", "list"], obj=lambda: database, color=True)
    assert r"451 \x1b]0;title\x07" in ended.stdout
    assert is_harmless(ended.stdout)


def test_the_doctor_steers_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.doctor.examine", lambda *_: [Line("mail server", is_well=False, says=STEERING)])
    assert is_harmless(CliRunner().invoke(cli, ["doctor"]).stdout)


def test_a_refusal_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert is_harmless(refusal(capsys, f"sweep{STEERING}"))


def test_the_log_steers_no_terminal() -> None:
    about = (ValueError, ValueError(STEERING), None)
    record = logging.LogRecord("jobs.mail", logging.ERROR, "", 0, "it said %s", (STEERING,), about)
    for lines in (Lines(), PlainLines()):
        assert is_harmless(lines.format(record))


def dangling(database: Database, card_name: str) -> None:
    """Leave a grant of a card with this name open past its end."""
    team = make_team(database)
    guest, card = make_guest(database, team), make_card(database, team)
    with database.transaction() as session:
        # As it was kept when names were still taken as they came.
        session.execute(update(Card).where(Card.id == card.id).values(name=card_name))
        admin = session.get_one(Membership, team.admin.membership_id)
        say(session, session.get_one(Card, card.id), by=admin, text="Look", to=[guest.membership_id])
        session.execute(update(Grant).where(Grant.card_id == card.id).values(ends_at=LONG_AGO))


def is_harmless(said: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in said)
