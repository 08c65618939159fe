"""What the readers of open streams may see now: a few set-based questions for all of them at once."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import Account, Card, Grant, Group, Membership, Notification, UserSession, now


@dataclass
class Sight:
    """What one person may see: groups by account (id and slug), and as a guest the cards by account."""

    groups: dict[int, Group] = field(default_factory=dict)
    slugs: dict[int, str] = field(default_factory=dict)
    cards: dict[int, set[int]] = field(default_factory=dict)

    def sees(self, account_id: int | None, card_id: int | None) -> bool:
        """Return whether the person may see the card of the account."""
        group = self.groups.get(account_id or 0)
        return group is not None and (group is not Group.FREE or card_id in self.cards.get(account_id or 0, set()))


def open_sessions(session: Session, ids: Collection[int]) -> set[int]:
    """Return which of these sign-ins are still open."""
    return set(session.scalars(select(UserSession.id).where(UserSession.id.in_(ids), UserSession.is_open(now()))))


def sights(session: Session, user_ids: Collection[int]) -> dict[int, Sight]:
    """Return what each person may see now; somebody who may see nothing is not in it."""
    at, found = now(), dict[int, Sight]()
    live = (Membership.user_id.in_(user_ids), Membership.is_live(at), Account.closed_at.is_(None))
    members = select(Membership.user_id, Membership.group, Account.id, Account.slug).join(Membership.account)
    for user_id, group, account_id, slug in session.execute(members.where(*live)).tuples():
        sight = found.setdefault(user_id, Sight())
        sight.groups[account_id], sight.slugs[account_id] = group, slug
    guests = [user_id for user_id, sight in found.items() if Group.FREE in sight.groups.values()]
    for user_id, account_id, card_id in _granted(session, guests):
        found[user_id].cards.setdefault(account_id, set()).add(card_id)
    return found


def newest_notifications(session: Session, user_ids: Collection[int]) -> dict[int, int]:
    """Return the id of each person's newest notification, seen or not."""
    newest = select(Membership.user_id, func.max(Notification.id)).join(Notification.membership)
    of = newest.where(Membership.user_id.in_(user_ids)).group_by(Membership.user_id)
    return dict(session.execute(of).tuples().all())


def recent_notifications(session: Session, user_ids: Collection[int], *, since: datetime) -> dict[int, set[int]]:
    """Return the ids of each person's notifications since then, seen or not."""
    of = select(Membership.user_id, Notification.id).join(Notification.membership)
    found: dict[int, set[int]] = {}
    for user_id, notification_id in session.execute(
        of.where(Membership.user_id.in_(user_ids), Notification.created_at > since)
    ):
        found.setdefault(user_id, set()).add(notification_id)
    return found


def removed_at(session: Session, user_ids: Collection[int]) -> dict[tuple[int, int], datetime]:
    """Return when each person was last removed from each account, by the ids of both."""
    removed = (Membership.user_id.in_(user_ids), Membership.deleted_at.is_not(None))
    columns = (Membership.user_id, Membership.account_id)
    last = select(*columns, func.max(Membership.deleted_at)).where(*removed).group_by(*columns)
    found = session.execute(last) if user_ids else ()
    return {(user_id, account_id): at for user_id, account_id, at in found if at}


def _granted(session: Session, user_ids: Collection[int]) -> Iterable[tuple[int, int, int]]:
    at = now()
    held = (
        select(Membership.user_id, Grant.account_id, Grant.card_id)
        .join(Grant.membership)
        .join(Grant.card)
        .where(
            Membership.user_id.in_(user_ids),
            Membership.group == Group.FREE,
            Membership.is_live(at),
            Grant.is_open(at),
            Card.deleted_at.is_(None),
        )
    )
    return session.execute(held).tuples() if user_ids else ()
