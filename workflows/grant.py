"""Give guests access to a card by the message that addresses them (R20, R21, R24)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from models import Card, Event, Grant, Membership, Message, NewsKind, announce, insert_once, now, record
from workflows.refusals import JustRevoked


def grant(
    session: Session,
    message: Message,
    guests: Sequence[Membership],
    *,
    by: Membership,
    ends_at: datetime | None = None,
    known: Collection[int] | None = None,
) -> None:
    """Open the card to guests who do not participate yet. The caller holds their rows.

    `known` are the closed grants that there were when this was asked for. Raises JustRevoked where one of the
    guests was removed from the card since: revocation wins (R56).
    """
    if known is not None:
        _refuse_just_revoked(session, message, guests, known)
    for guest in guests:
        about = {"account_id": message.account_id, "membership_id": guest.id, "card_id": message.card_id}
        grant_id = insert_once(session, Grant, message_id=message.id, ends_at=ends_at, **about)
        if grant_id is not None:
            record(session, Event.GRANT_MADE, grant_id, by=by, card=message.card_id, membership=guest.id)
            announce(session, NewsKind.ACCESS, account_id=guest.account_id, user_id=guest.user_id)


def closed_grants(session: Session, card_id: int, membership_ids: Collection[int]) -> frozenset[int]:
    """Return the ids of these people's closed grants on a card: of what was revoked, all that one can know now."""
    # No clock would do: a revocation has its time before its transaction lets others see it.
    return frozenset(session.scalars(_closed(card_id, membership_ids)))


def participants(session: Session, card: Card) -> list[Grant]:
    """Return the open grants on a card of people who are still wanted, each with its membership and user."""
    at = now()
    return list(
        session.scalars(
            select(Grant)
            .join(Grant.membership)
            .join(Membership.user)
            .where(Grant.card_id == card.id, Grant.is_open(at), Membership.is_wanted(at))
            .order_by(Grant.id)
            .options(contains_eager(Grant.membership).contains_eager(Membership.user))
        )
    )


def cards_of(session: Session, membership: Membership) -> list[Card]:
    """Return the cards that a guest participates in (R34)."""
    held = select(Grant.card_id).where(Grant.membership_id == membership.id, Grant.is_open(now()))
    return list(session.scalars(select(Card).where(Card.id.in_(held), Card.deleted_at.is_(None)).order_by(Card.name)))


def _refuse_just_revoked(
    session: Session, message: Message, guests: Sequence[Membership], known: Collection[int]
) -> None:
    names = {guest.id: guest.display_name for guest in guests}
    closed = _closed(message.card_id, names).where(Grant.id.not_in(known))
    revoked = session.scalar(closed.with_only_columns(Grant.membership_id).limit(1))
    if revoked is not None:
        raise JustRevoked(names[revoked])


def _closed(card_id: int | None, membership_ids: Collection[int]) -> Select[int]:
    return select(Grant.id).where(
        Grant.card_id == card_id, Grant.membership_id.in_(membership_ids), Grant.revoked_at.is_not(None)
    )
