"""Invitation mails, from the wish to a real mail server: what is in them, and what holds them back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from jobs import mailer
from models import (
    Account,
    Database,
    Delivery,
    DeliveryStatus,
    Group,
    Invitation,
    Job,
    JobStatus,
    Link,
    LinkPurpose,
    Membership,
    MembershipStatus,
    User,
    now,
    settings,
)
from tests.mail_server import DROP, MailServer
from tests.mailing import BASE, NEW, deliver, link_in, part, row
from tests.people import Team, make_guest, make_team
from workflows.activate import find_link
from workflows.deliver import give_up
from workflows.invite import cancel_invitation, invite


def asked(database: Database, team: Team, email: str = NEW, **known: str) -> int:
    """Invite somebody; return the id of the delivery."""
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        invitation = invite(session, by=by, email=email, **({"group": "free"} | known))
        return session.scalars(select(Delivery.id).where(Delivery.invitation_id == invitation.id)).one()


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


def test_a_mail_whose_job_is_dead_has_failed_with_its_last_trouble(database: Database, team: Team) -> None:
    delivery_id = asked(database, team)
    trouble = "Traceback ...\n  raise\njobs.mailer.MailTrouble: 451 4.7.1 Come later\n"
    with database.transaction() as session:
        session.execute(update(Job).values(status=JobStatus.DEAD, last_error=trouble))
        give_up(session, delivery_id=delivery_id)
    ended = row(database, delivery_id)
    assert ended.status is DeliveryStatus.FAILED
    assert ended.last_error == "Given up after many attempts. 451 4.7.1 Come later"


@pytest.mark.parametrize("name", ["support@evil.example", "https://evil.example", "evil.example/win", "evil。example"])
def test_a_name_that_is_an_address_is_no_link(database: Database, team: Team, server: MailServer, name: str) -> None:
    with database.transaction() as session:
        session.get_one(User, team.admin.user_id).name = name
        session.get_one(Account, team.id).name = name
    assert deliver(database, asked(database, team)) is DeliveryStatus.SENT
    (mail,) = server.mails
    for told in (mail["Subject"], part(mail, "plain"), part(mail, "html")):
        assert name not in told and "evil\u200c" in told


def test_who_has_no_name_is_shown_by_their_address_as_it_is(database: Database, team: Team, server: MailServer) -> None:
    with database.transaction() as session:
        session.get_one(User, team.admin.user_id).name = ""
        session.get_one(Membership, team.admin.membership_id).name = ""
    assert deliver(database, asked(database, team)) is DeliveryStatus.SENT
    (mail,) = server.mails
    assert mail["Subject"].startswith(f"{team.admin.email} invites you")
    for kind in ("plain", "html"):
        assert team.admin.email in part(mail, kind)


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
