"""Take access away: from one card, or all of it (R50 to R56)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from models import (
    Account,
    Card,
    Delivery,
    DeliveryStatus,
    Event,
    Grant,
    Group,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    NewsKind,
    Notification,
    Removal,
    UserSession,
    announce,
    enqueue,
    now,
    record,
)
from workflows.permissions import Action, permit
from workflows.refusals import Conflict, LastAdmin, NotFound
from workflows.sign_in import has_nothing_left


@dataclass(frozen=True)
class Preview:
    """What deleting these memberships will end (R51)."""

    memberships: Sequence[Membership]
    cards: int
    invitations: int
    sessions: int
    mails: int


def revoke_grant(session: Session, card: Card, membership_id: int, *, by: Membership) -> None:
    """Close one card to one guest (R50). Removing twice is the same as removing once. Raises NotFound."""
    permit(session, by, Action.REVOKE_GRANT, card=card)
    guest = _lock(session, [membership_id], by)[0]
    here = (Grant.membership_id == guest.id, Grant.card_id == card.id)
    opened = session.scalar(select(Grant.id).where(*here, Grant.revoked_at.is_(None)))
    if opened is not None:
        close_grants(session, [opened], at=now(), by=by)
    elif session.scalar(select(Grant.id).where(*here).limit(1)) is None:
        raise NotFound
    if guest.is_removed:
        _keep_closed(session, *here, by=by)


def _keep_closed(session: Session, *which: ColumnElement[bool], by: Membership) -> None:
    """Let what a removal closed come back with nobody: whoever undoes the removal is not to undo this, too (R56)."""
    of_removal = update(Grant).where(*which, Grant.removal_id.is_not(None)).values(removal_id=None)
    for row in session.execute(of_removal.returning(Grant.id, Grant.card_id, Grant.membership_id)).all():
        about = {"card": row.card_id, "membership": row.membership_id}
        record(session, Event.GRANT_REVOKED, row.id, by=by, outcome="revoked", **about)


def close_grants(
    session: Session,
    ids: Collection[int],
    *,
    at: datetime | ColumnElement[datetime | None],
    by: Membership | None = None,
    outcome: str = "revoked",
) -> None:
    """Close grants as of `at`, and take what they showed out of sight. Closing twice is the same as closing once."""
    still = update(Grant).where(Grant.id.in_(ids), Grant.revoked_at.is_(None))
    ended = still.values(revoked_at=at, revoked_by_id=by.id if by else None)
    columns = (Grant.id, Grant.account_id, Grant.membership_id, Grant.card_id)
    closed = session.execute(ended.returning(*columns)).all()
    on_same = (Grant.membership_id == Notification.membership_id) & (Grant.card_id == Notification.card_id)
    shown = select(Notification.id).join(Grant, on_same).where(Grant.id.in_([row.id for row in closed]))
    held = shown.order_by(Notification.id).with_for_update(of=Notification)
    session.execute(delete(Notification).where(Notification.id.in_(held)))
    of = select(Membership.id, Membership.user_id).where(Membership.id.in_({row.membership_id for row in closed}))
    users = {row.id: row.user_id for row in session.execute(of)}
    for row in closed:
        about = {"card": row.card_id, "membership": row.membership_id}
        record(session, Event.GRANT_REVOKED, row.id, account_id=row.account_id, by=by, outcome=outcome, **about)
        news = {"account_id": row.account_id, "card_id": row.card_id}
        announce(session, NewsKind.ACCESS, user_id=users.get(row.membership_id), **news)
        announce(session, NewsKind.CARD, **news)


def preview_removal(session: Session, ids: Collection[int], *, by: Membership) -> Preview:
    """Return what deleting these memberships will end, changing nothing. Raises NotFound."""
    permit(session, by, Action.REMOVE)
    people = _lock(session, ids, by)
    members = [each.id for each in people]
    pending = (Invitation.membership_id.in_(members), Invitation.status == InvitationStatus.PENDING)
    queued = (Delivery.membership_id.in_(members), Delivery.status == DeliveryStatus.QUEUED)
    only_here = (
        # Of who never joined, it would tell that they were known before (R6).
        UserSession.user_id.in_([each.user_id for each in people if each.activated_at]),
        UserSession.ended_at.is_(None),
        has_nothing_left(UserSession.user_id, Membership.is_wanted(now()), Membership.id.not_in(members)),
    )
    return Preview(
        people,
        cards=_count(session, Grant.membership_id.in_(members), Grant.is_open(now())),
        invitations=_count(session, *pending),
        sessions=_count(session, *only_here),
        mails=_count(session, *queued),
    )


def remove(session: Session, ids: Collection[int], *, by: Membership) -> Removal:
    """Delete memberships: one mark on each ends all its access at once, whatever it was (R51, R52).

    What lies behind them is closed by a job. Deleting again what is deleted returns the removal that did it.
    Raises NotFound, LastAdmin, and Conflict where their invitations have just ended.
    """
    permit(session, by, Action.REMOVE)
    session.execute(select(Account.id).where(Account.id == by.account_id).with_for_update(key_share=True))
    people = _lock(session, ids, by)
    present = [each for each in people if not each.is_removed]
    if not present:
        return _earlier(session, people)
    _keep_an_admin(session, by.account_id, present)
    removal = Removal(account_id=by.account_id, requested_by_id=by.user_id, requested_at=now())
    session.add(removal)
    session.flush()
    start_removal(session, removal, present, by=by)
    return removal


def start_removal(
    session: Session, removal: Removal, people: Sequence[Membership], *, by: Membership | None = None
) -> None:
    """Mark the memberships as deleted by this removal, and queue what follows."""
    for each in people:
        each.status, each.deleted_at, each.removal_id = MembershipStatus.DELETED, removal.requested_at, removal.id
        record(session, Event.REMOVAL_REQUESTED, removal.id, account_id=removal.account_id, by=by, membership=each.id)
        announce(session, NewsKind.ACCESS, account_id=removal.account_id, user_id=each.user_id)
    announce(session, NewsKind.USERS, account_id=removal.account_id)
    enqueue(session, "carry_out_removal", account_id=removal.account_id, removal_id=removal.id)


def _lock(session: Session, ids: Collection[int], by: Membership) -> Sequence[Membership]:
    """Return memberships of the account, held in the order of their ids. Raises NotFound if one is another's."""
    own = select(Membership).where(Membership.id.in_(ids), Membership.account_id == by.account_id)
    # Rows that only point here take a weaker lock: they need not wait for this one, nor this one for them.
    held = own.order_by(Membership.id).with_for_update(of=Membership, key_share=True)
    people = session.scalars(held.execution_options(populate_existing=True)).all()
    if not people or len(people) != len(set(ids)):
        raise NotFound
    return people


def _keep_an_admin(session: Session, account_id: int, leaving: Sequence[Membership]) -> None:
    others = (
        Membership.account_id == account_id,
        Membership.group == Group.ADMIN,
        Membership.is_live(now()),
        Membership.id.not_in([each.id for each in leaving]),
    )
    if any(each.group is Group.ADMIN for each in leaving) and not _count(session, *others):
        raise LastAdmin


def _earlier(session: Session, people: Sequence[Membership]) -> Removal:
    earlier = session.get(Removal, next((each.removal_id for each in people if each.removal_id), None) or 0)
    if earlier is None:
        # An invitation's end took the seat: there is nothing left to delete.
        raise Conflict
    return earlier


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).where(*conditions)).one()
