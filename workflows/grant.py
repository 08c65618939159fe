"""Give guests access to a card by the message that addresses them (R20, R21, R24)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager

from models import Card, Event, Grant, Membership, Message, NewsKind, announce, insert_once, now, record
from workflows.refusals import JustRevoked


def grant(
    session: Session,
    message: Message,
    guests: Sequence[Membership],
    *,
    by: Membership,
    asked_at: datetime,
    ends_at: datetime | None = None,
) -> None:
    """Open the card to guests who do not participate yet. The caller holds their rows.

    Raises JustRevoked where one of them was removed from the card since `asked_at`: revocation wins (R56).
    """
    _refuse_just_revoked(session, message, guests, asked_at)
    for guest in guests:
        about = {"account_id": message.account_id, "membership_id": guest.id, "card_id": message.card_id}
        grant_id = insert_once(session, Grant, message_id=message.id, ends_at=ends_at, **about)
        if grant_id is not None:
            record(session, Event.GRANT_MADE, grant_id, by=by, card=message.card_id, membership=guest.id)
            announce(session, NewsKind.ACCESS, account_id=guest.account_id, user_id=guest.user_id)


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


def _refuse_just_revoked(session: Session, message: Message, guests: Sequence[Membership], asked_at: datetime) -> None:
    names = {guest.id: guest.display_name for guest in guests}
    last = func.max(Grant.revoked_at)
    revoked = session.execute(
        select(Grant.membership_id)
        .where(Grant.card_id == message.card_id, Grant.membership_id.in_(names))
        .group_by(Grant.membership_id)
        .having(last >= asked_at)
    ).first()
    if revoked:
        raise JustRevoked(names[revoked.membership_id])
