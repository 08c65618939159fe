"""Actors that carry out imports."""

from datetime import timedelta

from sqlalchemy.orm import Session

from jobs.durable import Again, durable
from workflows.enlist import advance_import


@durable(within=timedelta(days=7))
def carry_out_import(session: Session, *, import_id: int) -> type[Again] | None:
    """Invite one batch of the rows that an import has left."""
    return Again if advance_import(session, import_id) else None
