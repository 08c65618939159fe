"""What a removal leaves behind is closed in bounded steps, whatever happens to the workers (R53)."""

from collections.abc import Callable

import httpx
from sqlalchemy import select

from models import Database, Delivery, Grant, Membership, Removal, RemovalStatus, Template
from tests.people import Person, make_guest, make_team
from tests.process import until
from tests.removing import REFUSED, delete_users, give, left_open, plant_grants, receipt_of
from tests.stack import Stack
from workflows.cascade import advance_removal
from workflows.revoke import remove

MANY = 5000
# Workers that start again on a busy machine take a while.
RESTARTED = 60


def test_r53_the_cascade_goes_in_bounded_steps(database: Database, choose: Callable[..., None]) -> None:
    choose(cascade_batch=7)
    team = make_team(database)
    guest = make_guest(database, team)
    plant_grants(database, team, guest, 40)
    with database.transaction() as session:
        removal = remove(session, [guest.membership_id], by=session.get_one(Membership, team.admin.membership_id))

    left = [open_grants(database, guest)]
    is_left = True
    while is_left:
        with database.transaction() as session:
            is_left = advance_removal(session, removal.id)
        left.append(open_grants(database, guest))

    assert all(before - after_ <= 7 for before, after_ in zip(left, left[1:], strict=False))
    assert (left[0], left[-1]) == (40, 0)


def test_r53_the_cascade_goes_on_after_its_worker_was_killed(stack: Stack) -> None:
    team = stack.account()
    admin, guest = stack.client(team.admin), stack.guest(team)
    page = stack.client(guest)
    plant_grants(stack.database, team, guest, MANY)
    work = stack.process("work")
    work.stop()
    try:
        work.start(GUESTLIST_CASCADE_BATCH="10")
        answer = delete_users(admin, team, guest)
        until(lambda: closed_so_far(stack, answer) > 0, what="the cascade to begin")
        work.kill()
        done = closed_so_far(stack, answer)
        assert 0 < done < MANY
        assert f"{done:,} of {MANY + 1:,} closed" in admin.follow(answer).text
        assert admin.get(f"{answer.headers['Location']}/receipt.json").status_code == 404
        assert page.get("/notifications").status_code in REFUSED
    finally:
        work.kill()
        work.start()

    receipt = receipt_of(admin, answer, within=RESTARTED)

    assert receipt["ended"]["grants"]["rows"] == MANY
    assert left_open(stack.database, guest.membership_id) == {}
    assert f">{MANY}<" in admin.follow(answer).text


def test_r53_mail_that_was_queued_is_not_sent(stack: Stack) -> None:
    team = stack.account()
    admin, guest, stays = stack.client(team.admin), stack.guest(team), stack.guest(team)
    stack.process("work").stop()
    try:
        give(admin, stack.card(team), guest, stays)
        answer = delete_users(admin, team, guest)
    finally:
        stack.process("work").start()

    receipt = receipt_of(admin, answer, within=RESTARTED)

    stack.idle()
    assert stack.mails(stays.email, template="notification")
    assert not stack.mails_now(guest.email)
    assert {part: receipt["ended"][part]["rows"] for part in ("notifications", "grants")} == {
        "notifications": 1,
        "grants": 1,
    }
    # By the cascade or by the job that was to send it, whichever comes first.
    with stack.database.reading() as session:
        theirs = select(Delivery.status).where(Delivery.membership_id == guest.membership_id)
        assert session.scalars(theirs.where(Delivery.template == Template.NOTIFICATION)).all() == ["cancelled"]


def open_grants(database: Database, guest: Person) -> int:
    with database.reading() as session:
        return session.query(Grant).filter_by(membership_id=guest.membership_id, revoked_at=None).count()


def closed_so_far(stack: Stack, answer: httpx.Response) -> int:
    removal_id = int(answer.headers["Location"].rpartition("/")[2])
    with stack.database.reading() as session:
        removal = session.get_one(Removal, removal_id)
        assert removal.status is RemovalStatus.RUNNING
        return int(removal.ended.get("grants", {}).get("rows", 0))
