"""Actors that carry out removals."""

from datetime import timedelta

from sqlalchemy.orm import Session

from jobs.durable import Again, durable
from workflows.cascade import advance_removal


# What a week did not end, a sweep finds and takes up.
@durable(within=timedelta(days=7))
def carry_out_removal(session: Session, *, removal_id: int) -> type[Again] | None:
    """End one batch of what a removal leaves behind."""
    return Again if advance_removal(session, removal_id) else None
