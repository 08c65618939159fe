"""The life of a job's row: claimed, finished, put back, released or buried, each by one conditional statement."""

import random
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, Update, bindparam, case, func, literal, null, select, update
from sqlalchemy.orm import Session

from models import Database, Job, JobStatus, Settings, Unchanged, Writes, now, unsynced, write
from models.job import HEAD_START, is_paused, ring_for
from models.visible import visible
from workflows.refusals import Refusal

# Clocks of two hosts may differ by so much before a bell comes "too early" and is left to the relay.
SKEW = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(hours=1)
# Trouble that passes is not the job's fault: when it has passed, nobody should wait an hour.
LONGEST_PASSING_PAUSE = timedelta(minutes=5)
ERROR_LIMIT = 4000
LEASE_ENDED = "The worker did not finish within its lease; it was killed, or took too long."


class Overtaken(Exception):
    """Another worker has claimed this job since: nothing that was done here may stand."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to finish a job, for as long as its row still says `running` with these attempts."""

    job_id: int
    actor: str
    arguments: dict[str, int]
    attempts: int
    due_at: datetime
    request_id: str = ""


_mine = (Job.id == bindparam("job_id"), Job.status == JobStatus.RUNNING, Job.attempts == bindparam("mine"))

CLAIM = (
    update(Job)
    .where(Job.id == bindparam("job_id"), Job.status == JobStatus.WAITING, Job.not_before <= bindparam("latest"))
    .where(~is_paused())
    .values(
        status=JobStatus.RUNNING,
        attempts=Job.attempts + 1,
        started_at=bindparam("at"),
        ring_at=bindparam("lease_ends"),
    )
    .returning(Job.id, Job.actor, Job.arguments, Job.attempts, Job.due_at, Job.request_id)
)
CLAIM_AT_ONCE = unsynced(CLAIM)
FINISH = update(Job).where(*_mine).values(status=JobStatus.DONE, finished_at=bindparam("at"), ring_at=None)
PUT_BACK = (
    update(Job)
    .where(*_mine)
    .values(
        status=JobStatus.WAITING,
        attempts=bindparam("left"),
        not_before=bindparam("due"),
        ring_at=bindparam("rung"),
        last_error=func.coalesce(bindparam("error", type_=Text), Job.last_error),
    )
)
_over: dict[str, Any] = {"status": JobStatus.DEAD, "finished_at": bindparam("at"), "ring_at": None}
_dies = {**_over, "last_error": bindparam("error")}
DIE = update(Job).where(*_mine).values(**_dies)
_of_actor = (Job.id == bindparam("job_id"), Job.actor == bindparam("of"), Job.status == JobStatus.WAITING)
BURY = update(Job).where(*_of_actor).values(**_dies)
_due = (Job.ring_at <= bindparam("at"),)
_fallen = select(Job.id).where(Job.status == JobStatus.RUNNING, *_due).order_by(Job.ring_at).limit(bindparam("most"))
# The first of each account, then the second of each: who has many waits no longer for it, and neither do the others.
_turn = func.row_number().over(partition_by=Job.account_id, order_by=Job.ring_at).label("turn")
_line = select(Job.id, Job.ring_at, _turn).where(Job.status == JobStatus.WAITING, *_due, ~is_paused()).subquery()
_next = select(_line.c.id).order_by(_line.c.turn, _line.c.ring_at).limit(bindparam("most"))
_called = select(Job.id).where(Job.id.in_(_next), Job.status == JobStatus.WAITING, *_due)
_is_used_up = Job.attempts >= bindparam("allowed")
RELEASE = (
    update(Job)
    .where(Job.id.in_(_fallen.with_for_update(skip_locked=True)))
    .values(
        status=case((_is_used_up, literal(JobStatus.DEAD)), else_=literal(JobStatus.WAITING)),
        finished_at=case((_is_used_up, bindparam("at")), else_=null()),
        ring_at=case((_is_used_up, null()), else_=bindparam("at")),
        last_error=LEASE_ENDED,
    )
    .returning(Job.actor, Job.arguments, Job.status)
)
RING = (
    update(Job)
    .where(Job.id.in_(_called.with_for_update(skip_locked=True)))
    .values(ring_at=bindparam("next_ring"))
    .returning(Job.id, Job.actor)
)
HAND_OVER = (
    update(Job)
    .where(Job.id.in_(bindparam("job_ids", expanding=True)), Job.status == JobStatus.WAITING)
    .values(ring_at=bindparam("at"))
)


class Ledger:
    """Every change of a job's row that jobs make."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self._settings = settings
        self._lease = timedelta(seconds=settings.job_lease_seconds)
        self._claim = CLAIM_AT_ONCE if database.is_postgresql else CLAIM

    def claim(self, job_id: int) -> Claim | None:
        """Take a waiting job that is due, in a transaction of its own. Returns None where there is none."""
        at = now()
        bound = {"job_id": job_id, "at": at, "latest": at + SKEW, "lease_ends": at + self._lease}
        with self.database.at_once.begin() as connection:
            row = connection.execute(self._claim, bound).one_or_none()
        return Claim(*row) if row else None

    def finish(self, session: Session, claim: Claim) -> None:
        """End the job in the transaction of its effects. Raises Overtaken."""
        self._end(session, claim, FINISH, at=now())

    def finish_with(self, claim: Claim, effects: list[Writes]) -> None:
        """Write the effects and end the job, in a transaction of its own. Raises Overtaken."""
        try:
            self.database.write(*effects, _of(claim, FINISH, at=now()))
        except Unchanged:
            raise Overtaken(claim.job_id) from None

    def go_on(self, session: Session, claim: Claim) -> None:
        """Let the job wait for its next batch, at no cost of attempts, and ring for it. Raises Overtaken."""
        job = Job(id=claim.job_id, actor=claim.actor)
        ring_for(session, job)
        self._end(session, claim, PUT_BACK, left=claim.attempts - 1, due=now(), rung=job.ring_at, error=None)

    def fail(self, session: Session, claim: Claim, error: BaseException, *, within: timedelta = timedelta.max) -> bool:
        """Put a failed job back, to be tried again after a pause. Returns whether it is dead instead.

        A refusal is never tried again, nor is what was due longer ago than `within`; an error whose `counts` is
        false uses up neither attempts nor time. Raises Overtaken.
        """
        # An error may hold what somebody sent, and that what no database keeps.
        text = "\n".join(map(visible, "".join(traceback.format_exception(error)).split("\n")))[-ERROR_LIMIT:]
        counts = getattr(error, "counts", True)
        is_used_up = claim.attempts >= self._settings.job_attempts or now() - claim.due_at > within
        if isinstance(error, Refusal) or (counts and is_used_up):
            self._end(session, claim, DIE, at=now(), error=text)
            return True

        due = now() + (self._pause(claim) if counts else self._passing_pause(claim))
        left = claim.attempts if counts else claim.attempts - 1
        self._end(session, claim, PUT_BACK, left=left, due=due, rung=due, error=text)
        return False

    def bury(self, session: Session, job_id: int, actor: str, reason: str) -> None:
        """Make a waiting job a dead letter that nobody can carry out."""
        session.connection().execute(BURY, {"job_id": job_id, "of": actor, "at": now(), "error": reason})

    def release(self, session: Session, most: int) -> list[tuple[str, dict[str, int], JobStatus]]:
        """End the leases that are over. Returns (actor, arguments, status) of their jobs: waiting again, or dead."""
        bound = {"at": now(), "most": most, "allowed": self._settings.job_attempts}
        return [tuple(row) for row in session.connection().execute(RELEASE, bound)]

    def overdue(self, session: Session, most: int) -> list[tuple[int, str]]:
        """Return (id, actor) of jobs to ring for, each account in its turn, and put off their next ring."""
        at = now()
        bound = {"at": at, "most": most, "next_ring": at + HEAD_START}
        return [(row.id, row.actor) for row in session.connection().execute(RING, bound)]

    def _end(self, session: Session, claim: Claim, end: Update, **bound: object) -> None:
        if write(session, _of(claim, end, **bound)) != 1:
            raise Overtaken(claim.job_id)

    def _pause(self, claim: Claim) -> timedelta:
        doubled = self._settings.job_pause_seconds * 2 ** (claim.attempts - 1)
        return _jittered(min(timedelta(seconds=min(doubled, 1e6)), LONGEST_PAUSE))

    def _passing_pause(self, claim: Claim) -> timedelta:
        # As long again as it has waited already: doubles like the other, and needs no count.
        shortest = timedelta(seconds=self._settings.job_pause_seconds)
        return _jittered(max(shortest, min(now() - claim.due_at, LONGEST_PASSING_PAUSE)))


def hand_over(session: Session, job_ids: Sequence[int]) -> None:
    """Leave it to the relay to ring for waiting jobs, at its next look."""
    session.connection().execute(HAND_OVER, {"job_ids": job_ids, "at": now()})


def _of(claim: Claim, end: Update, **bound: object) -> Writes:
    return Writes((end,), {"job_id": claim.job_id, "mine": claim.attempts, **bound})


def _jittered(pause: timedelta) -> timedelta:
    return pause * random.uniform(0.8, 1.2)  # noqa: S311
