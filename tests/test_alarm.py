"""Whoever can mend it is mailed when a sweep finds something of high severity, once for what is new (R63)."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from models import Database, Delivery, DeliveryStatus, Grant, Membership, MembershipStatus, Template, Tick, now
from tests.mail_server import MailServer
from tests.mailing import BASE, deliver, part
from tests.people import Person, Team, make_card, make_guest, make_team
from tests.rows import World, share
from workflows.sweep import repair_all, sweep_now

AN_HOUR = timedelta(hours=1)


def test_r63_admins_are_mailed_once_about_what_is_new(database: Database, team: Team, server: MailServer) -> None:
    other = make_team(database)
    plant(database, team)
    sweep = sweep_now(database)
    (first,) = queued(database)
    assert deliver(database, first) is DeliveryStatus.SENT
    (mail,) = server.mails
    assert mail["To"] == team.admin.email and mail["X-Guestlist-Template"] == "findings"
    assert f"{BASE}{team.path}/sweeps/{sweep.id}" in part(mail, "plain")
    assert "of high severity" in mail["Subject"]
    assert other.slug not in mail.as_string()

    sweep_now(database)
    assert queued(database) == [], "the same again is no news"
    plant(database, team)
    sweep_now(database)
    assert len(queued(database)) == 1, "another one is"


def test_r63_what_was_mended_and_comes_again_is_news(database: Database, team: Team, server: MailServer) -> None:
    guest = plant(database, team)
    sweep = sweep_now(database)
    with database.transaction() as session:
        repair_all(session, sweep.id)
    (first,) = queued(database)
    deliver(database, first)
    assert "All of it has been mended since." in part(server.mails[0], "plain")
    with database.transaction() as session:
        session.scalars(select(Grant).where(Grant.membership_id == guest.membership_id)).one().revoked_at = None
    sweep_now(database)
    assert len(queued(database)) == 1


def test_r63_who_is_no_admin_any_more_is_not_mailed(database: Database, team: Team, server: MailServer) -> None:
    plant(database, team)
    sweep_now(database)
    (waiting,) = queued(database)
    with database.transaction() as session:
        session.get_one(Membership, team.admin.membership_id).status = MembershipStatus.DELETED
    assert deliver(database, waiting) is DeliveryStatus.CANCELLED
    assert server.mails == []


def test_r63_operators_are_mailed_about_what_is_no_accounts(
    database: Database, team: Team, server: MailServer, choose: Callable[..., None]
) -> None:
    choose(operators="olga@ops.example")
    at = now()
    with database.transaction() as session:
        session.add(Tick(schedule="sweep-access", due_at=at - 3 * AN_HOUR, overdue_at=at - AN_HOUR))
    sweep_now(database)
    (first,) = queued(database)
    assert deliver(database, first) is DeliveryStatus.SENT
    assert server.mails[0]["To"] == "olga@ops.example"
    assert "No sweep of access has succeeded" in part(server.mails[0], "plain")
    assert team.slug not in server.mails[0].as_string()


def test_a_clean_sweep_mails_nobody(database: Database, team: Team) -> None:  # noqa: ARG001
    sweep_now(database)
    assert queued(database) == []


def plant(database: Database, team: Team) -> Person:
    """Leave a grant open of somebody whose membership is gone."""
    guest, card = make_guest(database, team), make_card(database, team)
    with database.transaction() as session:
        share(session, World(team, team, card, card), guest)
    with database.transaction() as session:
        membership = session.get_one(Membership, guest.membership_id)
        membership.status, membership.deleted_at = MembershipStatus.DELETED, now().replace(year=now().year - 1)
    return guest


def queued(database: Database) -> list[int]:
    of = select(Delivery.id).where(Delivery.template == Template.FINDINGS, Delivery.status == DeliveryStatus.QUEUED)
    with database.reading() as session:
        return list(session.scalars(of))
