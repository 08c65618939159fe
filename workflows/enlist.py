"""Invite the people of an uploaded list: check it as a whole, then ask in one batch of rows after another (R12)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, insert, or_, select
from sqlalchemy.orm import Session

from models import (
    Event,
    Group,
    Import,
    ImportRow,
    ImportStatus,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    NewsKind,
    RowStatus,
    User,
    announce,
    enqueue,
    now,
    record,
    settings,
)
from models.language import gettext, speaking
from models.visible import one_line
from workflows.examine import Values
from workflows.invite import ask_in
from workflows.limit import take_turn_to_mail
from workflows.permissions import Action, is_permitted, permit
from workflows.refusals import (
    AlreadyInvited,
    AlreadyMember,
    ImportOver,
    JustRemoved,
    NobodyToInvite,
    NotFound,
    Refusal,
)


def take_in(session: Session, rows: Sequence[Values], *, file_name: str, by: Membership) -> Import:
    """Keep an examined list for its admin to look at, every row marked whose person is in the account already.

    The account's own people are asked for, in one statement: how long that takes tells nothing of others (R6).
    """
    permit(session, by, Action.INVITE)
    taken = Import(account_id=by.account_id, uploaded_by_id=by.id, file_name=one_line(file_name)[:200] or "list.csv")
    session.add(taken)
    session.flush()
    present = _present(session, by.account_id)
    for row in rows:
        if row["address"] in present:
            row["reason"] = present[row["address"]](row["address"]).sentence
    session.execute(insert(ImportRow), [{**row, "import_id": taken.id, "status": _status(row)} for row in rows])
    return taken


def confirm_import(session: Session, import_id: int | None, *, by: Membership) -> Import:
    """Let a checked list run, in the name of this admin; where none is named, the last one they have uploaded.

    Confirming twice is the same as confirming once. Raises NotFound, ImportOver, NobodyToInvite.
    """
    permit(session, by, Action.INVITE)
    mine = (Import.uploaded_by_id == by.id, Import.status == ImportStatus.CHECKED)
    found = _lock(session, by, *(mine if import_id is None else (Import.id == import_id,)))
    if found.is_running or found.status is ImportStatus.DONE:
        return found
    if found.is_over:
        raise ImportOver
    found.confirmed_at = now()
    _begin(session, found, by=by)
    return found


def resume_import(session: Session, import_id: int, *, by: Membership) -> Import:
    """Let a list go on, in the name of this admin, that was cancelled or stopped before its end.

    Whoever was removed since it was first confirmed stays so (R56). Resuming twice is the same as resuming once.
    Raises NotFound, ImportOver, NobodyToInvite.
    """
    permit(session, by, Action.INVITE)
    found = _lock(session, by, Import.id == import_id)
    if found.is_running or found.status is ImportStatus.DONE:
        return found
    if found.confirmed_at is None:
        raise ImportOver
    _begin(session, found, by=by)
    return found


def cancel_import(session: Session, import_id: int, *, by: Membership) -> Import:
    """Let no further row be invited; who was invited stays so. Cancelling twice is the same as cancelling once."""
    permit(session, by, Action.INVITE)
    found = _lock(session, by, Import.id == import_id)
    if not found.is_over:
        found.status, found.finished_at = ImportStatus.CANCELLED, now()
        _record(session, Event.IMPORT_CANCELLED, found, by=by)
        announce(session, NewsKind.USERS, account_id=found.account_id)
    return found


def advance_import(session: Session, import_id: int) -> bool:
    """Invite one batch of the rows that wait; return whether there is more.

    May be killed at any statement and run again: who is invited waits no longer.
    """
    found = session.get(Import, import_id, with_for_update=True)
    if found is None or not found.is_running:
        return False
    announce(session, NewsKind.USERS, account_id=found.account_id)
    # Whoever ends this admin's access waits for the batch, and then finds the invitations that it made.
    by = session.get_one(Membership, found.confirmed_by_id, with_for_update={"read": True})
    if not is_permitted(session, by, Action.INVITE):
        _end(session, found, ImportStatus.STOPPED)
        return False
    waiting = select(ImportRow).where(ImportRow.import_id == found.id, ImportRow.status == RowStatus.WAITING)
    batch = session.scalars(waiting.order_by(ImportRow.line).limit(settings().import_batch)).all()
    take_turn_to_mail(session, *(each.address for each in batch))
    # What is kept of each row is read by whoever confirmed the list.
    with speaking(by.user.language or by.account.language):
        for each in batch:
            _invite(session, found, each, by=by)
    if len(batch) == settings().import_batch:
        return True
    _end(session, found, ImportStatus.DONE)
    return False


def count_rows(session: Session, found: Import) -> dict[RowStatus, int]:
    """Return how many rows of an import are in each state."""
    counted = select(ImportRow.status, func.count()).where(ImportRow.import_id == found.id).group_by(ImportRow.status)
    return dict.fromkeys(RowStatus, 0) | {status: count for status, count in session.execute(counted)}


def result_of(found: Import, row: ImportRow) -> tuple[str, str]:
    """Return in a word what became of a row of this import, and why."""
    if row.status is not RowStatus.WAITING:
        return row.status, row.reason
    who = found.confirmed_by.display_name if found.confirmed_by else ""
    return {
        ImportStatus.CHECKED: ("ready", ""),
        ImportStatus.RUNNING: ("waiting", ""),
        ImportStatus.CANCELLED: ("cancelled", gettext("The list was cancelled before the turn of this row came.")),
        ImportStatus.STOPPED: (
            "stopped",
            gettext("The list stopped before the turn of this row came: %(name)s may not invite any more.", name=who),
        ),
    }[found.status]


def _begin(session: Session, found: Import, *, by: Membership) -> None:
    if not (waiting := count_rows(session, found)[RowStatus.WAITING]):
        raise NobodyToInvite
    found.status, found.confirmed_by_id, found.finished_at = ImportStatus.RUNNING, by.id, None
    enqueue(session, "carry_out_import", account_id=found.account_id, import_id=found.id)
    record(session, Event.IMPORT_BEGUN, found.id, by=by, file=found.file_name, people=waiting)
    announce(session, NewsKind.USERS, account_id=found.account_id)


def _status(row: Values) -> RowStatus:
    return RowStatus.REFUSED if row["reason"] else RowStatus.WAITING


def _present(session: Session, account_id: int) -> dict[str, type[Refusal]]:
    """Return who cannot be invited into the account, by address; an invitation past its time is in nobody's way."""
    is_pending = (Invitation.membership_id == Membership.id) & (Invitation.status == InvitationStatus.PENDING)
    seats = select(User.email, Membership.status).join(Membership.user).outerjoin(Invitation, is_pending)
    present = (Membership.account_id == account_id, Membership.status != MembershipStatus.DELETED)
    standing = or_(Invitation.id.is_(None), Invitation.expires_at > now())
    return {
        email: AlreadyMember if status is MembershipStatus.ACTIVE else AlreadyInvited
        for email, status in session.execute(seats.where(*present, standing))
    }


def _lock(session: Session, by: Membership, *which: ColumnElement[bool]) -> Import:
    own = select(Import).where(Import.account_id == by.account_id, *which).order_by(Import.id.desc()).limit(1)
    found = session.scalars(own.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound
    return found


def _invite(session: Session, found: Import, row: ImportRow, *, by: Membership) -> None:
    typed, group = row.email, Group(row.group)
    try:
        with session.begin_nested():
            invitation = ask_in(
                session, row.address, by=by, typed=typed, group=group, name=row.name, import_id=found.id
            )
            _refuse_just_removed(session, found, row.address)
    except Refusal as refusal:
        row.status, row.reason = RowStatus.REFUSED, refusal.sentence[:400]
    else:
        row.status, row.invitation_id = RowStatus.INVITED, invitation.id


def _refuse_just_removed(session: Session, found: Import, address: str) -> None:
    """Let whoever removed this person, or cancelled their invitation, since the list was confirmed win (R56).

    The caller has seated the person: who had the seat before has left it, for all to see.
    """
    is_cancelled = (Invitation.membership_id == Membership.id) & (Invitation.status == InvitationStatus.CANCELLED)
    former = select(Membership.id).join(Membership.user).outerjoin(Invitation, is_cancelled)
    here = (Membership.account_id == found.account_id, Membership.deleted_at >= found.confirmed_at)
    on_purpose = or_(Membership.removal_id.is_not(None), Invitation.id.is_not(None))
    if session.scalar(select(exists(former.where(User.email == address, *here, on_purpose)))):
        raise JustRemoved(address)


def _end(session: Session, found: Import, status: ImportStatus) -> None:
    found.status, found.finished_at = status, now()
    outcome = "" if status is ImportStatus.DONE else status
    _record(session, Event.IMPORT_FINISHED, found, account_id=found.account_id, outcome=outcome)


def _record(session: Session, event: Event, found: Import, **about: Any) -> None:  # noqa: ANN401
    about |= {str(status): count for status, count in count_rows(session, found).items()}
    record(session, event, found.id, file=found.file_name, **about)
