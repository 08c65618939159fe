"""Actors that the clock wants: expire what is past its time, and sweep."""

from sqlalchemy.orm import Session

from jobs.durable import Again, durable
from workflows.invite import expire_invitations
from workflows.sweep import run_sweep


@durable()
def expire(session: Session) -> type[Again] | None:
    """Expire one batch of invitations."""
    return Again if expire_invitations(session) else None


@durable()
def sweep(session: Session, *, sweep_id: int) -> None:
    """Run the checks of one sweep."""
    run_sweep(session, sweep_id)
