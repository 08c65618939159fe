"""Rings again for jobs that wait too long: after a lost bell, a due delay, a crash, an emptied broker."""

import logging

from sqlalchemy.exc import DBAPIError

from jobs.broker import AWAY, Doorbell, ring
from jobs.durable import tell_of_death
from jobs.ledger import Ledger
from models import JobStatus

logger = logging.getLogger(__name__)
RELEASED_AT_ONCE = 100
# While so many messages wait, the bell is not what is missing, and more messages would help nobody.
DEEP = 1000


class Relay:
    """Any number of hosts may run one: each row is taken by one of them at a time."""

    def __init__(self, ledger: Ledger, broker: Doorbell) -> None:
        self._ledger = ledger
        self._broker = broker
        self._is_away = False

    def look(self) -> None:
        """Release what workers let fall, then ring for what is due. A database or broker away is waited for."""
        try:
            self._release()
            self._ring()
        except (*AWAY, DBAPIError) as error:
            if not self._is_away:
                logger.warning("the relay waits: %s", error)
            self._is_away = True
        else:
            self._is_away = False

    def _release(self) -> None:
        with self._ledger.database.transaction() as session:
            for actor, arguments, status in self._ledger.release(session, RELEASED_AT_ONCE):
                if status == JobStatus.DEAD:
                    tell_of_death(self._broker, session, actor, arguments)

    def _ring(self) -> None:
        room = DEEP - self._broker.depth()
        if room <= 0:
            return
        with self._ledger.database.transaction() as session:
            overdue = self._ledger.overdue(session, room)
        for job_id, actor in overdue:
            ring(self._broker, job_id, actor)
        if overdue:
            logger.debug("rang again for %d jobs", len(overdue))
