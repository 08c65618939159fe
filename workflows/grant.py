"""Give guests access to a card by the message that addresses them (R20, R21, R24)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, contains_eager

from models import Card, Event, Grant, Membership, Message, NewsKind, announce, insert_once, now, record
from models.pieces import Piece, newest, piece
from workflows.refusals import JustRevoked

SHOWN, MOST_CARDS = 20, 50


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


def participants(session: Session, card: Card, *, before: int = 0) -> Piece[Grant]:
    """Return the newest open grants on a card before an id, of people who are still wanted, newest first."""
    at = now()
    held = (
        select(Grant)
        .join(Grant.membership)
        .join(Membership.user)
        .where(Grant.card_id == card.id, Grant.is_open(at), Membership.is_wanted(at))
        .options(contains_eager(Grant.membership).contains_eager(Membership.user))
    )
    return newest(session.scalars, held, Grant.id, SHOWN, before=before)


def participating(session: Session, card: Card, among: Collection[int]) -> set[int]:
    """Return which of these memberships participate in a card."""
    at = now()
    held = select(Membership.id).join(Grant, Grant.membership_id == Membership.id)
    held = held.where(Grant.card_id == card.id, Grant.is_open(at), Membership.is_wanted(at))
    return set(session.scalars(held.where(Membership.id.in_(among)))) if among else set()


def cards_of(session: Session, membership: Membership, *, like: str = "") -> Piece[Card]:
    """Return the first cards, by name, that a guest participates in and in whose name `like` is found (R34)."""
    held = select(Grant.card_id).where(Grant.membership_id == membership.id, Grant.is_open(now()))
    mine = select(Card).where(Card.id.in_(held), Card.deleted_at.is_(None), Card.name.icontains(like, autoescape=True))
    return piece(session.scalars, mine.order_by(Card.name, Card.id), MOST_CARDS)


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
