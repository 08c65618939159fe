"""Put messages into people's notification centers, and tell them by mail when they do not look (R22)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, contains_eager, selectinload

from models import (
    Account,
    Card,
    Grant,
    Group,
    Membership,
    MembershipStatus,
    Message,
    NewsKind,
    Notification,
    Template,
    User,
    announce,
    now,
    settings,
)
from workflows.post import post
from workflows.refusals import NotFound


def notify(session: Session, message: Message, recipients: Iterable[Membership]) -> None:
    """Notify each recipient but the author, once, and queue one mail for all that they leave unread."""
    once = {each.id: each for each in recipients if each.id != message.author_id}
    # In the order of their ids, for the mails that are queued already are held.
    for _, each in sorted(once.items()):
        about = {"account_id": message.account_id, "membership_id": each.id, "card_id": message.card_id}
        session.add(Notification(message_id=message.id, **about))
        announce(session, NewsKind.NOTIFICATION, account_id=message.account_id, user_id=each.user_id)
        if each.status is MembershipStatus.ACTIVE and each.user.wants_mail:
            queue_digest(session, each)


def queue_digest(session: Session, membership: Membership) -> None:
    """Queue a mail of unread notifications after the quiet time, unless one is queued already."""
    post(
        session,
        to=membership.user.email,
        template=Template.NOTIFICATION,
        account_id=membership.account_id,
        not_before=now() + timedelta(seconds=settings().notification_quiet_seconds),
        membership_id=membership.id,
    )


def visible_notifications(
    session: Session, user_id: int, *, after: int = 0, since: datetime | None = None, limit: int = 100
) -> list[Notification]:
    """Return a person's notifications that they may see now, newest first: after that id, or made since then."""
    later = Notification.id > after
    if since is not None:
        later |= Notification.created_at > since
    people = selectinload(Notification.message).selectinload(Message.author).selectinload(Membership.user)
    return list(
        session.scalars(
            _visible(user_id)
            .where(later)
            .order_by(Notification.id.desc())
            .limit(limit)
            .options(
                contains_eager(Notification.membership).contains_eager(Membership.account),
                contains_eager(Notification.card),
                people,
            )
        )
    )


def unread_count(session: Session, user_id: int) -> int:
    """Return how many visible notifications a person has not read."""
    unread = _visible(user_id).where(Notification.read_at.is_(None)).with_only_columns(func.count())
    return session.scalars(unread).one()


def mark_read(session: Session, notification_id: int, *, user_id: int) -> Notification:
    """Mark one of the person's own visible notifications as read, and return it. Raises NotFound."""
    own = session.scalars(_visible(user_id).where(Notification.id == notification_id)).one_or_none()
    if own is None:
        raise NotFound
    own.read_at = own.read_at or now()
    announce(session, NewsKind.NOTIFICATION, account_id=own.account_id, user_id=user_id)
    return own


def mark_all_read(
    session: Session, user_id: int, *, until: int, card_id: int | None = None, author_id: int | None = None
) -> None:
    """Mark what the person may see up to notification `until` as read: of a card, of whoever wrote directly, or all."""
    seen = _visible(user_id).with_only_columns(Notification.id)
    if card_id is not None:
        seen = seen.where(Notification.card_id == card_id)
    if author_id is not None:
        seen = seen.join(Notification.message).where(Notification.card_id.is_(None), Message.author_id == author_id)
    unread = update(Notification).where(Notification.id <= until, Notification.read_at.is_(None))
    session.execute(
        unread.where(Notification.id.in_(seen.correlate(None))).values(read_at=now()),
        execution_options={"synchronize_session": False},
    )
    announce(session, NewsKind.NOTIFICATION, user_id=user_id)


def mute(session: Session, user_id: int) -> None:
    """Send this person no more notification mails. Unsubscribing twice is the same as once."""
    prefer(session, user_id, wants_mail=False)


def prefer(session: Session, user_id: int, *, wants_mail: bool) -> None:
    """Keep whether this person wants to be mailed what they have not read."""
    session.execute(update(User).where(User.id == user_id).values(wants_mail=wants_mail))


def is_in_sight() -> ColumnElement[bool]:
    """SQL for: the reader of a notification may see what it is about; needs Membership and (outer) Card joined."""
    held = exists().where(
        Grant.membership_id == Membership.id, Grant.card_id == Notification.card_id, Grant.is_open(now())
    )
    on_card = and_(Card.deleted_at.is_(None), or_(Membership.group != Group.FREE, held))
    return or_(Notification.card_id.is_(None), on_card)


def visible() -> Select[Notification]:
    """Select the notifications that their readers may see now, with Membership joined."""
    return (
        select(Notification)
        .join(Notification.membership)
        .join(Membership.account)
        .outerjoin(Notification.card)
        .where(
            Membership.is_live(now()),
            Account.closed_at.is_(None),
            is_in_sight(),
        )
    )


def _visible(user_id: int) -> Select[Notification]:
    return visible().where(Membership.user_id == user_id)
