"""An account in which there is plenty of everything that its pages show, put there a table at a time."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from models import (
    Addressee,
    AuditEvent,
    Base,
    Card,
    CardKind,
    Company,
    Contact,
    Database,
    Event,
    Finding,
    Grant,
    Group,
    Import,
    ImportRow,
    ImportStatus,
    Job,
    JobStatus,
    Membership,
    MembershipStatus,
    Message,
    MessageKind,
    Note,
    Notification,
    RowStatus,
    Severity,
    Sweep,
    Task,
    now,
)
from tests.crowd import plant_crowd
from tests.people import Person, Team, make_guest, make_team
from workflows.cascade import advance_removal
from workflows.revoke import remove

SAID = (
    "The north side leaks when it rains; could you look at the rafters, and say what the tinsmith asks for the gutter?"
)
TRACE = "Traceback (most recent call last):\n" + '  File "jobs/durable.py", line 100, in work\n    step()\n' * 30
EVENTS = (Event.ACCESS_REFUSED, Event.GRANT_MADE, Event.CARD_CREATED, Event.INVITATION_MADE, Event.DELIVERY_SENT)
TOGETHER = 60
Values = dict[str, Any]


@dataclass(frozen=True)
class Plenty:
    """A team, a guest of many cards, and the ids of what there is much of, or much in."""

    team: Team
    guest: Person
    contact_id: int
    card_id: int
    import_id: int
    sweep_id: int
    # Of one guest who had many cards, and of as many people as one page of users offers.
    removals: tuple[int, int]


def plant_plenty(database: Database, *, rows: int, talk: int) -> Plenty:
    """Plant `rows` of what an account has many of, and `talk` of what is said, told and given on one card."""
    team = make_team(database)
    guest, leaving = make_guest(database, team), make_guest(database, team, name="Piet")
    plant_crowd(database, team, rows)
    planter = _Planter({"account_id": team.id}, team, rows, talk)
    with database.transaction() as session:
        contact_id, cards = planter.cards(session)
        message_id = planter.talk_on(session, cards)
        people = planter.guests(session, but=(guest.membership_id, leaving.membership_id))
        staying, others = people[::2], people[1::2]
        given = {**planter.own, "message_id": message_id}
        given_to = (
            (staying, cards[-1:]),
            ([leaving.membership_id], cards[:talk]),
            ([guest.membership_id], cards[-talk:]),
        )
        for guests, on in given_to:
            _rows(session, Grant, ({**given, "membership_id": each, "card_id": card} for each in guests for card in on))
        import_id, sweep_id = planter.lines(session), planter.work(session)
    removals = tuple(_remove(database, team, who) for who in ([leaving.membership_id], others[:TOGETHER]))
    return Plenty(team, guest, contact_id, cards[-1], import_id, sweep_id, removals)


@dataclass(frozen=True)
class _Planter:
    own: Values
    team: Team
    rows: int
    talk: int

    def cards(self, session: Session) -> tuple[int, list[int]]:
        contact_id = _rows(session, Contact, self._much(name="Contact"))[-1]
        company_id = _rows(session, Company, self._much(name="Company"))[-1]
        about = {"kind": CardKind.LEAD, "contact_id": contact_id, "company_id": company_id}
        return contact_id, _rows(session, Card, self._many(**about, name="A lead with a name of its own"))

    def talk_on(self, session: Session, cards: list[int]) -> int:
        """Talk on the last card, in direct chat, and in the admin's notifications about many cards."""
        admin, member = self.team.admin.membership_id, self.team.member.membership_id
        on_card = {"author_id": member, "card_id": cards[-1], "text": SAID}
        direct = {"author_id": member, "recipient_id": admin, "text": SAID}
        chat = _rows(session, Message, self._much(kind=MessageKind.CHAT, **on_card))
        said = _rows(session, Message, self._much(kind=MessageKind.DIRECT, **direct))
        _rows(session, Message, self._much(kind=MessageKind.CONTACT, **on_card))
        _rows(session, Note, self._much(**on_card))
        _rows(session, Task, self._much(**on_card))
        _rows(session, Addressee, ({"message_id": each, "membership_id": admin} for each in chat))
        told = {**self.own, "membership_id": admin}
        about = [*zip(chat, cards, strict=False), *((each, None) for each in said)]
        _rows(session, Notification, ({**told, "message_id": each, "card_id": card} for each, card in about))
        return chat[0]

    def guests(self, session: Session, *, but: Collection[int]) -> list[int]:
        present = {**self.own, "group": Group.FREE, "status": MembershipStatus.ACTIVE}
        return list(session.scalars(select(Membership.id).filter_by(**present).where(Membership.id.not_in(but))))

    def lines(self, session: Session) -> int:
        by = self.team.admin.membership_id
        lines = zip(self._many(actor_id=by), islice(cycle(EVENTS), self.rows), strict=True)
        alike = {"object_id": by, "details": {"membership": by}}
        _rows(session, AuditEvent, ({**each, **alike, "event": event} for each, event in lines))
        whose = {"uploaded_by_id": by, "confirmed_by_id": by, "confirmed_at": now(), "finished_at": now()}
        listed = {**self.own, **whose, "file_name": "people.csv", "status": ImportStatus.DONE}
        (import_id,) = _rows(session, Import, [listed])
        row = {"import_id": import_id, "group": "free", "status": RowStatus.REFUSED, "reason": SAID}
        people = ({"line": n + 2, "email": f"n{n}@people.example", "name": f"Name {n}"} for n in range(self.rows))
        _rows(session, ImportRow, ({**row, **each} for each in people))
        return import_id

    def work(self, session: Session) -> int:
        dead = {"status": JobStatus.DEAD, "attempts": 12, "last_error": f"{TRACE}ValueError: {SAID}\n"}
        _rows(session, Job, self._many(actor="deliver", arguments={"delivery_id": 1}, finished_at=now(), **dead))
        (sweep_id,) = _rows(session, Sweep, [{**self.own, "finished_at": now()}])
        found = {"sweep_id": sweep_id, "severity": Severity.HIGH, "check": "grant_past_end"}
        for mended_at in (None, now()):
            of = self._much(**found, repaired_at=mended_at, evidence={"card": SAID})
            _rows(session, Finding, ({**each, "object_id": n + 1} for n, each in enumerate(of)))
        return sweep_id

    def _many(self, **values: Any) -> Iterable[Values]:
        return ({**self.own, **values} for _ in range(self.rows))

    def _much(self, **values: Any) -> Iterable[Values]:
        return ({**self.own, **values} for _ in range(self.talk))


def _remove(database: Database, team: Team, ids: list[int]) -> int:
    with database.transaction() as session:
        removal = remove(session, ids, by=session.get_one(Membership, team.admin.membership_id))
        while advance_removal(session, removal.id):
            pass
    return removal.id


def _rows(session: Session, table: type[Base], values: Iterable[Values]) -> list[int]:
    """Insert rows, and return their ids, ascending."""
    last = session.scalar(select(table.id).order_by(table.id.desc()).limit(1)) or 0
    session.execute(insert(table.__table__), list(values))
    return list(session.scalars(select(table.id).where(table.id > last).order_by(table.id)))
