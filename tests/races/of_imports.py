"""A race about lists: two admins confirm two that name the same people."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import func, select

from models import Import, ImportRow, ImportStatus, Invitation, InvitationStatus, Membership, RowStatus, User
from tests.importing import listed
from tests.inviting import Admin, fresh
from tests.people import Person
from tests.races.duel import Act
from tests.races.race import SEE_OTHER, Answers, Race, codes

SHARED = 6


@dataclass(frozen=True)
class Lists:
    """Two lists that are looked at, and the people whom both name."""

    ids: tuple[int, int]
    people: list[str]


class ImportWithImport(Race):
    """Two admins confirm lists of the same people, who stand in them in opposite order."""

    name, first, second = "import with import", "Ada", "Bea"

    def scenes(self, count: int) -> list[Any]:
        return [self._scene([fresh() for _ in range(SHARED)]) for _ in range(count)]

    def acts(self, scene: Lists) -> tuple[Act, Act]:
        ada, bea = scene.ids
        return partial(_confirm, self.admin, ada), partial(_confirm, self.other_admin, bea)

    def winner(self, scene: Lists, answers: Answers) -> int:  # noqa: ARG002
        with self.database.reading() as session:
            begun = select(Import.id).where(Import.id.in_(scene.ids)).order_by(Import.confirmed_at).limit(1)
            return scene.ids.index(session.scalars(begun).one())

    def at_once(self, scene: Lists, answers: Answers) -> Iterator[str]:  # noqa: ARG002
        yield from codes(answers, (SEE_OTHER, SEE_OTHER))

    def afterwards(self, scene: Lists) -> Iterator[str]:
        with self.database.reading() as session:
            statuses = session.scalars(select(Import.status).where(Import.id.in_(scene.ids))).all()
            invited = select(ImportRow.email).where(ImportRow.import_id.in_(scene.ids))
            by_list = session.scalars(invited.where(ImportRow.status == RowStatus.INVITED)).all()
        if set(statuses) != {ImportStatus.DONE}:
            yield f"the lists are {statuses}"
        if sorted(by_list) != sorted(scene.people):
            yield f"invited by one list or the other: {by_list}, of {scene.people}"
        for each in scene.people:
            if (counts := self._counts(each)) != (1, 1, 1):
                yield f"memberships, pending invitations and mails of {each}: {counts}"

    def _counts(self, email: str) -> tuple[int | None, int | None, int]:
        seats = select(Membership.id).join(Membership.user).where(User.email == email)
        pending = (Invitation.membership_id.in_(seats), Invitation.status == InvitationStatus.PENDING)
        with self.database.reading() as session:
            found = [
                session.scalar(select(func.count()).where(*what)) for what in ((Membership.id.in_(seats),), pending)
            ]
        return found[0], found[1], len(self.stack.mails_now(email))

    def _scene(self, people: list[str]) -> Lists:
        orders = ((self.team.admin, people), (self.bea, people[::-1]))
        return Lists((self._list(*orders[0]), self._list(*orders[1])), people)

    def _list(self, by: Person, people: list[str]) -> int:
        with self.database.transaction() as session:
            return listed(session, session.get_one(Membership, by.membership_id), *people).id


def _confirm(admin: Admin, import_id: int) -> httpx.Response:
    return admin.browser.post(f"{admin.page}/import", confirm=str(import_id))
