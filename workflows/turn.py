"""Let those who count something before they add to it do so one after another, so that limits hold at once, too."""

import hashlib

from sqlalchemy import func, select
from sqlalchemy.orm import Session


def take_turn(session: Session, *things: str) -> None:
    """Wait until nobody else holds a turn at any of these things, and hold it until the commit.

    On SQLite, transactions that write come one after another anyway.
    """
    if things and session.get_bind().dialect.name == "postgresql":
        # Everybody takes them in the same order, so that nobody waits in a ring.
        session.execute(select(*(func.pg_advisory_xact_lock(key) for key in sorted(map(_key, things)))))


def _key(thing: str) -> int:
    return int.from_bytes(hashlib.sha256(thing.encode()).digest()[:8], signed=True)
