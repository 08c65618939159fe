"""Write what a removal ended, and the proof that its people are refused now (R57)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, contains_eager

from models import Account, Card, Grant, Membership, Notification, Removal, User, now
from workflows.notify import visible
from workflows.permissions import Action, is_permitted
from workflows.sign_in import in_force

PROBED_CARDS = 5


def write_receipt(session: Session, removal: Removal) -> dict[str, Any]:
    """Return the receipt as plain JSON: what was ended, when, by whom, how long each part took, and the probes.

    Times are UTC in ISO 8601, durations in seconds.
    """
    account = session.get_one(Account, removal.account_id)
    by = session.get(User, removal.requested_by_id) if removal.requested_by_id else None
    finished_at = removal.finished_at or now()
    return {
        "removal": removal.id,
        "account": account.slug,
        "requested_at": removal.requested_at.isoformat(),
        "requested_by": by.email if by else "Guestlist, on schedule",
        "finished_at": finished_at.isoformat(),
        "seconds": round((finished_at - removal.requested_at).total_seconds(), 3),
        "ended": removal.ended,
        "people": _people(session, removal),
    }


@dataclass(frozen=True)
class _Probed:
    """What the people of a removal had, and what they would still get, asked for all of them at once."""

    cards: Mapping[int, Sequence[Card]]
    enter: Collection[int]
    hold_grants: Collection[int]
    see_notifications: Collection[int]


def _people(session: Session, removal: Removal) -> list[dict[str, Any]]:
    mine = Membership.removal_id == removal.id
    probed = _probe(session, mine)
    people = select(Membership).join(Membership.user).where(mine).order_by(Membership.id)
    found = session.scalars(people.options(contains_eager(Membership.user)))
    return [_person(session, each, probed) for each in found]


def _probe(session: Session, mine: ColumnElement[bool]) -> _Probed:
    """Ask by the same conditions that decide for every request."""
    opened = select(Grant.membership_id).join(Grant.membership).where(mine, Grant.revoked_at.is_(None))
    seen = visible().where(mine).with_only_columns(Notification.membership_id)
    return _Probed(
        cards=_last_cards(session, mine),
        enter=set(session.scalars(in_force().where(mine).with_only_columns(Membership.id))),
        hold_grants=set(session.scalars(opened.distinct())),
        see_notifications=set(session.scalars(seen.distinct())),
    )


def _last_cards(session: Session, mine: ColumnElement[bool]) -> dict[int, list[Card]]:
    latest = func.row_number().over(partition_by=Grant.membership_id, order_by=Grant.id.desc()).label("latest")
    granted = select(Grant.membership_id, Grant.card_id, latest).join(Grant.membership).where(mine).subquery()
    last = select(granted.c.membership_id, Card).join(Card, Card.id == granted.c.card_id)
    cards: dict[int, list[Card]] = {}
    for membership_id, card in session.execute(last.where(granted.c.latest <= PROBED_CARDS).order_by(Card.id)):
        cards.setdefault(membership_id, []).append(card)
    # Somebody may have been given a card again and again.
    return {membership_id: list(dict.fromkeys(each)) for membership_id, each in cards.items()}


def _person(session: Session, membership: Membership, probed: _Probed) -> dict[str, Any]:
    probes = [
        {
            "asked": f"Open the {card.kind} “{card.name}”",
            "refused": not is_permitted(session, membership, Action.READ_CARD, card=card),
        }
        for card in probed.cards.get(membership.id, [])
    ]
    got = {
        "Enter the account": probed.enter,
        "Use an open grant": probed.hold_grants,
        "Read notifications": probed.see_notifications,
    }
    return {
        "membership": membership.id,
        "name": membership.display_name,
        "email": membership.user.email,
        "group": membership.group.value,
        "access_ended_at": membership.deleted_at.isoformat() if membership.deleted_at else None,
        "probes": [*probes, *({"asked": what, "refused": membership.id not in who} for what, who in got.items())],
    }
