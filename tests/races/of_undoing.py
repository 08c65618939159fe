"""Races about a removal that is undone: with the next removal, with a second undoing, with an invitation (R56, R58)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import func, select

from models import AuditEvent, Card, Event, Membership, MembershipStatus, Removal, User
from tests.browser import Browser
from tests.people import Lead, Person, make_guest
from tests.races.duel import Act
from tests.races.race import CONFLICT, REFUSED, SEE_OTHER, Answers, Race, codes
from tests.removing import delete_users, left_open
from workflows.converse import say
from workflows.revoke import remove

BACK = {"membership": 1, "grants": 1}


@dataclass(frozen=True)
class Scene:
    """A guest who was removed, the card that they had, and the browser of somebody who does not know that yet."""

    guest: Person
    card: Lead
    removal_id: int
    page: Browser


class Undoing(Race):
    """An admin undoes a removal that is done."""

    first = "undo"

    def scenes(self, count: int) -> list[Any]:
        guests = [make_guest(self.database, self.team) for _ in range(count)]
        cards = [self.stack.card(self.team) for _ in guests]
        removals = [self._removed(guest, card) for guest, card in zip(guests, cards, strict=True)]
        self.stack.idle(within=120)
        return [Scene(*each, self.signed_in(each[0])) for each in zip(guests, cards, removals, strict=True)]

    def undo(self, scene: Scene, by: Browser | None = None) -> httpx.Response:
        return (by or self.admin.browser).post(f"{self.team.path}/removals/{scene.removal_id}/undo")

    def agrees(self, scene: Scene, *, is_open: bool) -> Iterator[str]:
        """Say so where the card does not open to the guest, or does."""
        status = scene.page.get(scene.card.path).status_code
        if status != httpx.codes.OK if is_open else status not in REFUSED:
            yield f"the card answers {status}"

    def is_left(self, scene: Scene, wanted: dict[str, int]) -> Iterator[str]:
        """Say so where something else is open than is wanted, or was recorded."""
        scene.page.close()
        if (left := left_open(self.database, scene.guest.membership_id)) != wanted:
            yield f"open: {left}, and not {wanted}"

    def times_undone(self, scene: Scene) -> int:
        told = select(func.count()).where(AuditEvent.event == Event.REMOVAL_UNDONE)
        with self.database.reading() as session:
            return session.scalar(told.where(AuditEvent.object_id == scene.removal_id)) or 0

    def _removed(self, guest: Person, card: Lead) -> int:
        with self.database.transaction() as session:
            admin = session.get_one(Membership, self.team.admin.membership_id)
            say(session, session.get_one(Card, card.id), by=admin, text="Look", to=[guest.membership_id])
        with self.database.transaction() as session:
            admin = session.get_one(Membership, self.team.admin.membership_id)
            return remove(session, [guest.membership_id], by=admin).id


class UndoWithRemoval(Undoing):
    """Another admin deletes the guest, who may still be deleted, or be back already."""

    name, second = "undo with removal", "removal"

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        return partial(self.undo, scene), partial(delete_users, self.other_admin.browser, self.team, scene.guest)

    def winner(self, scene: Scene, answers: Answers) -> int:
        return int(self._is_open(scene, answers))

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        """Open only if the undoing came later: then the removal's answer is the receipt of before."""
        yield from codes(answers, (SEE_OTHER, SEE_OTHER))
        is_open = self._is_open(scene, answers)
        yield from self.agrees(scene, is_open=is_open)
        if (self.seat(scene.guest.membership_id) == MembershipStatus.ACTIVE) != is_open:
            yield f"the seat is {self.seat(scene.guest.membership_id)}"

    def afterwards(self, scene: Scene) -> Iterator[str]:
        is_open = self.seat(scene.guest.membership_id) == MembershipStatus.ACTIVE
        yield from self.is_left(scene, BACK if is_open else {})
        if (times := self.times_undone(scene)) != 1:
            yield f"undone {times} times"

    def _is_open(self, scene: Scene, answers: Answers) -> bool:
        return str(answers[1].headers.get("Location")).endswith(f"/removals/{scene.removal_id}")


class TwoUndos(Undoing):
    """Two admins undo the same removal."""

    name, first, second = "two undos", "Ada", "Bea"

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        return partial(self.undo, scene), partial(self.undo, scene, self.other_admin.browser)

    def winner(self, scene: Scene, answers: Answers) -> int:  # noqa: ARG002
        with self.database.reading() as session:
            undone = session.get_one(Removal, scene.removal_id).undone or {}
        return int(undone.get("by") == self.bea.email)

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, SEE_OTHER))
        yield from self.agrees(scene, is_open=True)

    def afterwards(self, scene: Scene) -> Iterator[str]:
        yield from self.is_left(scene, BACK)
        if (times := self.times_undone(scene)) != 1:
            yield f"undone {times} times"


class UndoWithInvitation(Undoing):
    """Another admin invites the guest again, and restores what they had."""

    name, second = "undo with invitation", "invitation"

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        return partial(self.undo, scene), partial(self.other_admin.invite, scene.guest.email, restore="yes")

    def winner(self, scene: Scene, answers: Answers) -> int:  # noqa: ARG002
        return int(answers[1].status_code == SEE_OTHER)

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, CONFLICT), (CONFLICT, SEE_OTHER))
        yield from self.agrees(scene, is_open=answers[0].status_code == SEE_OTHER)
        present = select(func.count()).join_from(Membership, User).where(User.email == scene.guest.email)
        with self.database.reading() as session:
            count = session.scalar(present.where(Membership.status != MembershipStatus.DELETED))
        if count != 1:
            yield f"{count} memberships are present"

    def afterwards(self, scene: Scene) -> Iterator[str]:
        is_back = self.seat(scene.guest.membership_id) == MembershipStatus.ACTIVE
        yield from self.is_left(scene, BACK if is_back else {})
