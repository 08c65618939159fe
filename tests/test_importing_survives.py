"""A list whose worker is killed, that is cancelled, or whose admin loses the right, ends as it should (R12)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models import (
    AuditEvent,
    Database,
    Delivery,
    Group,
    Import,
    ImportRow,
    Invitation,
    InvitationStatus,
    Membership,
    RowStatus,
    now,
)
from tests.importing import Importer, listed, people
from tests.inviting import fresh, second_admin
from tests.people import make_team
from tests.process import until
from tests.removing import receipt_of
from tests.stack import Stack
from workflows.enlist import advance_import, cancel_import, confirm_import, resume_import
from workflows.invite import cancel_invitation, invite
from workflows.purge import purge_lists
from workflows.refusals import ImportOver
from workflows.revoke import remove

MANY, VERY_MANY = 150, 1500
# Workers that start again on a busy machine take a while.
RESTARTED = 60


def test_r12_what_is_cancelled_invites_no_more_until_it_is_resumed(stack: Stack) -> None:
    admin, crowd = Importer(stack, stack.account()), [fresh() for _ in range(MANY)]
    with_small_steps(stack)
    try:
        path = admin.check(people(*crowd))
        admin.confirm(path)
        until(lambda: invited_so_far(stack, path), what="the import to be under way")
        assert admin.stop(path).status_code == 303
    finally:
        stack.process("work").kill()
        stack.process("work").start()

    done = invited_so_far(stack, path)

    stack.wait_for_work()
    stack.idle(within=RESTARTED)
    assert 0 < invited_so_far(stack, path) == done < MANY
    assert admin.status(path) == "cancelled"
    told = [row["result"] for row in admin.table(path)]
    assert told == ["invited"] * done + ["cancelled"] * (MANY - done)
    assert f"{done} of {MANY}" in admin.browser.get(path).text
    assert admin.confirm(path).status_code == 409, "what is over does not begin again"
    assert admin.stop(path).status_code == 303, "cancelling twice is cancelling once"

    assert admin.browser.post(f"{path}/resume").status_code == 303
    admin.ends(path, within=RESTARTED)

    assert [row["result"] for row in admin.table(path)] == ["invited"] * MANY
    with stack.database.reading() as session:
        asked = select(func.count()).where(Invitation.account_id == admin.team.id)
        assert session.scalar(asked) == MANY, "nobody twice"


def test_r12_an_import_goes_on_after_its_worker_was_killed(stack: Stack) -> None:
    admin, crowd = Importer(stack, stack.account()), [fresh() for _ in range(MANY)]
    with_small_steps(stack)
    try:
        path = admin.check(people(*crowd))
        admin.confirm(path)
        until(lambda: invited_so_far(stack, path), what="the import to be under way")
        stack.process("work").kill()
        done = invited_so_far(stack, path)
        assert 0 < done < MANY
        assert f"{done} of {MANY} rows" in admin.browser.get(path).text
    finally:
        stack.process("work").kill()
        stack.process("work").start()

    admin.ends(path, within=RESTARTED)

    assert {each["result"] for each in admin.table(path)} == {"invited"}
    with stack.database.reading() as session:
        mails = select(func.count()).where(Delivery.account_id == admin.team.id)
        assert session.scalar(mails) == MANY


def test_r12_who_loses_the_right_meanwhile_invites_no_more(database: Database, choose: Callable[..., None]) -> None:
    choose(import_batch=2)
    team = make_team(database)
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        import_id = listed(session, admin, *(f"n{number}@people.example" for number in range(5))).id
        confirm_import(session, import_id, by=admin)
    with database.transaction() as session:
        assert advance_import(session, import_id)
    with database.transaction() as session:
        session.get_one(Membership, team.admin.membership_id).group = Group.MEMBER
    with database.transaction() as session:
        assert not advance_import(session, import_id)
    with database.transaction() as session:
        assert not advance_import(session, import_id)

    with database.reading() as session:
        statuses = session.scalars(select(ImportRow.status).order_by(ImportRow.line)).all()
        assert statuses == [RowStatus.INVITED] * 2 + [RowStatus.WAITING] * 3
        ended = select(AuditEvent).where(AuditEvent.object_id == import_id, AuditEvent.event == "import.finished")
        assert session.scalars(ended).one().outcome == "stopped"


def test_r12_the_rows_that_a_removed_admin_leaves_say_why(stack: Stack) -> None:
    admin = Importer(stack, team := stack.account())
    bea = second_admin(stack, team)
    with stack.database.transaction() as session:
        listed_by_bea = listed(session, session.get_one(Membership, bea.membership_id), fresh())
    path = f"{admin.page}/import/{listed_by_bea.id}"
    stack.process("work").stop()
    try:
        assert Importer(stack, team, bea).confirm(path).status_code == 303
        assert admin.delete(bea.membership_id).status_code == 303
    finally:
        stack.process("work").start()

    admin.ends(path, "stopped", within=RESTARTED)

    (row,) = admin.results(path).values()
    assert (row.result, row.reason) == (
        "stopped",
        "The list stopped before the turn of this row came: Bea Admin may not invite any more.",
    )
    assert "may not invite any more" in admin.browser.get(f"{team.path}/audit").text


def test_r56_an_admin_removed_while_their_list_runs_leaves_nothing_open(stack: Stack) -> None:
    admin = Importer(stack, team := stack.account())
    bea = second_admin(stack, team)
    theirs = Importer(stack, team, bea)
    path = theirs.check(people(*(fresh() for _ in range(VERY_MANY))))
    theirs.confirm(path)
    until(lambda: invited_so_far(stack, path), what="the import to be under way")

    removal = admin.delete(bea.membership_id)

    receipt_of(admin.browser, removal, within=RESTARTED)
    stack.idle(within=RESTARTED)
    assert admin.status(path) == "stopped"
    assert 0 < invited_so_far(stack, path) < VERY_MANY
    with stack.database.reading() as session:
        statuses = select(Invitation.status).where(Invitation.inviter_id == bea.membership_id)
        assert set(session.scalars(statuses)) == {InvitationStatus.CANCELLED}
        seats = select(func.count()).where(Membership.account_id == team.id, Membership.status == "invited")
        assert session.scalar(seats) == 0


@pytest.mark.parametrize("end", ["delete", "cancel"])
def test_r56_who_is_removed_while_a_list_runs_is_not_invited_by_it(
    database: Database, choose: Callable[..., None], end: str
) -> None:
    choose(import_batch=2)
    team = make_team(database)
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        found = listed(session, admin, *(f"n{number}@people.example" for number in range(5)))
        confirm_import(session, found.id, by=admin)
        # Another admin invites one of them meanwhile, and thinks better of it; and yesterday's end is no obstacle.
        invitation = invite(session, by=admin, email="n3@people.example", group="free")
        if end == "delete":
            remove(session, [invitation.membership_id], by=admin)
        else:
            cancel_invitation(session, invitation.id, by=admin)
        before = invite(session, by=admin, email="n4@people.example", group="free")
        remove(session, [before.membership_id], by=admin)
        session.get_one(Membership, before.membership_id).deleted_at = now() - timedelta(days=1)
        while advance_import(session, found.id):
            pass
        rows = session.scalars(select(ImportRow).order_by(ImportRow.line)).all()
        assert [row.status for row in rows] == [*[RowStatus.INVITED] * 3, RowStatus.REFUSED, RowStatus.INVITED]
        assert "n3@people.example was removed from this account after this list was confirmed" in rows[3].reason


def test_r12_cancelled_between_two_steps_the_rest_stays(database: Database, choose: Callable[..., None]) -> None:
    choose(import_batch=2)
    team = make_team(database)
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        found = listed(session, admin, *(f"n{number}@people.example" for number in range(5)))
        confirm_import(session, found.id, by=admin)
        assert advance_import(session, found.id)
        cancel_import(session, found.id, by=admin)
        assert not advance_import(session, found.id)
        assert session.scalar(select(func.count(Invitation.id))) == 2


def test_r12_a_list_that_nobody_confirms_is_forgotten(database: Database, choose: Callable[..., None]) -> None:
    choose(job_keep_days=3)
    team = make_team(database)
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        old, young, done = (listed(session, admin, fresh(), fresh()) for _ in range(3))
        old.uploaded_at = done.uploaded_at = now() - timedelta(days=4)
        confirm_import(session, done.id, by=admin)
    with database.transaction() as session:
        while purge_lists(session):
            pass

    with database.reading() as session:
        kept = set(session.scalars(select(Import.id)))
        rows = set(session.scalars(select(ImportRow.import_id)))
    assert kept == rows == {young.id, done.id}


def with_small_steps(stack: Stack) -> None:
    """Let the workers invite one row at a time."""
    work = stack.process("work")
    work.stop()
    work.start(GUESTLIST_IMPORT_BATCH="1")


def invited_so_far(stack: Stack, path: str) -> int:
    which = (ImportRow.import_id == int(path.rpartition("/")[2]), ImportRow.status == RowStatus.INVITED)
    with stack.database.reading() as session:
        return session.scalar(select(func.count()).where(*which)) or 0


def test_r56_who_was_removed_since_is_not_invited_by_a_list_that_is_resumed(
    database: Database, choose: Callable[..., None]
) -> None:
    choose(import_batch=1)
    team = make_team(database)
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        found = listed(session, by, *(f"n{number}@people.example" for number in range(2)))
        with pytest.raises(ImportOver):
            resume_import(session, cancel_import(session, listed(session, by, "x@people.example").id, by=by).id, by=by)
        confirm_import(session, found.id, by=by)
        cancel_import(session, found.id, by=by)
        session.flush()
        gone = invite(session, by=by, email="n1@people.example", group="free")
        cancel_invitation(session, gone.id, by=by)
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        assert resume_import(session, found.id, by=by) is resume_import(session, found.id, by=by)
    with database.transaction() as session:
        while advance_import(session, found.id):
            pass
        rows = (
            select(ImportRow.status, ImportRow.reason).where(ImportRow.import_id == found.id).order_by(ImportRow.line)
        )
        (first, _), (second, reason) = session.execute(rows).all()
    assert (first, second) == (RowStatus.INVITED, RowStatus.REFUSED) and "removed" in reason
