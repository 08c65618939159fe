"""Decides what each open stream is told: at every piece of news, and again and again without any (R52, G7)."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import Database, Group, News, NewsKind, Notification, now
from models.language import N_, gettext, speaking
from webapp.display import PLURALS
from webapp.metrics import STREAM_CLOSED
from webapp.sight import Sight, newest_notifications, open_sessions, recent_notifications, removed_at, sights
from workflows.notify import unread_count, visible_notifications
from workflows.refusals import AccessEnded, SignInFirst
from workflows.sign_in import find_session

MOST_AT_ONCE = 100
# Ids are given out before they are committed: for so long one may turn up among those that were told already.
LATE = timedelta(seconds=10)
LONGEST_NUMBER = 19


@dataclass(frozen=True)
class Told:
    """One server-sent event; `number` is set on those that a reconnecting reader resumes after."""

    event: str
    data: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    # When the removal was that this tells of.
    since: datetime | None = None

    def measure(self) -> None:
        """Note how long after the removal this was told, when it has been."""
        if self.since is not None:
            STREAM_CLOSED.observe((now() - self.since).total_seconds())

    def __bytes__(self) -> bytes:
        """Return the event as it goes over the wire."""
        number = f"id: {self.number}\n" if self.number else ""
        return f"{number}event: {self.event}\ndata: {json.dumps(self.data)}\n\n".encode()


@dataclass(eq=False)
class Reader:
    """Whoever holds a stream open: their sign-in, what they saw last, and what they were told.

    `told` are the ids, up to `last`, of what was told lately; among them others may still turn up.
    """

    user_id: int
    session_id: int
    last: int
    told: set[int]
    sight: Sight

    def is_concerned(self, news: News) -> bool:
        """Return whether the news could be about this reader, by what they saw last.

        Their right is asked for anew in any case, and whoever sees more now has news of their own.
        """
        if news.user_id is not None:
            return news.user_id == self.user_id
        if news.kind is NewsKind.CARD:
            return self.sight.sees(news.account_id, news.card_id)
        return self.sight.groups.get(news.account_id or 0) is Group.ADMIN


class Inbox:
    """The notifications of some people, at one look."""

    def __init__(self, session: Session, user_ids: Collection[int]) -> None:
        self.session, self._since = session, now() - LATE
        self._newest = newest_notifications(session, user_ids)
        self._recent = recent_notifications(session, user_ids, since=self._since)

    def untold(self, reader: Reader) -> list[Notification]:
        """Return what a reader was not told of yet, oldest first, and note that they are told now."""
        newest, recent = self._newest.get(reader.user_id, 0), self._recent.get(reader.user_id, set())
        fresh: list[Notification] = []
        if newest > reader.last or recent - reader.told:
            found = visible_notifications(
                self.session, reader.user_id, after=reader.last, since=self._since, limit=MOST_AT_ONCE
            )
            fresh = [each for each in reversed(found) if each.id not in reader.told]
        ids = {each.id for each in fresh}
        reader.last, reader.told = max(reader.last, newest, *ids), recent | ids
        return fresh


def read_on(database: Database, secret: str, after: str) -> Reader:
    """Return the reader whom a cookie's secret stands for, told everything up to notification `after`.

    Of what is hardly older than that they may be told again. Where `after` is no number they are told what comes
    from now on. Raises SignInFirst, AccessEnded.
    """
    with database.reading() as session:
        user_session = find_session(session, secret) if secret else None
        if user_session is None:
            raise AccessEnded if secret else SignInFirst
        sight = sights(session, [user_session.user_id]).get(user_session.user_id)
        if sight is None:
            raise AccessEnded
        user_id = user_session.user_id
        newest = newest_notifications(session, [user_id]).get(user_id, 0)
        recent = recent_notifications(session, [user_id], since=now() - LATE).get(user_id, set())
    is_resumed = after.isdecimal() and len(after) < LONGEST_NUMBER
    last = min(int(after), newest) if is_resumed else newest
    return Reader(user_id, user_session.id, last, {last} if is_resumed else recent, sight)


def look(database: Database, readers: Mapping[Reader, Collection[News]]) -> list[tuple[Reader, list[Told]]]:
    """Return what to tell each reader now, of whom there is news or none.

    A reader who may not see anything any more is told `end`, and no more.
    """
    with database.reading() as session:
        open_now = open_sessions(session, [each.session_id for each in readers])
        people = {each.user_id for each in readers if each.session_id in open_now}
        seen, inbox = sights(session, people), Inbox(session, people)
        now_seen = {each: seen.get(each.user_id) if each.session_id in open_now else None for each in readers}
        left = {each.user_id for each, sight in now_seen.items() if _left(each.sight, sight)}
        removals = removed_at(session, left)
        told = []
        for each, sight in now_seen.items():
            gone = {account_id: removals.get((each.user_id, account_id)) for account_id in _left(each.sight, sight)}
            if sight is None:
                told.append((each, [Told("end", since=max(filter(None, gone.values()), default=None))]))
            else:
                told.append((each, _tell(each, sight, readers[each], inbox, gone=gone)))
        return told


def _left(before: Sight, after: Sight | None) -> list[int]:
    return [account_id for account_id in before.slugs if after is None or account_id not in after.groups]


def _tell(
    reader: Reader, sight: Sight, news: Collection[News], inbox: Inbox, *, gone: dict[int, datetime | None]
) -> list[Told]:
    told = [*_lost(reader.sight, sight, gone), *_heard(reader, sight, news)]
    reader.sight = sight
    fresh = inbox.untold(reader)
    count = unread_count(inbox.session, reader.user_id) if fresh else 0
    return told + [_notification(each, count) for each in fresh]


def _lost(before: Sight, after: Sight, gone: dict[int, datetime | None]) -> Iterator[Told]:
    for account_id, slug in before.slugs.items():
        if account_id not in after.groups:
            yield Told("closed", {"account": slug, "card": None}, since=gone[account_id])
            continue
        if after.groups[account_id] is Group.FREE:
            for card_id in sorted(before.cards.get(account_id, set()) - after.cards.get(account_id, set())):
                yield Told("closed", {"account": slug, "card": card_id})


def _heard(reader: Reader, sight: Sight, news: Collection[News]) -> Iterator[Told]:
    for each in news:
        group = sight.groups.get(each.account_id or 0)
        is_mine = each.user_id == reader.user_id
        about = {"account": sight.slugs.get(each.account_id or 0)}
        if each.kind is NewsKind.CARD and sight.sees(each.account_id, each.card_id):
            yield Told("card", {**about, "card": each.card_id})
        elif each.kind is NewsKind.DIRECT and is_mine and group is not None:
            yield Told("direct", about)
        elif each.kind is NewsKind.USERS and group is Group.ADMIN:
            yield Told("users", about)
        elif each.kind is NewsKind.NOTIFICATION and is_mine:
            yield Told("center", about)


def _notification(entry: Notification, unread: int) -> Told:
    slug, author = entry.membership.account.slug, entry.message.author
    if entry.card is not None:
        url = f"/a/{slug}/{PLURALS[entry.card.kind]}/{entry.card.id}"
    else:
        url = f"/a/{slug}/direct/{entry.message.author_id}"
    data = {
        "id": entry.id,
        "account": slug,
        "card": entry.card_id,
        "title": entry.card.name if entry.card else _said(entry, N_("Direct chat")),
        "from": author.display_name if author else _said(entry, N_("Contact")),
        "url": url,
        "unread": unread,
    }
    return Told("notification", data, entry.id)


def _said(entry: Notification, sentence: str) -> str:
    reader = entry.membership
    with speaking(reader.user.language or reader.account.language):
        return gettext(sentence)
