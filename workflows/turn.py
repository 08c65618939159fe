"""Let those who count something before they add to it do so one after another, so that limits hold at once, too."""

import hashlib

from sqlalchemy import func, select
from sqlalchemy.orm import Session

# PostgreSQL gives back no more than 1,664 columns.
AT_ONCE = 1000


def take_turn(session: Session, *things: str) -> None:
    """Wait until nobody else holds a turn at any of these things, and hold it until the commit.

    On SQLite, transactions that write come one after another anyway.
    """
    if things and session.get_bind().dialect.name == "postgresql":
        # Everybody takes them in the same order, so that nobody waits in a ring.
        keys = sorted(set(map(_key, things)))
        for first in range(0, len(keys), AT_ONCE):
            turns = (func.pg_advisory_xact_lock(key) for key in keys[first : first + AT_ONCE])
            session.execute(select(*turns))


def _key(thing: str) -> int:
    return int.from_bytes(hashlib.sha256(thing.encode()).digest()[:8], signed=True)
