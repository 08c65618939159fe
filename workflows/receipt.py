"""Write what a removal ended, and the proof that its people are refused now (R57)."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Account, Card, Grant, Membership, Removal, User, now
from workflows.notify import visible_notifications
from workflows.permissions import Action, is_permitted
from workflows.sign_in import memberships_of

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
        "people": [_person(session, each) for each in removal.memberships],
    }


def _person(session: Session, membership: Membership) -> dict[str, Any]:
    return {
        "membership": membership.id,
        "name": membership.display_name,
        "email": membership.user.email,
        "group": membership.group.value,
        "access_ended_at": membership.deleted_at.isoformat() if membership.deleted_at else None,
        "probes": _probe(session, membership),
    }


def _probe(session: Session, membership: Membership) -> list[dict[str, Any]]:
    """Ask for what the person had, by the same functions that decide for every request."""
    last = select(Grant.card_id).where(Grant.membership_id == membership.id)
    cards = session.scalars(select(Card).where(Card.id.in_(last.order_by(Grant.id.desc()).limit(PROBED_CARDS))))
    probes = [
        {
            "asked": f"Open the {card.kind} “{card.name}”",
            "refused": not is_permitted(session, membership, Action.READ_CARD, card=card),
        }
        for card in cards
    ]
    still_open = select(func.count()).where(Grant.membership_id == membership.id, Grant.revoked_at.is_(None))
    theirs = memberships_of(session, membership.user_id)
    seen = visible_notifications(session, membership.user_id)
    return [
        *probes,
        {"asked": "Enter the account", "refused": membership.id not in {each.id for each in theirs}},
        {"asked": "Use an open grant", "refused": session.scalars(still_open).one() == 0},
        {"asked": "Read notifications", "refused": membership.id not in {each.membership_id for each in seen}},
    ]
