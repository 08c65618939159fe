"""How long a mailed invitation lasts: resending, cancelling, an inviter who may invite no more (R9)."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from models import (
    AuditEvent,
    Database,
    Delivery,
    Group,
    Invitation,
    Link,
    Membership,
    now,
)
from tests.inviting import Admin, activate, fresh, invitation, invited, picture, second_admin, token_path
from tests.people import make_team
from tests.stack import Stack
from workflows.invite import invite
from workflows.refusals import TooMany

DAY = timedelta(days=1, minutes=1)
SOON = timedelta(milliseconds=50)


def test_r9_resending_mails_a_fresh_link(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    invited(stack, admin, nora)
    age(stack, admin.row(nora).invitation_id, timedelta(days=6))

    assert admin.resend(nora).status_code == 303

    first, second = stack.mails(nora, count=2)
    assert token_path(first) != token_path(second)
    assert first["Message-ID"] != second["Message-ID"]
    assert invitation(stack, admin.row(nora).invitation_id).expires_at > now() + timedelta(days=6, hours=23)


def test_r9_all_links_die_together_when_one_is_used(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    first = invited(stack, admin, nora)
    admin.resend(nora)
    second = token_path(stack.mails(nora, count=2)[1])
    assert [stack.client().get(path).status_code for path in (first, second)] == [200, 200]

    assert activate(stack, first).status_code == 303

    for path in (first, second):
        assert stack.client().get(path).status_code == 410
        assert activate(stack, path, password="somebody else's words here").status_code == 410
    assert stack.client().sign_in(nora, "somebody else's words here").status_code == 403


def test_r9_five_resends_a_day_and_no_more(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    invited(stack, admin, nora)
    assert [admin.resend(nora).status_code for _ in range(5)] == [303] * 5
    before = picture_when_idle(stack, admin)

    refused = admin.resend(nora)

    assert refused.status_code == 429
    assert "sent again 5 times within a day" in refused.text
    assert picture_when_idle(stack, admin) == before
    tomorrow(stack, admin, nora)
    assert admin.resend(nora).status_code == 303
    stack.mails(nora, count=7)


def test_r9_five_invitation_mails_a_day_to_one_recipient_over_all_accounts(stack: Stack) -> None:
    nora = fresh()
    admins = [Admin(stack, stack.account()) for _ in range(6)]
    answers = [admin.invite(nora) for admin in admins]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert "within a day" in answers[-1].text
    assert nora not in admins[-1].rows()
    assert admins[0].resend(nora).status_code == 303, "its own mails are held to a limit of their own"
    assert admins[1].resend(nora).status_code == 429, "by now it is five of others"
    stack.mails(nora, count=6)
    stack.idle()
    assert len(stack.mails_now(nora)) == 6


def test_r9_a_hundred_invitations_an_hour_and_no_more(database: Database, choose) -> None:
    choose(invitations_per_hour=3)
    team = make_team(database)

    def ask() -> None:
        with database.transaction() as session:
            invite(session, by=session.get_one(Membership, team.admin.membership_id), email=fresh(), group="free")

    for _ in range(3):
        ask()
    with pytest.raises(TooMany, match="within the hour"):
        ask()
    with database.transaction() as session:
        session.execute(update(Invitation).values(created_at=now() - timedelta(minutes=61)))
    ask()


def test_r9_cancelling_kills_the_links(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    paths = [invited(stack, admin, nora)]
    admin.resend(nora)
    paths.append(token_path(stack.mails(nora, count=2)[1]))
    invitation_id = admin.row(nora).invitation_id

    assert admin.cancel(nora).status_code == 303

    assert admin.row(nora).status == "cancelled"
    assert [stack.client().get(path).status_code for path in paths] == [410, 410]
    assert [activate(stack, path).status_code for path in paths] == [410, 410]
    before = picture_when_idle(stack, admin)
    again = admin.browser.post(f"{admin.team.path}/settings/invitations/{invitation_id}/cancel")
    assert again.status_code == 303, "cancelling twice is the same as cancelling once"
    refused = admin.browser.post(f"{admin.team.path}/settings/invitations/{invitation_id}/resend")
    assert refused.status_code == 409
    assert picture_when_idle(stack, admin) == before


def test_r9_cancelling_stops_mail_that_has_not_left(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    stack.process("mailbox").stop()
    try:
        admin.invite(nora)
        assert admin.cancel(nora).status_code == 303
    finally:
        stack.process("mailbox").start()
    stack.idle()
    assert not stack.mails_now(nora)
    assert admin.row(nora).status == "cancelled"


def test_r9_what_was_accepted_cannot_be_cancelled(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    activate(stack, invited(stack, admin, nora))
    assert admin.cancel(nora).status_code == 409
    assert admin.resend(nora).status_code == 409
    assert admin.row(nora).status == "joined"


@pytest.mark.parametrize("end", ["demoted", "removed", "past their end"])
def test_r9_the_links_die_with_the_inviters_right_to_invite(stack: Stack, end: str) -> None:
    team = stack.account()
    inviter, nora, known = second_admin(stack, team), fresh(), stack.guest(stack.account())
    admin = Admin(stack, team, inviter)
    path = invited(stack, admin, nora)
    admin.invite(known.email)
    admin.sees(known.email, "sent")

    if end == "removed":
        Admin(stack, team).delete(inviter.membership_id)
    else:
        lost = {"group": Group.MEMBER} if end == "demoted" else {"ends_at": now() - SOON}
        with stack.database.transaction() as session:
            session.execute(update(Membership).where(Membership.id == inviter.membership_id).values(**lost))

    assert stack.client().get(path).status_code == 410
    assert activate(stack, path).status_code == 410
    assert stack.client().sign_in(nora, "four words nobody guesses").status_code == 403
    browser = stack.client(known)
    assert team.slug not in browser.get("/accounts").text
    assert Admin(stack, team).row(known.email).status != "joined"


def age(stack: Stack, invitation_id: int, by: timedelta) -> None:
    """Let an invitation, and its links, have lived longer."""
    with stack.database.transaction() as session:
        session.get_one(Invitation, invitation_id).expires_at -= by
        for link in session.scalars(select(Link).where(Link.invitation_id == invitation_id)):
            link.expires_at -= by


def forget_mails(stack: Stack, email: str) -> None:
    with stack.database.transaction() as session:
        session.execute(update(Delivery).where(Delivery.to_address == email).values(queued_at=now() - DAY))


def tomorrow(stack: Stack, admin: Admin, email: str) -> None:
    """Let a day pass for an address: what was counted within a day is forgotten."""
    forget_mails(stack, email)
    resent = update(AuditEvent).where(AuditEvent.object_id == admin.row(email).invitation_id)
    with stack.database.transaction() as session:
        session.execute(resent.where(AuditEvent.account_id == admin.team.id).values(at=now() - DAY))


def picture_when_idle(stack: Stack, admin: Admin) -> dict[str, list[object]]:
    stack.idle()
    return picture(stack, admin.team)
