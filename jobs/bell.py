"""Rings after each commit, from a thread of its own, so that nobody who commits waits for the broker."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from jobs.broker import AWAY, Doorbell, ring
from jobs.ledger import hand_over
from jobs.live import Live
from models import Database, News, settings
from models.absence import Absence, of_live_events

logger = logging.getLogger(__name__)
Batch = tuple[list[tuple[int, str]], list[News]]
T = TypeVar("T")
BATCHES_AT_ONCE = 100
# With so many messages in the queue, whoever rings next would wait behind them, whoever they are from.
CROWD = 32
FAREWELL_SECONDS = 1.0
# Of many mails each one's end is news, and mostly the same: what comes so soon after news is told with the next.
PAUSE_SECONDS = 0.05


class Bell:
    """A listener for `Database.on_commit`. What it cannot ring for, the relay will.

    While there is a crowd it leaves the ringing to the relay, which gives each account its turn.
    """

    def __init__(self, database: Database, broker: Doorbell, live: Live) -> None:
        self._database = database
        self._broker = broker
        self._live = live
        self._starting = threading.Lock()
        self._ringer: threading.Thread | None = None
        self._process = 0
        self._is_closed = False
        self._absence = Absence("broker_url", "the relay will ring")
        self._live_absence = of_live_events() if settings().redis_url else self._absence
        self._is_crowded = False

    def __call__(self, jobs: list[tuple[int, str]], news: list[News]) -> None:
        """Note what a commit left behind; returns at once."""
        if not self._is_ringing():
            self._start()
        self._pending.put((jobs, news))

    def close(self) -> None:
        """Ring for what is left, for a second at most."""
        if self._ringer and self._process == os.getpid():
            self._is_closed = True
            self._pending.put(None)
            self._ringer.join(FAREWELL_SECONDS)

    def _is_ringing(self) -> bool:
        # A thread does not survive a fork, nor what nobody foresaw.
        if self._ringer is None or self._process != os.getpid():
            return False
        return self._is_closed or self._ringer.is_alive()

    def _start(self) -> None:
        with self._starting:
            if self._is_ringing():
                return
            # The jobs of the parent are the parent's to ring for.
            if self._process != os.getpid():
                self._pending: SimpleQueue[Batch | None] = SimpleQueue()
                self._process = os.getpid()
                atexit.register(self.close)
            self._ringer = threading.Thread(target=self._run, name="bell", daemon=True)
            self._ringer.start()

    def _run(self) -> None:
        while True:
            batches = [self._pending.get()]
            while len(batches) < BATCHES_AT_ONCE:
                try:
                    batches.append(self._pending.get_nowait())
                except Empty:
                    break
            told = [batch for batch in batches if batch is not None]
            news = dict.fromkeys(each for _, news in told for each in news)
            self._try(self._live_absence, self._live.publish, list(news))
            jobs = [job for jobs, _ in told for job in jobs]
            self._try(self._absence, self._ring, jobs)
            if len(told) < len(batches):
                return
            if not jobs:
                time.sleep(PAUSE_SECONDS)

    def _ring(self, jobs: list[tuple[int, str]]) -> None:
        room = CROWD - self._broker.depth() if self._is_crowded else CROWD
        for job_id, actor in jobs[: max(room, 0)]:
            ring(self._broker, job_id, actor)
        if later := [job_id for job_id, _ in jobs[max(room, 0) :]]:
            with self._database.transaction() as session:
                hand_over(session, later)
        # Asked when nobody waits for the answer: a lone job finds the bell free.
        self._is_crowded = self._broker.depth() >= CROWD

    def _try(self, absence: Absence, act: Callable[[list[T]], None], what: list[T]) -> None:
        if not what:
            return
        try:
            act(what)
        except AWAY as error:
            absence.note(error)
        except SQLAlchemyError as error:
            logger.warning("the bell leaves jobs to the relay: %s", error)
        else:
            absence.end()
