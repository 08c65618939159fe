"""Actors that the clock wants: expire what is past its time, and sweep."""

from sqlalchemy.orm import Session

from jobs.durable import Again, durable
from workflows.expire import expire as expire_batch
from workflows.sweep import run_sweep


@durable()
def expire(session: Session) -> type[Again] | None:
    """Expire one batch of what is past its time."""
    return Again if expire_batch(session) else None


@durable()
def sweep(session: Session, *, sweep_id: int) -> type[Again] | None:
    """Run the checks of one sweep, then mend a batch of what mends itself."""
    return Again if run_sweep(session, sweep_id) else None
