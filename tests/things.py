"""One of everything that an account can hold, made row by row."""

import secrets
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import insert, update

from models import (
    Base,
    Card,
    Company,
    Contact,
    Database,
    Grant,
    Group,
    Import,
    ImportRow,
    Invitation,
    Job,
    JobStatus,
    Membership,
    Message,
    MessageKind,
    Note,
    Notification,
    Review,
    Sweep,
    Task,
    now,
)
from tests.people import Person, Team, make_guest, make_person
from workflows.cascade import advance_removal
from workflows.revoke import remove


@dataclass(frozen=True)
class Things:
    """One of everything, each named so that it is known again wherever it shows."""

    secret: str
    ids: dict[str, int]
    colleague_id: int
    guest_id: int


class Making:
    """Makes the things of one account, row by row, and leaves no job behind: nobody works on them."""

    def __init__(self, database: Database, team: Team, readers: list[int]) -> None:
        self.team, self.secret = team, f"hush{secrets.token_hex(4)}"
        guest = make_guest(database, team, name=f"{self.secret} guest")
        leaving = make_guest(database, team, name=f"{self.secret} leaving")
        with database.transaction() as self.session:
            ids = self._on_card([*readers, guest.membership_id]) | self._beside_card(leaving)
            ids["review_id"] = self._review(guest)
            every = update(Job).where(Job.account_id == team.id)
            self.session.execute(every.values(status=JobStatus.DONE, ring_at=None))
        self.things = Things(self.secret, ids, _colleague(database, team).membership_id, guest.membership_id)

    def _on_card(self, guests: list[int]) -> dict[str, int]:
        author = {"author_id": self.team.admin.membership_id}
        contact = self._row(Contact, name=f"{self.secret} contact", email=f"{self.secret}@contact.example")
        company = self._row(Company, name=f"{self.secret} company", website=f"https://{self.secret}.example")
        about = {"contact_id": contact, "company_id": company}
        card = self._row(Card, kind="lead", name=f"{self.secret} card", values={}, **about)
        self._row(Note, card_id=card, text=f"{self.secret} note", **author)
        task = self._row(Task, card_id=card, text=f"{self.secret} task", **author)
        message = self._row(Message, kind=MessageKind.CHAT, card_id=card, text=f"{self.secret} message", **author)
        for each in guests:
            self._row(Grant, membership_id=each, card_id=card, message_id=message)
        return {"card_id": card, "task_id": task, **about}

    def _beside_card(self, leaving: Person) -> dict[str, int]:
        admin, removed = self.team.admin.membership_id, leaving.membership_id
        message = self._row(Message, kind=MessageKind.DIRECT, author_id=removed, recipient_id=admin, text=self.secret)
        told = self._row(Notification, membership_id=admin, message_id=message)
        removal = remove(self.session, [removed], by=self.session.get_one(Membership, admin))
        assert not advance_removal(self.session, removal.id)
        invited = self._row(Membership, user_id=leaving.user_id, group="free", status="invited", name=self.secret)
        asked = {"membership_id": invited, "inviter_id": admin, "email_typed": leaving.email, "expires_at": _later()}
        sweep = self._row(Sweep, finished_at=now())
        listed = self._row(Import, file_name=f"{self.secret}.csv", uploaded_by_id=admin)
        row = {"email": leaving.email, "name": self.secret, "group": "free", "address": leaving.email}
        self.session.execute(insert(ImportRow).values(import_id=listed, line=2, **row))
        job = self._row(Job, actor="expire", arguments={})
        ids = {"job_id": job, "notification_id": told, "removal_id": removal.id, "sweep_id": sweep, "import_id": listed}
        return {**ids, "invitation_id": self._row(Invitation, **asked)}

    def _review(self, guest: Person) -> int:
        # Whoever sponsors may answer as well as any admin.
        sponsor = self.team.member.membership_id
        self.session.get_one(Membership, guest.membership_id).sponsor_id = sponsor
        times = {"opened_at": now(), "due_at": _later()}
        return self._row(Review, membership_id=guest.membership_id, asked_id=sponsor, **times)

    def _row(self, table: type[Base], **values: Any) -> int:
        insertion = insert(table).values(account_id=self.team.id, **values).returning(table.id)
        return self.session.scalars(insertion).one()


def _later() -> Any:
    return now().replace(year=now().year + 1)


@cache
def _colleague(database: Database, team: Team) -> Person:
    return make_person(database, team.id, f"colleague@{team.slug}.example", "Cora Colleague", Group.MEMBER)
