"""Turns: whoever holds one is waited for, and very many of them can be held at once."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import Database
from workflows.turn import take_turn

# As many people as one form may delete, and so one undoing may bring back.
MANY = 10_000


def test_r58_the_turns_at_as_many_people_as_a_removal_may_have_are_held_at_once(database: Database) -> None:
    with database.transaction() as session:
        take_turn(session, *(f"invitations to n{number}@people.example" for number in range(MANY)))

        if database.is_postgresql:
            for number in (0, MANY // 2, MANY - 1):
                with pytest.raises(OperationalError, match="lock timeout"), database.transaction() as another:
                    another.execute(text("SET LOCAL lock_timeout = '50ms'"))
                    take_turn(another, f"invitations to n{number}@people.example")
