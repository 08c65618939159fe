"""An invitation ends with its time: on use at once, and by the clock's job (R11)."""

from datetime import timedelta

from sqlalchemy import select

from models import AuditEvent, Event, Invitation, InvitationStatus, Link, enqueue, now
from tests.inviting import Admin, activate, fresh, invitation, invited
from tests.process import until
from tests.stack import Stack
from workflows.close import expire_invitations

SOON = timedelta(milliseconds=50)


def test_r11_expiry_is_enforced_on_use(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    path = invited(stack, admin, nora)
    invitation_id = admin.row(nora).invitation_id
    expire(stack, invitation_id)

    assert stack.client().get(path).status_code == 410
    assert activate(stack, path).status_code == 410
    assert admin.row(nora).status == "expired"
    assert admin.resend(nora).status_code == 409
    assert invitation(stack, invitation_id).status is InvitationStatus.PENDING, "no sweep has come by"


def test_r11_a_registered_person_joins_by_no_expired_invitation(stack: Stack) -> None:
    known, admin = stack.guest(stack.account()), Admin(stack, stack.account())
    admin.invite(known.email)
    expire(stack, admin.sees(known.email, "sent").invitation_id)
    assert admin.team.slug not in stack.client(known).get("/accounts").text
    assert admin.row(known.email).status == "expired"


def test_r11_the_clocks_job_expires_what_is_past_its_time_and_nothing_else(stack: Stack) -> None:
    late, early, admin = fresh(), fresh(), Admin(stack, stack.account())
    invited(stack, admin, late)
    alive = invited(stack, admin, early)
    late_id, early_id = admin.row(late).invitation_id, admin.row(early).invitation_id
    expire(stack, late_id)

    with stack.database.transaction() as session:
        enqueue(session, "expire", not_before=now() + SOON)

    until(lambda: invitation(stack, late_id).status is InvitationStatus.EXPIRED, what="the job")
    assert admin.row(late).status == "expired"
    assert stack.client().get(alive).status_code == 200
    assert invitation(stack, early_id).status is InvitationStatus.PENDING
    with stack.database.reading() as session:
        assert not session.scalars(select(Link).where(Link.invitation_id == late_id, Link.revoked_at.is_(None))).all()
        told = (AuditEvent.event == Event.INVITATION_EXPIRED, AuditEvent.object_id.in_([late_id, early_id]))
        assert [each.object_id for each in session.scalars(select(AuditEvent).where(*told))] == [late_id]


def test_r11_what_expired_is_not_said_to_be_cancelled(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    invited(stack, admin, nora)
    expire(stack, invitation_id := admin.row(nora).invitation_id)
    with stack.database.transaction() as session:
        assert expire_invitations(session)

    answer = admin.browser.post(f"{admin.team.path}/settings/invitations/{invitation_id}/cancel")

    assert f"The invitation of {nora} had expired before" in admin.browser.follow(answer).text
    assert invitation(stack, invitation_id).status is InvitationStatus.EXPIRED


def test_r11_who_let_it_expire_is_invited_again(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    old = invited(stack, admin, nora)
    expire(stack, admin.row(nora).invitation_id)

    new = invited(stack, admin, nora)

    assert admin.sees(nora, "sent").status == "sent"
    assert [stack.client().get(path).status_code for path in (old, new)] == [410, 200]


def expire(stack: Stack, invitation_id: int) -> None:
    # Its links alone would refuse as well: they are left as they were, to see that the invitation decides.
    with stack.database.transaction() as session:
        session.get_one(Invitation, invitation_id).expires_at = now() - SOON
