"""Undoing a removal while anything else happens: nothing is left half done, and revocation wins (R56, R58)."""

from functools import partial

from sqlalchemy import func, select

from models import AuditEvent, Event, Grant, Membership, MembershipStatus, User
from tests.inviting import Admin, second_admin
from tests.people import Person
from tests.process import until
from tests.removing import (
    REFUSED,
    a_guest_with_two_cards,
    at_once,
    delete_users,
    give,
    left_open,
    plant_grants,
    receipt_of,
    undo,
)
from tests.stack import Stack
from tests.test_cascade import MANY, RESTARTED, closed_so_far

TRIALS = 10


def test_r58_while_the_cascade_runs_it_is_refused_though_workers_are_killed(stack: Stack) -> None:
    team = stack.account()
    admin, guest = stack.client(team.admin), stack.guest(team)
    plant_grants(stack.database, team, guest, MANY)
    work = stack.process("work")
    work.stop()
    try:
        work.start(GUESTLIST_CASCADE_BATCH="10")
        removed = delete_users(admin, team, guest)
        until(lambda: closed_so_far(stack, removed) > 0, what="the cascade to begin")
        while_running = undo(admin, removed)
        work.kill()
        done = closed_so_far(stack, removed)
        while_dead = undo(admin, removed)
        assert [while_running.status_code, while_dead.status_code] == [409, 409]
        assert "still being closed" in while_dead.text
        assert 0 < done == closed_so_far(stack, removed) < MANY
    finally:
        work.kill()
        work.start()
    assert receipt_of(admin, removed, within=RESTARTED)["ended"]["grants"]["rows"] == MANY
    assert left_open(stack.database, guest.membership_id) == {}

    assert undo(admin, removed).status_code == 303

    assert left_open(stack.database, guest.membership_id) == {"membership": 1, "grants": MANY}


def test_r56_deleting_again_while_the_removal_is_undone(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    bea = stack.client(second_admin(stack, team))
    for _ in range(TRIALS):
        receipt_of(admin, removed := delete_users(admin, team, guest))

        undone, again = at_once(partial(undo, admin, removed), partial(delete_users, bea, team, guest))

        assert [undone.status_code, again.status_code] == [303, 303]
        receipt_of(bea, again)
        # Open only if the undoing came after the removal, whose answer then is the receipt of before.
        is_open = again.headers["Location"] == removed.headers["Location"]
        assert holds(stack, guest) == (2 if is_open else 0)
        assert (Admin(stack, team, team.admin).row(guest.email).status == "joined") is is_open
        if not is_open:
            assert undo(admin, again).status_code == 303
        assert stack.client(guest).get(oak.path).is_success


def test_r58_two_at_once_are_one(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    bea = stack.client(second_admin(stack, team))
    for number in range(1, TRIALS + 1):
        receipt_of(admin, removed := delete_users(admin, team, guest))

        answers = at_once(partial(undo, admin, removed), partial(undo, bea, removed))

        assert [each.status_code for each in answers] == [303, 303]
        assert holds(stack, guest) == 2
        told = select(func.count()).where(AuditEvent.event == Event.REMOVAL_UNDONE, AuditEvent.account_id == team.id)
        with stack.database.reading() as session:
            assert session.scalar(told) == number


def test_r58_inviting_while_the_removal_is_undone_leaves_one_membership(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    bea = Admin(stack, team, second_admin(stack, team))
    present = select(func.count()).join_from(Membership, User).where(User.email == guest.email)
    present = present.where(Membership.status != MembershipStatus.DELETED, Membership.account_id == team.id)
    for _ in range(3):
        receipt_of(admin, removed := delete_users(admin, team, guest))

        undone, invited = at_once(partial(undo, admin, removed), partial(bea.invite, guest.email))

        assert {undone.status_code, invited.status_code} == {303, 409}
        with stack.database.reading() as session:
            assert session.scalar(present) == 1
        if undone.status_code == 409:
            assert bea.cancel(guest.email).status_code == 303
            assert undo(admin, removed).status_code == 303


def test_r56_deleting_a_card_while_the_removal_is_undone(stack: Stack) -> None:
    team = stack.account()
    admin, member, guest = stack.client(team.admin), stack.client(team.member), stack.guest(team)
    for _ in range(TRIALS):
        oak = stack.card(team)
        give(member, oak, guest)
        receipt_of(admin, removed := delete_users(admin, team, guest))

        answers = at_once(partial(undo, admin, removed), partial(member.post, f"{oak.path}/delete"))

        assert [each.status_code for each in answers] == [303, 303]
        assert holds(stack, guest) == 0
    assert stack.client(guest).get(oak.path).status_code in REFUSED


def holds(stack: Stack, guest: Person) -> int:
    open_now = select(func.count()).where(Grant.membership_id == guest.membership_id, Grant.revoked_at.is_(None))
    with stack.database.reading() as session:
        return session.scalar(open_now) or 0
