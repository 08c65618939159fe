"""Plant a breach past the workflows that would not let it happen."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

from models import (
    Addressee,
    Base,
    Database,
    Grant,
    Group,
    Membership,
    MembershipStatus,
    Message,
    MessageKind,
    now,
)
from tests.people import Person, make_card, make_guest, make_person
from tests.rows import World


@dataclass
class Scene:
    """What a planter works with: the world, fresh people and cards, and what must be deleted without its referents."""

    database: Database
    world: World
    session: Session
    guest: Person
    colleague: Person
    card_id: int
    tear_out: list[tuple[type[Base], int]] = field(default_factory=list)

    def membership(self, person: Person) -> Membership:
        return self.session.get_one(Membership, person.membership_id)

    def delete_raw(self, person: Person) -> None:
        """Mark a membership as deleted with nothing of what follows a removal."""
        membership = self.membership(person)
        membership.status, membership.deleted_at = MembershipStatus.DELETED, now()

    def message(self, card_id: int) -> Message:
        about = {"account_id": self.world.team.id, "author_id": self.world.team.admin.membership_id}
        return self.add(Message(kind=MessageKind.CHAT, card_id=card_id, text="Look", **about))

    def grant(self, card_id: int, message: Message | None = None, **about: object) -> Grant:
        """Open a grant by a message that addresses the guest, and with nothing else beside it."""
        if message is None:
            message = self.message(card_id)
            self.add(Addressee(message_id=message.id, membership_id=self.guest.membership_id))
        about = {"account_id": self.world.team.id, "membership_id": self.guest.membership_id, **about}
        return self.add(Grant(card_id=card_id, message_id=message.id, **about))

    def add(self, row: Base) -> Base:
        self.session.add(row)
        self.session.flush()
        return row


@dataclass(frozen=True)
class Breach:
    """One way to break an invariant: what is planted, what the evidence must name, and how mended looks."""

    check: str
    how: str
    plant: Callable[[Scene], Base]
    tells: str
    is_mended: Callable[[Session, int], bool]


BREACHES: list[Breach] = []
Planter = Callable[[Scene], Base]


def breach(check: str, how: str, *, tells: str, mended: Callable[[Session, int], bool]) -> Callable[[Planter], Planter]:
    """Keep the function below as a way to break a check."""

    def keep(planter: Planter) -> Planter:
        BREACHES.append(Breach(check, how, planter, tells, mended))
        return planter

    return keep


def plant(database: Database, world: World, breach: Breach) -> int:
    """Plant a breach in the first account; return the id of the object that a sweep should name."""
    guest = make_guest(database, world.team)
    colleague = make_person(database, world.team.id, f"bob-{guest.email}", "Bob", Group.ADMIN)
    card = make_card(database, world.team, name="Planted")
    with database.transaction() as session:
        scene = Scene(database, world, session, guest, colleague, card.id)
        found = breach.plant(scene)
        session.flush()
        object_id = found.id
    for table, row_id in scene.tear_out:
        _tear_out(database, table, row_id)
    return object_id


def _tear_out(database: Database, table: type[Base], row_id: int) -> None:
    """Delete a row that others point to, as only somebody with the database in their hands can."""
    deletion = f"DELETE FROM {table.__tablename__} WHERE id = {row_id}"  # noqa: S608
    if database.engine.dialect.name == "sqlite":
        with sqlite3.connect(database.engine.url.database) as raw:
            raw.execute(deletion)
        raw.close()
    else:
        with database.engine.begin() as raw:
            raw.execute(text("SET LOCAL session_replication_role = replica"))
            raw.execute(text(deletion))
