"""The other mails: digests, messages to contacts, reset links."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models import (
    Card,
    Contact,
    Database,
    Delivery,
    DeliveryStatus,
    LinkPurpose,
    Membership,
    MembershipStatus,
    Notification,
    now,
)
from tests.mail_server import MailServer
from tests.mailing import BASE, deliver, link_in, newest, part
from tests.people import Person, Team, make_card, make_guest
from workflows.activate import ask_reset, find_link
from workflows.converse import say, write_to_contact
from workflows.notify import mute
from workflows.revoke import remove
from workflows.tokens import message_answered, read_unsubscribe


def test_r22_unread_notifications_are_gathered_in_one_mail(database: Database, team: Team, server: MailServer) -> None:
    guest = told(database, team, "Look at this <b>now</b>", "And at that")
    delivery_id = newest(database)
    assert deliver(database, delivery_id) is DeliveryStatus.SENT
    (mail,) = server.mails
    assert mail["To"] == guest.email and mail["X-Guestlist-Template"] == "notification"
    assert "And at that" in part(mail, "plain") and "Oak table" in part(mail, "plain")
    assert "&lt;b&gt;now" in part(mail, "html") and "<b>now" not in part(mail, "html")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    token = mail["List-Unsubscribe"].removeprefix(f"<{BASE}/unsubscribe/").removesuffix(">")
    assert read_unsubscribe(token) == guest.user_id
    with database.reading() as session:
        assert all(each.mailed_at for each in session.scalars(select(Notification)))
    assert deliver(database, delivery_id) is DeliveryStatus.SENT
    assert len(server.mails) == 1


@pytest.mark.parametrize("why", ["revoked", "removed", "read", "muted", "card deleted"])
def test_r22_what_is_not_to_be_seen_any_more_is_not_mailed(
    database: Database, team: Team, server: MailServer, why: str
) -> None:
    guest = told(database, team, "Look at this")
    with database.transaction() as session:
        notification = session.scalars(select(Notification)).one()
        membership = session.get_one(Membership, guest.membership_id)
        match why:
            case "revoked":
                session.connection().exec_driver_sql("UPDATE grants SET revoked_at = granted_at")
            case "removed":
                remove(session, [guest.membership_id], by=session.get_one(Membership, team.admin.membership_id))
            case "read":
                notification.read_at = now()
            case "muted":
                mute(session, membership.user_id)
            case "card deleted":
                notification.card.deleted_at = now()
    assert deliver(database, newest(database)) is DeliveryStatus.CANCELLED
    assert server.mails == []


def told(database: Database, team: Team, *texts: str) -> Person:
    """Give a guest a card by messages, the quiet time being over."""
    guest, lead = make_guest(database, team), make_card(database, team)
    with database.transaction() as session:
        by, card = session.get_one(Membership, team.admin.membership_id), session.get_one(Card, lead.id)
        for text in texts:
            say(session, card, by=by, text=text, to=[guest.membership_id])
    return guest


def test_r32_a_contact_is_mailed_what_was_written(database: Database, team: Team, server: MailServer) -> None:
    delivery_id = written_to_contact(database, team)
    assert deliver(database, delivery_id) is DeliveryStatus.SENT
    (mail,) = server.mails
    assert mail["To"] == "elena@client.example" and message_answered(mail["Reply-To"]) is not None
    assert "Monday?\n\nYours" in part(mail, "plain").replace("\r", "") and "Ada Admin" in part(mail, "html")
    # The card's name is the company's own business.
    assert "Oak table" not in mail.as_string()


def test_g6_what_a_removed_author_wrote_is_not_mailed(database: Database, team: Team, server: MailServer) -> None:
    delivery_id = written_to_contact(database, team)
    with database.transaction() as session:
        session.get_one(Membership, team.admin.membership_id).status = MembershipStatus.DELETED
    assert deliver(database, delivery_id) is DeliveryStatus.CANCELLED
    assert server.mails == []


def written_to_contact(database: Database, team: Team) -> int:
    lead = make_card(database, team)
    with database.transaction() as session:
        card = session.get_one(Card, lead.id)
        card.contact = Contact(account_id=team.id, name="Elena Ruiz", email="elena@client.example")
        session.flush()
        by = session.get_one(Membership, team.admin.membership_id)
        write_to_contact(session, card, by=by, text="Deliver on Monday?\n\nYours")
    return newest(database)


def test_a_reset_link_is_mailed_and_dies_in_time(
    database: Database, team: Team, server: MailServer, choose: Callable[..., None]
) -> None:
    choose(reset_hours=3)
    with database.transaction() as session:
        ask_reset(session, team.member.email)
    assert deliver(database, newest(database)) is DeliveryStatus.SENT
    (mail,) = server.mails
    with database.transaction() as session:
        link = find_link(session, link_in(mail, "/password/reset"), LinkPurpose.RESET)
        assert timedelta(hours=2) < link.expires_at - now() <= timedelta(hours=3)
        ask_reset(session, team.member.email)
        session.flush()
        session.execute(update(Delivery).values(queued_at=now() - timedelta(hours=3)))
    assert deliver(database, newest(database)) is DeliveryStatus.CANCELLED
