"""Mails, from the wish to a real mail server: what is in them, what holds them back, what the server answers."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select, update

from jobs import mailer
from models import (
    Account,
    Card,
    Contact,
    Database,
    Delivery,
    DeliveryStatus,
    Group,
    Invitation,
    Link,
    LinkPurpose,
    Membership,
    MembershipStatus,
    Notification,
    User,
    now,
    settings,
)
from tests.mail_server import DROP, MailServer, mail_server
from tests.people import Person, Team, make_card, make_guest, make_team
from workflows.activate import ask_reset, find_link
from workflows.address import normalise
from workflows.converse import say, write_to_contact
from workflows.deliver import prepare, settle
from workflows.invite import cancel_invitation, invite
from workflows.notify import mute
from workflows.refusals import BadAddress
from workflows.revoke import remove
from workflows.tokens import read_unsubscribe, sign_unsubscribe, token_for

BASE = "https://guests.example"
NEW = "new@partner.example"


@pytest.fixture
def server(tmp_path: Path, choose: Callable[..., None]) -> Iterator[MailServer]:
    with mail_server(tmp_path) as running:
        choose(smtp_url=running.url(), base_url=BASE, smtp_timeout=2)
        yield running
        mailer.hang_up()


@pytest.fixture
def team(database: Database) -> Team:
    return make_team(database)


def asked(database: Database, team: Team, email: str = NEW, **known: str) -> int:
    """Invite somebody; return the id of the delivery."""
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        invitation = invite(session, by=by, email=email, **({"group": "free"} | known))
        return session.scalars(select(Delivery.id).where(Delivery.invitation_id == invitation.id)).one()


def deliver(database: Database, delivery_id: int) -> DeliveryStatus:
    """Do what the actor does, and return what became of the mail."""
    with database.transaction() as session:
        letter = prepare(session, delivery_id)
    if letter is not None:
        outcome = mailer.send(letter)
        with database.transaction() as session:
            settle(session, delivery_id, outcome, letter=letter)
    return row(database, delivery_id).status


def row(database: Database, delivery_id: int) -> Delivery:
    with database.reading() as session:
        return session.get_one(Delivery, delivery_id)


def newest(database: Database) -> int:
    with database.reading() as session:
        return session.scalars(select(Delivery.id).order_by(Delivery.id.desc()).limit(1)).one()


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def link_in(mail: EmailMessage, path: str) -> str:
    """Return the token of the one link to a path, which both parts of the mail hold."""
    found = set(re.findall(rf"{BASE}{path}/([\w.-]+)", part(mail, "plain")))
    assert found and found <= set(re.findall(rf"{BASE}{path}/([\w.-]+)", part(mail, "html")))
    return found.pop()


def test_r4_a_new_person_is_mailed_their_login_and_a_link(database: Database, team: Team, server: MailServer) -> None:
    delivery_id = asked(database, team)
    assert deliver(database, delivery_id) is DeliveryStatus.SENT
    (mail,) = server.mails
    for kind in ("plain", "html"):
        for wanted in ("Ada Admin", NEW, "7 days", settings().product_text):
            assert wanted in part(mail, kind)
    assert mail["X-Guestlist-Template"] == "invitation-new"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == row(database, delivery_id).mail_id
    assert mail["Date"] and mail["To"] == NEW and mail.get_content_type() == "multipart/alternative"
    assert "Ada Admin" in mail["Subject"]
    with database.reading() as session:
        link = find_link(session, link_in(mail, "/activate"), LinkPurpose.ACTIVATE)
        invitation = session.get_one(Invitation, link.invitation_id)
        assert link.expires_at == invitation.expires_at
        assert (invitation.was_registered, bool(invitation.detected_at)) == (False, True)
        assert invitation.detection_reason


def test_r5_a_known_person_is_mailed_no_token(database: Database, team: Team, server: MailServer) -> None:
    known = make_guest(database, make_team(database))
    assert deliver(database, asked(database, team, known.email)) is DeliveryStatus.SENT
    (mail,) = server.mails
    assert mail["X-Guestlist-Template"] == "invitation-existing"
    for kind in ("plain", "html"):
        text = part(mail, kind)
        assert "login and password remain unchanged" in text and known.email in text and "Ada Admin" in text
        assert f"{BASE}/login?next=%2Fnotifications" in text and "/activate/" not in text
    with database.reading() as session:
        assert session.scalars(select(Link)).all() == []


def test_r3_registered_is_whoever_was_in_any_account_past_or_present(
    database: Database, team: Team, server: MailServer
) -> None:
    past = make_team(database)
    guest = make_guest(database, past)
    with database.transaction() as session:
        session.get_one(Membership, guest.membership_id).status = MembershipStatus.DELETED
        session.get_one(Account, past.id).closed_at = now()
    deliver(database, asked(database, team, guest.email))
    # Invited before, but never set a password: not registered, or they could never get in.
    deliver(database, asked(database, make_team(database)))
    deliver(database, asked(database, team))
    kinds = [mail["X-Guestlist-Template"] for mail in server.mails]
    assert kinds == ["invitation-existing", "invitation-new", "invitation-new"]


def test_r3_the_decision_is_taken_again_at_the_moment_of_sending(
    database: Database, team: Team, server: MailServer
) -> None:
    waiting = asked(database, team)
    server.says["RCPT"] = ["451 4.7.1 later"]
    with pytest.raises(mailer.MailTrouble):
        deliver(database, waiting)
    with database.transaction() as session:
        session.execute(update(User).where(User.email == NEW).values(password_hash="x", mailbox_proved_at=now()))
    deliver(database, waiting)
    assert [mail["X-Guestlist-Template"] for mail in server.mails] == ["invitation-existing"]


def test_g3_a_second_try_sends_the_very_same_mail(database: Database, team: Team, server: MailServer) -> None:
    delivery_id = asked(database, team)
    server.says["DATA"] = [DROP]
    with pytest.raises(mailer.MailTrouble) as trouble:
        deliver(database, delivery_id)
    assert trouble.value.counts
    # The library would have sent it again by itself.
    assert len(server.mails) == 1
    assert deliver(database, delivery_id) is DeliveryStatus.SENT
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert part(first, "plain") == part(second, "plain")
    with database.reading() as session:
        assert len(session.scalars(select(Link)).all()) == 1


def cancelled(session, invitation: Invitation, by: Membership) -> None:
    cancel_invitation(session, invitation.id, by=by)


def expired(_, invitation: Invitation, by: Membership) -> None:  # noqa: ARG001
    invitation.expires_at = now() - timedelta(seconds=1)


def inviter_demoted(_, invitation: Invitation, by: Membership) -> None:  # noqa: ARG001
    by.group = Group.MEMBER


def inviter_removed(_, invitation: Invitation, by: Membership) -> None:  # noqa: ARG001
    by.status = MembershipStatus.DELETED


def invitee_removed(_, invitation: Invitation, by: Membership) -> None:  # noqa: ARG001
    invitation.membership.status = MembershipStatus.DELETED


def account_closed(_, invitation: Invitation, by: Membership) -> None:  # noqa: ARG001
    by.account.closed_at = now()


@pytest.mark.parametrize(
    "change", [cancelled, expired, inviter_demoted, inviter_removed, invitee_removed, account_closed]
)
@pytest.mark.parametrize("is_under_way", [False, True])
def test_r56_an_invitation_that_is_over_is_not_mailed(
    database: Database, team: Team, server: MailServer, change: Callable[..., None], is_under_way: bool
) -> None:
    delivery_id = asked(database, team)
    if is_under_way:
        server.says["RCPT"] = ["451 4.7.1 later"]
        with pytest.raises(mailer.MailTrouble):
            deliver(database, delivery_id)
    with database.transaction() as session:
        invitation = session.get_one(Invitation, row(database, delivery_id).invitation_id)
        change(session, invitation, session.get_one(Membership, team.admin.membership_id))
    assert deliver(database, delivery_id) is DeliveryStatus.CANCELLED
    assert server.mails == []


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
    assert mail["To"] == "elena@client.example" and mail["Reply-To"] == settings().mail_from
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


def test_names_are_neither_headers_nor_markup_nor_links(database: Database, team: Team, server: MailServer) -> None:
    name = "Eve\r\nBcc: all@evil.example <b>\u202eLook</b> https://evil.example/win"
    with database.transaction() as session:
        session.get_one(User, team.admin.user_id).name = name
        session.get_one(Account, team.id).name = "www.evil.example\n\n" + "x" * 180
    assert deliver(database, asked(database, team)) is DeliveryStatus.SENT
    (mail,) = server.mails
    assert mail["Bcc"] is None and len(mail["Subject"]) <= 150
    for kind in ("plain", "html"):
        text = part(mail, kind)
        assert "evil.example" not in text and "evil\u200c.example" in text and "\u202e" not in text
        assert "&lt;b&gt;" in text if kind == "html" else "<b>" in text


def test_r7_addresses_take_one_form() -> None:
    assert normalise("  Ann.O'Neil+Tag@EXAMPLE.com ") == "ann.o'neil+tag@example.com"
    assert normalise("ann@B\u00fccher.example") == normalise("ANN@xn--bcher-kva.EXAMPLE") == "ann@xn--bcher-kva.example"
    longest = "a" * 64 + "@" + ".".join(["b" * 63, "c" * 63, "d" * 57]) + ".de"
    assert len(longest) < 255 and normalise(longest) == longest


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "nothing"),
        ("nobody", "@"),
        ("a@b@example.com", "@"),
        ("a..b@example.com", "two periods"),
        ("a@example", "period"),
        ("a@example.com, b@example.com", "one address"),
        ("a@example.com;b@example.com", "one address"),
        ("a@example.com b@example.com", "one address"),
        ("Ann <ann@example.com>", "without a name"),
        ("ann@example.com\r\nBcc: all@example.com", "line break"),
        ("ann\x00@example.com", "control"),
        ("\u202eann@example.com", "control"),
        ("ann\udc00@example.com", "control"),
        ('"ann lee"@example.com', "quotation"),
        ("ann@[127.0.0.1]", "IP address"),
        ("j\u00fcrgen@example.com", "accents"),
        ("a" * 65 + "@example.com", "too long"),
        ("\u00e9" * 130 + "@example.com", "254 octets"),
        ("a@" + "b." * 5000 + "com", "254 octets"),
    ],
)
def test_r7_what_cannot_be_mailed_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        normalise(typed)
    assert reason in refusal.value.sentence
    assert refusal.value.sentence.isprintable() and len(refusal.value.sentence) < 320


def test_tokens_are_ours_alone(choose: Callable[..., None]) -> None:
    choose(secret_key="one key")
    token, signed = token_for(LinkPurpose.ACTIVATE, "<1@a>"), sign_unsubscribe(7)
    others = {token_for(LinkPurpose.RESET, "<1@a>"), token_for(LinkPurpose.ACTIVATE, "<2@a>")}
    assert len(token) == 43 and token not in others and token_for(LinkPurpose.ACTIVATE, "<1@a>") == token
    assert read_unsubscribe(signed) == 7
    for forged in ("", "7", f"8{signed[1:]}", signed[:-2], "x" * 1_000_000, "\u00fc.\u00fc"):
        assert read_unsubscribe(forged) is None
    choose(secret_key="another key")
    assert token_for(LinkPurpose.ACTIVATE, "<1@a>") != token and read_unsubscribe(signed) is None
