"""The threads of the notification center: what is new about each card, and in each direct chat."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session, joinedload

from models import Membership, Message, Notification
from models.pieces import Piece
from workflows.notify import visible

# Threads on a page at first, and entries of each; where a thread leads, all of it is to be read.
PER_PAGE, SHOWN = 15, 4
MOST = 1000


@dataclass(frozen=True)
class Thread:
    """The newest notifications about one card, or from one person's direct chat, and how many there are."""

    shown: Sequence[Notification]
    count: int
    unread: int

    @property
    def newest(self) -> Notification:
        return self.shown[0]

    @property
    def about(self) -> dict[str, int | None]:
        """What tells this thread from others in the form that marks it as read."""
        card_id, author_id = self.newest.card_id, self.newest.message.author_id
        return {"card_id": card_id} if card_id else {"author_id": author_id}


def threads_of(session: Session, user_id: int, *, shown: int = PER_PAGE) -> Piece[Thread]:
    """Return so many of a person's threads that they may see now, those with something unread first, then newest."""
    rows = session.execute(_entries(user_id, shown + 1)).all()
    grouped = [list(found) for _, found in groupby(rows, key=lambda row: row.place)]
    threads = [Thread([row.Notification for row in found], found[0].total, found[0].unread) for found in grouped]
    return Piece(threads[:shown], len(threads) > shown)


def _entries(user_id: int, shown: int) -> Select[*tuple[Any, ...]]:
    """Select the newest entries of the first threads, in their order."""
    each = _counted(user_id).subquery().c
    place = func.dense_rank().over(order_by=[each.unread == 0, each.newest.desc()]).label("place")
    placed = select(each.id, each.rank, each.total, each.unread, place).subquery().c
    author = joinedload(Notification.message).joinedload(Message.author).joinedload(Membership.user)
    account = joinedload(Notification.membership).joinedload(Membership.account)
    return (
        select(Notification, placed.total, placed.unread, placed.place)
        .join(placed.id.table, placed.id == Notification.id)
        .where(placed.place <= shown, placed.rank <= SHOWN)
        .order_by(placed.place, placed.rank)
        .options(account, joinedload(Notification.card), author)
    )


def _counted(user_id: int) -> Select[*tuple[Any, ...]]:
    """Select every notification with its place in its thread, and what the thread is like."""
    is_direct = Notification.card_id.is_(None)
    whose = (case((is_direct, Notification.membership_id)), case((is_direct, Message.author_id)))
    thread = (Notification.card_id, *whose)
    unread = func.count(case((Notification.read_at.is_(None), Notification.id)))
    return (
        visible()
        .join(Notification.message)
        .where(Membership.user_id == user_id)
        .with_only_columns(
            Notification.id,
            func.row_number().over(partition_by=thread, order_by=Notification.id.desc()).label("rank"),
            func.max(Notification.id).over(partition_by=thread).label("newest"),
            func.count().over(partition_by=thread).label("total"),
            unread.over(partition_by=thread).label("unread"),
        )
    )
