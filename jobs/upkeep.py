"""Actors that the clock wants: expire what is past its time, remind, review, sweep, and forget what is long done."""

from datetime import timedelta

from sqlalchemy.orm import Session

from jobs.durable import Again, durable
from models import enqueue
from workflows.ask import ask_reviewers
from workflows.expire import expire as expire_batch
from workflows.purge import purge_jobs, purge_lists
from workflows.remind import remind as remind_batch
from workflows.review import open_reviews, settle_reviews
from workflows.sweep import run_sweep
from workflows.warn import warn as warn_batch


# The next tick brings the next of these.
@durable(within=timedelta(minutes=10))
def expire(session: Session) -> type[Again] | None:
    """Expire one batch of what is past its time."""
    return Again if any((expire_batch(session), settle_reviews(session))) else None


@durable(within=timedelta(hours=1))
def remind(session: Session) -> type[Again] | None:
    """Queue one batch each of the reminders, warnings and reviews that are due."""
    is_more = (remind_batch(session), warn_batch(session), ask_reviewers(session))
    return Again if any(is_more) else None


@durable(within=timedelta(days=1))
def review(session: Session) -> None:
    """Open a review of every guest's access; those who are asked are mailed like whoever is reminded."""
    open_reviews(session)
    enqueue(session, "remind")


@durable(within=timedelta(hours=1))
def sweep(session: Session, *, sweep_id: int) -> type[Again] | None:
    """Take one step of a sweep: one check, or a batch of what mends itself."""
    return Again if run_sweep(session, sweep_id) else None


@durable(within=timedelta(days=1))
def purge(session: Session) -> type[Again] | None:
    """Forget one batch of jobs that are long done, and of lists that nobody confirmed."""
    return Again if purge_jobs(session) | purge_lists(session) else None
