"""Rings for jobs that wait: in line behind others, after a lost bell, a due delay, a crash, an emptied broker."""

import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from jobs.broker import AWAY, Doorbell, ring
from jobs.durable import tell_of_death
from jobs.ledger import Ledger
from models import JobStatus
from models.absence import Absence

logger = logging.getLogger(__name__)
RELEASED_AT_ONCE = 100
# Who comes next waits behind the messages that are in the queue already, so there are only as many as workers
# take between two looks; the line itself stands in the database, where each account has its turn.
FEWEST, MOST = 16, 256
LOOK_AGAIN_SECONDS = 0.05


class Relay:
    """Any number of hosts may run one: each row is taken by one of them at a time."""

    def __init__(self, ledger: Ledger, broker: Doorbell) -> None:
        self._ledger = ledger
        self._broker = broker
        self._room = FEWEST
        self._broker_absence = Absence("broker_url", "jobs wait in the database")
        self._database_absence = Absence("database_url", "nothing is done until it does")

    def look(self, seconds: float = 0) -> None:
        """Release what workers let fall, then ring for what is due; while there is a line, go on for some seconds.

        A database or broker away is waited for.
        """
        until = time.monotonic() + seconds
        try:
            self._release()
            while self._ring() and time.monotonic() < until:
                time.sleep(LOOK_AGAIN_SECONDS)
        except AWAY as error:
            self._broker_absence.note(error)
        except SQLAlchemyError as error:
            self._database_absence.note(error)
        else:
            self._broker_absence.end()
            self._database_absence.end()

    def _release(self) -> None:
        with self._ledger.database.transaction() as session:
            for actor, arguments, status in self._ledger.release(session, RELEASED_AT_ONCE):
                if status == JobStatus.DEAD:
                    tell_of_death(self._broker, session, actor, arguments)

    def _ring(self) -> bool:
        """Ring for as many as there is room for; return whether there may be more."""
        depth = self._broker.depth()
        room = self._room - depth
        if room <= 0:
            self._room = self._next_room(depth)
            return True
        with self._ledger.database.transaction() as session:
            overdue = self._ledger.overdue(session, room)
        for job_id, actor in overdue:
            ring(self._broker, job_id, actor)
        if overdue:
            logger.debug("rang for %d jobs", len(overdue))
        is_more = len(overdue) == room
        self._room = self._next_room(depth) if is_more else FEWEST
        return is_more

    def _next_room(self, depth: int) -> int:
        if depth == 0:
            return min(self._room * 2, MOST)
        return max(self._room // 2, FEWEST) if depth > self._room / 2 else self._room
