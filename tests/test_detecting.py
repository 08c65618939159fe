"""A worker finds out at the moment of sending whether the invitee is registered, and writes down why (R3)."""

import pytest
from sqlalchemy import update

from models import Account, Invitation, Link, User, now
from tests.inviting import Admin, activate, fresh, invitation, invited
from tests.stack import Stack

NEW, EXISTING = "invitation-new", "invitation-existing"


def decided(stack: Stack, email: str) -> tuple[str, Invitation]:
    """Invite an address into an account of its own; return the mail it got there and what was written down."""
    admin, before = Admin(stack, stack.account()), len(stack.mails_now(email))
    assert admin.invite(email).status_code == 303
    mail = stack.mails(email, count=before + 1)[-1]
    return str(mail["X-Guestlist-Template"]), invitation(stack, admin.sees(email, "sent").invitation_id)


def test_r3_somebody_never_heard_of_is_new(stack: Stack) -> None:
    template, found = decided(stack, fresh())
    assert template == NEW
    assert found.was_registered is False
    assert found.detection_reason == "this mailbox was never proved"
    assert found.detected_at is not None and found.detected_at <= now()


def test_r3_a_guest_of_another_account_is_registered(stack: Stack) -> None:
    template, found = decided(stack, stack.guest(stack.account()).email)
    assert template == EXISTING
    assert found.was_registered is True
    assert "password set" in (found.detection_reason or "")


def test_r3_somebody_removed_from_their_only_account_is_registered(stack: Stack) -> None:
    team = stack.account()
    guest = stack.guest(team)
    assert Admin(stack, team).delete(guest.membership_id).status_code == 303
    stack.idle()
    template, found = decided(stack, guest.email)
    assert (template, found.was_registered) == (EXISTING, True)


def test_r3_somebody_whose_only_account_was_closed_is_registered(stack: Stack) -> None:
    team = stack.account()
    guest = stack.guest(team)
    with stack.database.transaction() as session:
        session.execute(update(Account).where(Account.id == team.id).values(closed_at=now()))
    template, found = decided(stack, guest.email)
    assert (template, found.was_registered) == (EXISTING, True)


@pytest.mark.parametrize("end", ["left waiting", "cancelled", "removed"])
def test_r3_somebody_invited_before_who_never_set_a_password_is_new(stack: Stack, end: str) -> None:
    nora, earlier = fresh(), Admin(stack, stack.account())
    invited(stack, earlier, nora)
    if end == "cancelled":
        earlier.cancel(nora)
    if end == "removed":
        earlier.delete(earlier.row(nora).membership_id)
    stack.idle()
    template, found = decided(stack, nora)
    assert (template, found.was_registered) == (NEW, False)


def test_r3_a_guest_invited_again_after_a_removal_keeps_the_password(stack: Stack) -> None:
    team = stack.account()
    guest, admin = stack.guest(team), Admin(stack, team)
    admin.delete(guest.membership_id)
    stack.idle()

    assert admin.invite(guest.email).status_code == 303

    stack.mails(guest.email, template=EXISTING)
    row = admin.sees(guest.email, "sent")
    assert row.membership_id != guest.membership_id
    assert stack.client(guest).get("/notifications").status_code == 200
    assert admin.row(guest.email).status == "joined"


def test_r3_the_decision_is_taken_again_at_the_moment_of_sending(stack: Stack) -> None:
    nora, first, second = fresh(), Admin(stack, stack.account()), Admin(stack, stack.account())
    path = invited(stack, first, nora)
    stack.process("mailbox").stop()
    try:
        second.invite(nora)
        # She has no password yet, but sets one while the second mail cannot leave.
        assert activate(stack, path).status_code == 303
    finally:
        stack.process("mailbox").start()

    mails = stack.mails(nora, count=2)

    assert [mail["X-Guestlist-Template"] for mail in mails] == [NEW, EXISTING]
    found = invitation(stack, second.sees(nora, "sent").invitation_id)
    assert (found.was_registered, "password set" in (found.detection_reason or "")) == (True, True)
    stack.client().sign_in(nora, "four words nobody guesses")
    assert second.row(nora).status == "joined"


def test_r3_the_link_of_a_second_invitation_never_replaces_the_password(stack: Stack) -> None:
    nora, first, second = fresh(), Admin(stack, stack.account()), Admin(stack, stack.account())
    paths = [invited(stack, admin, nora) for admin in (first, second)]
    assert activate(stack, paths[0]).status_code == 303
    with stack.database.reading() as session:
        chosen = session.get_one(User, invited_user(stack, first, nora)).password_hash

    refused = activate(stack, paths[1], password="somebody else's words here")

    assert refused.status_code == 409
    assert "Sign in" in refused.text
    with stack.database.reading() as session:
        assert session.get_one(User, invited_user(stack, first, nora)).password_hash == chosen
        assert session.query(Link).filter_by(user_id=invited_user(stack, first, nora), used_at=None).count() == 1
    assert second.row(nora).status == "sent"


def invited_user(stack: Stack, admin: Admin, email: str) -> int:
    with stack.database.reading() as session:
        return session.get_one(Invitation, admin.row(email).invitation_id).membership.user_id
