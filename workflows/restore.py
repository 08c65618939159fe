"""Restore what a removal took from a guest: by new grants, which point to the messages that made the old ones (R13)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, insert, literal, or_, select
from sqlalchemy.orm import Session

from models import Card, Event, Grant, Membership, MembershipStatus, NewsKind, announce, now, record_each
from workflows.permissions import Action, permit

OUTCOME = "restored"
MOST_SHOWN = 50


@dataclass(frozen=True)
class Lost:
    """What a removal took from somebody and could be opened again: how many cards, and the first of them by name."""

    count: int
    cards: Sequence[Card]


def restore_access(session: Session, membership: Membership, *, by: Membership) -> None:
    """Give a guest who was invited again what their last removal here took from them, if anything."""
    permit(session, by, Action.GRANT)
    former_id = former_access(session, account_id=membership.account_id, user_id=membership.user_id)
    if former_id is not None and membership.is_guest:
        reopen(session, former_id, to=membership, by=by, at=now())


def former_access(session: Session, *, account_id: int, user_id: int) -> int | None:
    """Return the membership, the last one removed from this account, that held what could be restored now."""
    own = _lost(now()).where(Membership.account_id == account_id, Membership.user_id == user_id)
    removed = own.where(Membership.status == MembershipStatus.DELETED, Membership.removal_id.is_not(None))
    return session.scalar(removed.with_only_columns(Membership.id).order_by(Membership.removal_id.desc()).limit(1))


def lost_cards(session: Session, membership_ids: Collection[int]) -> dict[int, Lost]:
    """Return for each membership the cards that a removal took from it and that could be opened again."""
    of: dict[str, Any] = {"partition_by": Membership.id}
    place = func.row_number().over(**of, order_by=[Card.name, Card.id]).label("place")
    lost = _lost(now()).where(Membership.id.in_(membership_ids))
    columns = (Membership.id, func.count().over(**of).label("count"), Card.id.label("card_id"), place)
    each = lost.with_only_columns(*columns).subquery().c
    first = select(each.id, each["count"], Card).join(Card, Card.id == each.card_id)
    # Of many people each shows fewer.
    shown = first.where(each.place <= max(1, MOST_SHOWN // max(1, len(membership_ids))))
    cards: dict[int, list[Card]] = {}
    counts = dict.fromkeys(membership_ids, 0)
    for membership_id, count, card in session.execute(shown.order_by(each.id, each.place)):
        counts[membership_id] = count
        cards.setdefault(membership_id, []).append(card)
    return {each_id: Lost(count, cards.get(each_id, [])) for each_id, count in counts.items()}


def reopen(session: Session, former_id: int, *, to: Membership, by: Membership, at: datetime) -> int:
    """Open new grants, as of `at`, for all that a removal took from the former membership; return how many.

    The caller holds `to`.
    """
    # A card that is deleted at the same moment is deleted before this, or with these grants.
    lost = _lost(at).where(Membership.id == former_id).with_for_update(of=Card, read=True)
    copied = (Grant.account_id, Grant.card_id, Grant.message_id, Grant.ends_at)
    columns = [*copied, literal(to.id), literal(at, Grant.granted_at.type)]
    names = [*(column.key for column in copied), "membership_id", "granted_at"]
    session.execute(insert(Grant).from_select(names, lost.with_only_columns(*columns), include_defaults=False))
    mine = (Grant.membership_id == to.id, Grant.granted_at == at)
    opened = select(Grant.id, Grant.account_id).where(*mine)
    record_each(session, Event.GRANT_MADE, opened, by=by, outcome=OUTCOME)
    announce(session, NewsKind.ACCESS, account_id=to.account_id, user_id=to.user_id)
    return session.scalars(select(func.count()).where(*mine)).one()


def _lost(at: datetime) -> Select[Grant]:
    """Select the grants that their membership's removal closed, or is about to, and that nothing else would close.

    What was taken away one by one before the removal is not among them, nor what was on cards deleted since.
    """
    by_removal = (Grant.removal_id == Membership.removal_id) | Grant.revoked_at.is_(None)
    in_time = or_(Grant.ends_at.is_(None), Grant.ends_at > at)
    return select(Grant).join(Grant.membership).join(Grant.card).where(by_removal, in_time, Card.deleted_at.is_(None))
