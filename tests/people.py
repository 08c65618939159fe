"""Accounts, people and cards to tell stories about, made without their ceremonies."""

import secrets
from dataclasses import dataclass
from functools import cache

from argon2 import PasswordHasher

from models import CardKind, Database, Group, Membership
from workflows.found import enrol, found_account
from workflows.tend import create_card

PASSWORD = "a password for every test"


@dataclass(frozen=True)
class Person:
    """Somebody with a password and an active membership."""

    email: str
    name: str
    user_id: int
    membership_id: int
    account_id: int
    password: str = PASSWORD


@dataclass(frozen=True)
class Team:
    """An account with an admin and a member."""

    id: int
    slug: str
    admin: Person
    member: Person

    @property
    def path(self) -> str:
        return f"/a/{self.slug}"


@dataclass(frozen=True)
class Lead:
    """A card, lead or customer, and the path of its page."""

    id: int
    path: str
    name: str


def make_team(database: Database) -> Team:
    """Make a fresh account, which shares nobody and nothing with any other."""
    slug = f"team-{secrets.token_hex(4)}"
    with database.transaction() as session:
        known_by = {"admin_email": f"ada@{slug}.example", "admin_name": "Ada Admin", "password_hash": _hash()}
        admin = _person(found_account(session, slug=slug, name=f"Team {slug}", **known_by))
    member = make_person(database, admin.account_id, f"max@{slug}.example", "Max Member", Group.MEMBER)
    return Team(id=admin.account_id, slug=slug, admin=admin, member=member)


def make_person(database: Database, account_id: int, email: str, name: str, group: Group) -> Person:
    """Seat a person in an account, with PASSWORD; one who has a password already keeps it."""
    with database.transaction() as session:
        return _person(enrol(session, account_id, email=email, name=name, group=group, password_hash=_hash()))


def make_guest(database: Database, team: Team, email: str = "", name: str = "Gwen Guest") -> Person:
    """Seat a free user whose sponsor is the team's admin."""
    email = email or f"guest-{secrets.token_hex(4)}@{team.slug}.example"
    guest = make_person(database, team.id, email, name, Group.FREE)
    with database.transaction() as session:
        session.get_one(Membership, guest.membership_id).sponsor_id = team.admin.membership_id
    return guest


def make_card(database: Database, team: Team, name: str = "Oak table", kind: str = "lead") -> Lead:
    """Create a lead (or customer) as the team's admin."""
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        card = create_card(session, by=admin, kind=CardKind(kind), name=name)
        return Lead(id=card.id, path=f"{team.path}/{kind}s/{card.id}", name=name)


def _person(membership: Membership) -> Person:
    user = membership.user
    return Person(user.email, user.name, user.id, membership.id, membership.account_id)


@cache
def _hash() -> str:
    # Checked like any other, at hardly any cost: what a hash costs is said in the hash.
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
