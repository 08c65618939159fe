"""One kill: a workflow dies at a statement, another process goes on with what is recorded, and all is looked at."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from functools import cache, partial
from pathlib import Path

from sqlalchemy import select

from models import Database, Delivery, DeliveryStatus
from tests.databases import Databases
from tests.stop_points.fuse import COMMIT, KILLED, Fuse, Stop, in_child
from tests.stop_points.hand import resume, working
from tests.stop_points.likeness import Likeness, difference, likeness
from tests.stop_points.stories import Act
from workflows.sweep import sweep_now


class Ground:
    """Where a story is told again and again: the world that it begins in, and how it ends undisturbed."""

    def __init__(self, offered: Databases, home: Path, begin: Callable[[Database], Act]) -> None:
        self.offered, self.home, self.world = offered, home, begin.__name__
        url = offered.create(self.world, like="migrated")
        with _opened(url) as database:
            self.act = begin(database)
        self._in_child(_resume, url)
        self.before, self.sent_before = self._look(url), self._sent(url)
        with self._copy() as url:
            self._in_child(self._tell, url)
            # What nobody was rung for is the relay's, here as everywhere.
            self._in_child(_resume, url)
            self.after = self._look(url)
            amiss = [*self._mail_violations(url, set()), *self._sweep_violations(url)]
        assert not amiss and self.after != self.before, f"undisturbed, {self.world} ends like this: {amiss}"
        self.statements: list[str] = json.loads(self._trace.read_text())

    @property
    def stops(self) -> list[Stop]:
        """Every moment at which it can be killed."""
        return [Stop(number, is_after) for number in range(len(self.statements)) for is_after in (False, True)]

    def is_recorded(self, stop: Stop) -> bool:
        """Return whether the request's own transaction has committed by then."""
        return stop >= Stop(self.statements.index(COMMIT), is_after=True)

    def violations(self, stop: Stop) -> list[str]:
        """Kill it there, let others go on, and return what is not as it should be."""
        with self._copy() as url:
            found = list(self._kill(url, stop))
        return [f"{self.world} killed {stop} ({self.statements[stop.number]}): {each}" for each in found]

    def _kill(self, url: str, stop: Stop) -> Iterator[str]:
        if (ended := in_child(partial(self._tell, url, stop))) != KILLED:
            yield f"it was not killed there, and ended with {ended}"
        if not self.is_recorded(stop):
            yield from _differs("half of it is left", self.before, self._look(url))
        in_flight = set(self._mails()) - self._sent(url)
        if ended := in_child(partial(_resume, url)):
            yield f"going on ended with {ended}"
        if not self.is_recorded(stop):
            yield from _differs("what was not recorded has effects", self.before, self._look(url))
            # Whoever got no answer asks again: nothing is in the way.
            if ended := in_child(partial(self._tell, url)) or in_child(partial(_resume, url)):
                yield f"asking again ended with {ended}"
        yield from _differs("it ends otherwise than undisturbed", self.after, self._look(url))
        yield from self._mail_violations(url, in_flight)
        yield from self._sweep_violations(url)

    def _tell(self, url: str, stop: Stop | None = None) -> None:
        fuse = Fuse(database := _at(url), stop)
        with working(database), database.transaction() as session:
            self.act(session)
        self._trace.write_text(json.dumps(fuse.statements))

    def _mail_violations(self, url: str, in_flight: set[str]) -> Iterator[str]:
        """Find mails that are missing, too many, or sent twice though the first was known to have left."""
        mails, sent = self._mails(), self._sent(url) - self.sent_before
        if missing := sent - mails.keys():
            yield f"said to be sent, and never seen: {missing}"
        if unknown := mails.keys() - sent:
            yield f"seen, and not said to be sent: {unknown}"
        for mail_id, count in mails.items():
            if count > 1 + (mail_id in in_flight):
                yield f"sent {count} times: {mail_id}"

    def _sweep_violations(self, url: str) -> Iterator[str]:
        with _opened(url) as database:
            for each in sweep_now(database).findings:
                yield f"a sweep finds {each.check} {each.object_id} {each.evidence}"

    def _look(self, url: str) -> Likeness:
        with _opened(url) as database:
            return likeness(database)

    def _sent(self, url: str) -> set[str]:
        with _opened(url) as database, database.reading() as session:
            return set(session.scalars(select(Delivery.mail_id).where(Delivery.status == DeliveryStatus.SENT)))

    def _mails(self) -> Counter[str]:
        return Counter(str(message_from_bytes(each.read_bytes())["Message-ID"]) for each in self._mail_files())

    def _mail_files(self) -> list[Path]:
        return list((self.home / "mail").glob("new/*"))

    @property
    def _trace(self) -> Path:
        return self.home / "statements.json"

    @contextmanager
    def _copy(self) -> Iterator[str]:
        for each in self._mail_files():
            each.unlink()
        try:
            yield self.offered.create("trial", like=self.world)
        finally:
            self.offered.drop("trial")

    def _in_child(self, act: Callable[[str], object], url: str) -> None:
        ended = in_child(partial(act, url))
        assert ended == 0, f"{self.world} ended with {ended}"


def _resume(url: str) -> None:
    resume(_at(url))


def _differs(sentence: str, wanted: Likeness, seen: Likeness) -> Iterator[str]:
    if told := difference(wanted, seen):
        yield f"{sentence}: {told}"


@contextmanager
def _opened(url: str) -> Iterator[Database]:
    """Open a database for a moment: nobody may hold a connection when it is copied, or a process is forked."""
    try:
        yield _at(url)
    finally:
        _at(url).close()


@cache
def _at(url: str) -> Database:
    # One for all copies, which follow each other at the same place: statements are compiled once.
    return Database(url)
