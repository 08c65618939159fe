"""Undo a removal: its people return, with the cards that it took from them, and nothing else (R58)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from models import (
    Event,
    Membership,
    MembershipStatus,
    NewsKind,
    Removal,
    RemovalStatus,
    User,
    announce,
    now,
    record,
)
from models.language import N_, gettext
from workflows.limit import take_turn_to_mail
from workflows.permissions import Action, permit
from workflows.refusals import NobodyReturns, NotFound, StillClosing, TooLateToUndo
from workflows.restore import Lost, lost_cards, reopen

HERE = N_("was invited again since")
GONE_AGAIN = N_("joined again since, and was removed again")


@dataclass(frozen=True)
class Comeback:
    """One of the people of a removal: the cards that they return to, or what stands in the way."""

    membership: Membership
    lost: Lost
    obstacle: str = ""

    @property
    def may_be_invited(self) -> bool:
        """Whether an invitation is the way back that is left."""
        return self.obstacle not in {"", HERE}


def comebacks(session: Session, removal: Removal) -> list[Comeback]:
    """Return who would return if the removal were undone now, changing nothing."""
    own = Membership.removal_id == removal.id
    of = select(Membership).join(Membership.user).where(own).options(contains_eager(Membership.user))
    people = session.scalars(of.order_by(Membership.id)).all()
    lost = lost_cards(session, [each.id for each in people])
    theirs = select(Membership).where(Membership.user_id.in_(select(Membership.user_id).where(own)))
    seats: dict[int, list[Membership]] = {}
    for seat in session.scalars(theirs.where(Membership.account_id == removal.account_id)):
        seats.setdefault(seat.user_id, []).append(seat)
    return [Comeback(each, lost[each.id], _obstacle(each, seats[each.user_id])) for each in people]


def undo_removal(session: Session, removal_id: int, *, by: Membership) -> Removal:
    """Let all return whom nothing stands in the way of. Undoing twice is the same as undoing once.

    They sign in anew: sessions, links, mails, notifications and invitations stay ended.
    Raises NotFound, StillClosing, TooLateToUndo, NobodyReturns.
    """
    permit(session, by, Action.REMOVE)
    removal = session.get(Removal, removal_id)
    if removal is None or removal.account_id != by.account_id:
        raise NotFound
    # A removal that is done is never begun again: what it closed, it has closed.
    if removal.status is RemovalStatus.RUNNING:
        raise StillClosing
    _hold(session, removal)
    if removal.undone_at is not None:
        return removal
    at = now()
    if removal.undoable_until <= at:
        raise TooLateToUndo
    people = comebacks(session, removal)
    if all(each.obstacle for each in people):
        raise NobodyReturns(" ".join(f"{each.membership.display_name} {gettext(each.obstacle)}." for each in people))
    able = [each.membership for each in people if not each.obstacle]
    cards = {each.id: _return(session, removal, each, by=by, at=at) for each in able}
    removal.undone_at, removal.undone = at, _certificate(people, cards, by=by, at=at)
    announce(session, NewsKind.USERS, account_id=removal.account_id)
    return removal


def _hold(session: Session, removal: Removal) -> None:
    """Hold the people of the removal, and then the removal as it is now; meanwhile nobody invites them."""
    own = Membership.removal_id == removal.id
    addresses = session.scalars(select(User.email).join(Membership, Membership.user_id == User.id).where(own)).all()
    take_turn_to_mail(session, *addresses)
    held = select(Membership).where(own).order_by(Membership.id).with_for_update(of=Membership, key_share=True)
    session.scalars(held.execution_options(populate_existing=True)).all()
    session.refresh(removal, with_for_update=True)


def _obstacle(membership: Membership, seats: Sequence[Membership]) -> str:
    """Return what stands in the way of somebody who has, or had, these seats in the account."""
    if membership.activated_at is None:
        return N_("had not joined yet")
    if membership.ends_at is not None and membership.ends_at <= now():
        return N_("had access until a day that has passed")
    if any(each.id != membership.id and each.status is not MembershipStatus.DELETED for each in seats):
        return HERE
    # The later removal is the last word about this person, and has an undo of its own.
    return GONE_AGAIN if any(each.id > membership.id and each.activated_at for each in seats) else ""


def _return(session: Session, removal: Removal, membership: Membership, *, by: Membership, at: datetime) -> int:
    """Let one of them return, and return to how many cards."""
    membership.status, membership.deleted_at = MembershipStatus.ACTIVE, None
    sponsor = session.get(Membership, membership.sponsor_id) if membership.sponsor_id else None
    if sponsor is None or sponsor.is_removed:
        membership.sponsor_id = by.id
    session.flush()
    record(session, Event.REMOVAL_UNDONE, removal.id, by=by, membership=membership.id)
    return reopen(session, membership.id, to=membership, by=by, at=at)


def _certificate(
    people: Sequence[Comeback], cards: Mapping[int, int], *, by: Membership, at: datetime
) -> dict[str, Any]:
    """Return what the receipt says from now on, as plain JSON."""
    told = [
        {
            "membership": each.membership.id,
            "name": each.membership.display_name,
            "email": each.membership.user.email,
            "returned": not each.obstacle,
            "cards": cards.get(each.membership.id, 0),
            "because": each.obstacle,
        }
        for each in people
    ]
    return {"at": at.isoformat(), "by": by.user.email, "name": by.display_name, "people": told}
