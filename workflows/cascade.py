"""Close everything behind a removal, in bounded batches whose remaining rows are the cursor (R53, R57)."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import (
    Base,
    Delivery,
    DeliveryStatus,
    Event,
    Grant,
    Invitation,
    InvitationStatus,
    Link,
    Membership,
    NewsKind,
    Notification,
    Removal,
    RemovalStatus,
    UserSession,
    announce,
    now,
    record,
    record_each,
    settings,
)
from workflows.close import close_invitations
from workflows.leave import OPEN_LINK, has_nothing_left, leave_nothing
from workflows.receipt import write_receipt
from workflows.review import leave_reviews

OPEN_SESSION = UserSession.ended_at.is_(None)


def advance_removal(session: Session, removal_id: int) -> bool:
    """Close one batch of what is left; return whether there is more. The last one writes the receipt.

    May be killed at any statement and run again: what is closed is no longer among the rows it looks for.
    """
    removal = session.get(Removal, removal_id, with_for_update=True)
    if removal is None or removal.status is not RemovalStatus.RUNNING:
        return False
    if not removal.wanted:
        removal.wanted = {part.name: _count(session, part, removal) for part in PARTS}
    room = settings().cascade_batch
    for part in PARTS:
        room -= _advance(session, removal, part, room)
        if room <= 0:
            break
    announce(session, NewsKind.USERS, account_id=removal.account_id)
    if room <= 0:
        return True
    _finish(session, removal)
    return False


def _advance(session: Session, removal: Removal, part: "Part", room: int) -> int:
    started = perf_counter()
    batch = select(part.table.id).where(part.left(removal)).order_by(part.table.id).limit(room)
    # Held, so that what is ended now is still what was found; an invitation is held after its membership.
    held = batch if part.table is Invitation else batch.with_for_update(of=part.table, key_share=True)
    ids = list(session.scalars(held))
    if ids:
        part.end(session, removal, ids)
    so_far: dict[str, Any] = removal.ended.get(part.name, {"rows": 0, "seconds": 0.0})
    seconds = round(so_far["seconds"] + perf_counter() - started, 6)
    removal.ended = {**removal.ended, part.name: {"rows": so_far["rows"] + len(ids), "seconds": seconds}}
    return len(ids)


def _finish(session: Session, removal: Removal) -> None:
    # Of who never joined as well, which is counted nowhere.
    leave_nothing(session, select(Membership.user_id).where(_members(removal)))
    leave_reviews(session, select(Membership.id).where(_members(removal)))
    removal.status, removal.finished_at = RemovalStatus.DONE, now()
    removal.receipt = write_receipt(session, removal)
    record(session, Event.REMOVAL_FINISHED, removal.id, account_id=removal.account_id, **removal.ended)


def _close_grants(session: Session, removal: Removal, ids: list[int]) -> None:
    # Access ended when the removal was answered, not when its clean-up came by.
    ended = {"revoked_at": removal.requested_at, "removal_id": removal.id}
    session.execute(update(Grant).where(Grant.id.in_(ids)).values(**ended))
    closed = select(Grant.id, Grant.account_id).where(Grant.id.in_(ids))
    record_each(session, Event.GRANT_REVOKED, closed, outcome="removal", removal=removal.id)


def _purge_notifications(session: Session, _: Removal, ids: list[int]) -> None:
    session.execute(delete(Notification).where(Notification.id.in_(ids)))


def _cancel_mail(session: Session, removal: Removal, ids: list[int]) -> None:
    cancelled = {"status": DeliveryStatus.CANCELLED, "ended_at": now()}
    session.execute(update(Delivery).where(Delivery.id.in_(ids)).values(**cancelled))
    mails = select(Delivery.id, Delivery.account_id).where(Delivery.id.in_(ids))
    record_each(session, Event.DELIVERY_CANCELLED, mails, outcome="removal", removal=removal.id)


def _cancel_invitations(session: Session, _: Removal, ids: list[int]) -> None:
    close_invitations(session, ids, InvitationStatus.CANCELLED, outcome="removal")


def _revoke_links(session: Session, _: Removal, ids: list[int]) -> None:
    session.execute(update(Link).where(Link.id.in_(ids)).values(revoked_at=now()))


def _end_sessions(session: Session, removal: Removal, ids: list[int]) -> None:
    session.execute(update(UserSession).where(UserSession.id.in_(ids)).values(ended_at=now()))
    ended = select(UserSession.id, literal(removal.account_id)).where(UserSession.id.in_(ids))
    record_each(session, Event.SESSIONS_ENDED, ended, outcome="removal", removal=removal.id)


def _members(removal: Removal) -> ColumnElement[bool]:
    return Membership.removal_id == removal.id


def _theirs(column: Any, removal: Removal) -> ColumnElement[bool]:  # noqa: ANN401
    return column.in_(select(Membership.id).where(_members(removal)))  # type: ignore[no-any-return]


def _left_with_nothing(
    user_id: InstrumentedAttribute[int], removal: Removal, *which: ColumnElement[bool]
) -> ColumnElement[bool]:
    """SQL for: one of these removed people, with no account left; the others keep sessions and links (R54)."""
    removed = select(Membership.user_id).where(_members(removal), *which)
    return user_id.in_(removed) & has_nothing_left(user_id, Membership.is_wanted(now()))


def _joined(user_id: InstrumentedAttribute[int], removal: Removal) -> ColumnElement[bool]:
    """SQL for: one of those among them who were here: what they hold may be counted."""
    return _left_with_nothing(user_id, removal, Membership.activated_at.is_not(None))


@dataclass(frozen=True)
class Part:
    """One kind of row that a removal ends: which are left, and how a batch of them ends."""

    name: str
    table: type[Base]
    left: Callable[[Removal], ColumnElement[bool]]
    end: Callable[[Session, Removal, list[int]], None]


# Invitations come first: to close one its membership is held, and every verb holds that before anything else.
PARTS = (
    Part(
        "invitations",
        Invitation,
        lambda removal: (
            (_theirs(Invitation.membership_id, removal) | _theirs(Invitation.inviter_id, removal))
            & (Invitation.status == InvitationStatus.PENDING)
        ),
        _cancel_invitations,
    ),
    Part(
        "grants",
        Grant,
        lambda removal: _theirs(Grant.membership_id, removal) & Grant.revoked_at.is_(None),
        _close_grants,
    ),
    Part(
        "notifications",
        Notification,
        lambda removal: _theirs(Notification.membership_id, removal),
        _purge_notifications,
    ),
    Part(
        "mails",
        Delivery,
        lambda removal: _theirs(Delivery.membership_id, removal) & (Delivery.status == DeliveryStatus.QUEUED),
        _cancel_mail,
    ),
    Part(
        "links",
        Link,
        lambda removal: _joined(Link.user_id, removal) & OPEN_LINK,
        _revoke_links,
    ),
    Part(
        "sessions",
        UserSession,
        lambda removal: _joined(UserSession.user_id, removal) & OPEN_SESSION,
        _end_sessions,
    ),
)


def _count(session: Session, part: Part, removal: Removal) -> int:
    return session.scalars(select(func.count()).select_from(part.table).where(part.left(removal))).one()
