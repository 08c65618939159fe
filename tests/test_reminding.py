"""A reminder comes once, halfway through an invitation that nobody has answered (R11)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models import Database, Delivery, DeliveryStatus, Invitation, Membership, Template, enqueue, now
from tests.inviting import Admin, activate, fresh, text_of, token_path
from tests.mail_server import MailServer
from tests.mailing import deliver, newest, part
from tests.people import Team, make_guest, make_team
from tests.rows import invitation_to
from tests.stack import Stack
from workflows.invite import cancel_invitation, resend_invitation
from workflows.remind import remind

DAY = timedelta(days=1)


def test_r11_a_new_person_is_reminded_once_with_a_link_that_works(stack: Stack) -> None:
    admin, nora = Admin(stack, stack.account()), fresh()
    admin.invite(nora)
    invitation_id = admin.sees(nora, "sent").invitation_id
    look(stack)
    assert len(stack.mails_now(nora)) == 1, "it is not halfway yet"
    halve(stack.database, invitation_id)

    # As by several hosts at once.
    look(stack)
    look(stack)

    (reminder,) = stack.mails(nora, template="reminder")
    assert len(stack.mails_now(nora)) == 2
    assert "Ada Admin" in reminder["Subject"] and "3 more days" in text_of(reminder)
    assert admin.row(nora).status == "sent"
    assert activate(stack, token_path(reminder)).status_code == 303
    admin.sees(nora, "joined")


def test_r6_a_registered_person_is_reminded_without_a_token(database: Database, server: MailServer) -> None:
    team = make_team(database)
    known = make_guest(database, make_team(database)).email
    ids = [asked(database, team, email) for email in (known, fresh())]
    for each in ids:
        halve(database, each)
    queued = remind_all(database)
    assert len(queued) == 2
    for each in queued:
        assert deliver(database, each) is DeliveryStatus.SENT
    to_known, to_new = server.mails[-2:]
    assert to_known["X-Guestlist-Template"] == to_new["X-Guestlist-Template"] == "reminder"
    for kind in ("plain", "html"):
        assert "/activate/" not in part(to_known, kind) and "/activate/" in part(to_new, kind)
        assert "login and password remain unchanged" in part(to_known, kind)
        assert "unchanged" not in part(to_new, kind)


@pytest.mark.parametrize("ending", ["accepted", "cancelled", "removed", "sent again"])
def test_r11_what_is_over_when_the_reminder_would_leave_is_not_reminded_of(
    database: Database, team: Team, server: MailServer, ending: str
) -> None:
    invitation_id = asked(database, team, fresh())
    halve(database, invitation_id)
    (queued,) = remind_all(database)
    with database.transaction() as session:
        invitation = session.get_one(Invitation, invitation_id)
        by = session.get_one(Membership, team.admin.membership_id)
        match ending:
            case "accepted":
                invitation.status = "accepted"
            case "cancelled":
                cancel_invitation(session, invitation_id, by=by)
            case "removed":
                invitation.membership.status = "deleted"
            case "sent again":
                resend_invitation(session, invitation_id, by=by)
    assert deliver(database, queued) is DeliveryStatus.CANCELLED
    assert len(server.mails) == 1


def test_r11_sending_again_begins_the_half_anew(database: Database, team: Team, server: MailServer) -> None:  # noqa: ARG001
    invitation_id = asked(database, team, fresh())
    halve(database, invitation_id)
    assert len(remind_all(database)) == 1
    with database.transaction() as session:
        resend_invitation(session, invitation_id, by=session.get_one(Membership, team.admin.membership_id))
    assert deliver(database, newest(database)) is DeliveryStatus.SENT
    assert remind_all(database) == []
    halve(database, invitation_id)
    assert len(remind_all(database)) == 1


def test_r11_looks_at_the_same_moment_remind_once(database: Database, team: Team, server: MailServer) -> None:  # noqa: ARG001
    for _ in range(5):
        halve(database, asked(database, team, fresh()))
    with ThreadPoolExecutor(4) as hosts:
        queued = [each.result() for each in [hosts.submit(remind_all, database) for _ in range(4)]]
    with database.reading() as session:
        reminded = session.scalars(select(Delivery.invitation_id).where(Delivery.template == Template.REMINDER)).all()
    assert len(reminded) == len(set(reminded)) == 5
    assert any(queued)


def test_r11_nobody_is_reminded_of_a_mail_that_never_came(database: Database, team: Team) -> None:
    with database.transaction() as session:
        invitation_id = invitation_to(session, team, fresh()).id
    halve(database, invitation_id)
    assert remind_all(database) == []
    with database.transaction() as session:
        session.execute(update(Delivery).values(status=DeliveryStatus.BOUNCED))
    assert remind_all(database) == []


def test_r9_reminders_count_among_the_mails_of_a_day(
    database: Database,
    server: MailServer,  # noqa: ARG001
    choose: Callable[..., None],
) -> None:
    choose(mails_per_recipient_day=3)
    nora = fresh()
    for _ in range(3):
        halve(database, asked(database, make_team(database), nora))
    assert remind_all(database) == [], "three mails came today"
    yesterday(database)
    assert len(remind_all(database)) == 3, "one after another"
    yesterday(database)
    assert remind_all(database) == []


def asked(database: Database, team: Team, email: str) -> int:
    """Invite somebody, and have the mail sent."""
    with database.transaction() as session:
        invitation_id = invitation_to(session, team, email).id
    assert deliver(database, newest(database)) is DeliveryStatus.SENT
    return invitation_id


def halve(database: Database, invitation_id: int) -> None:
    """Let half of an invitation's life be over."""
    with database.transaction() as session:
        session.get_one(Invitation, invitation_id).expires_at = now() + 3 * DAY - timedelta(minutes=1)


def yesterday(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(Delivery).values(queued_at=now() - 2 * DAY))


def look(stack: Stack) -> None:
    """Let the clock's job come by."""
    with stack.database.transaction() as session:
        enqueue(session, "remind")
    stack.idle()


def remind_all(database: Database) -> list[int]:
    """Do what the job does until nothing is due; return the mails that it queued."""
    queued = select(Delivery.id).where(Delivery.template == Template.REMINDER, Delivery.status == DeliveryStatus.QUEUED)
    with database.reading() as session:
        before = set(session.scalars(queued))
    is_more = True
    while is_more:
        with database.transaction() as session:
            is_more = remind(session)
    with database.reading() as session:
        return sorted(set(session.scalars(queued)) - before)
