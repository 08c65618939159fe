"""Races about access that is given and taken away at the same moment (R56)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import AuditEvent, Card, Event, Grant, Membership, Notification, Removal, RemovalStatus
from tests.browser import Browser
from tests.people import Lead, Person
from tests.races.duel import Act
from tests.races.race import REFUSED, SEE_OTHER, Answers, Race, codes
from tests.removing import delete_users, left_open
from workflows.converse import say
from workflows.grant import closed_grants
from workflows.refusals import JustRevoked
from workflows.revoke import revoke_grant


@dataclass(frozen=True)
class Scene:
    """A guest who is signed in, and a card."""

    guest: Person
    card: Lead
    page: Browser


class Removing(Race):
    """A guest is deleted from the account."""

    def scenes(self, count: int) -> list[Any]:
        return [self._scene(self.stack.guest(self.team)) for _ in range(count)]

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:  # noqa: ARG002
        """Whatever came first: both are answered, so the guest is out."""
        for path in (scene.card.path, f"{self.team.path}/direct/{self.team.member.membership_id}"):
            if (status := scene.page.get(path).status_code) not in REFUSED:
                yield f"{path} answers {status}"

    def afterwards(self, scene: Scene) -> Iterator[str]:
        scene.page.close()
        if left := left_open(self.database, scene.guest.membership_id):
            yield f"left open: {left}"
        with self.database.reading() as session:
            removals = session.scalars(select(Removal).join(Removal.memberships).where(self._is(scene))).all()
            asked = select(func.count()).where(AuditEvent.event == Event.REMOVAL_REQUESTED)
            events = session.scalar(asked.where(AuditEvent.object_id.in_([each.id for each in removals])))
        if [each.status for each in removals] != [RemovalStatus.DONE] or events != 1:
            yield f"{len(removals)} removals, recorded {events} times"

    def _scene(self, guest: Person) -> Scene:
        return Scene(guest, self.stack.card(self.team), self.signed_in(guest))

    def _is(self, scene: Scene) -> Any:  # noqa: ANN401
        return Membership.id == scene.guest.membership_id


class GrantWithRemoval(Removing):
    """A member gives a guest a card while an admin deletes the guest."""

    name, first, second = "grant with removal", "grant", "removal"

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        give = partial(self.member.post, f"{scene.card.path}/chat", text="Look", to=[str(scene.guest.membership_id)])
        return give, partial(delete_users, self.admin.browser, self.team, scene.guest)

    def winner(self, scene: Scene, answers: Answers) -> int:  # noqa: ARG002
        return int(answers[0].status_code != SEE_OTHER)

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, SEE_OTHER), (httpx.codes.FORBIDDEN, SEE_OTHER))
        yield from super().at_once(scene, answers)


class GrantWithCardDeletion(Race):
    """A member gives a guest a card while an admin deletes the card."""

    name, first, second = "grant with card deletion", "grant", "deletion"

    def scenes(self, count: int) -> list[Any]:
        guest = self.stack.guest(self.team)
        page = self.signed_in(guest)
        return [Scene(guest, self.stack.card(self.team), page) for _ in range(count)]

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        give = partial(self.member.post, f"{scene.card.path}/chat", text="Look", to=[str(scene.guest.membership_id)])
        return give, partial(self.admin.browser.post, f"{scene.card.path}/delete")

    def winner(self, scene: Scene, answers: Answers) -> int:  # noqa: ARG002
        return int(answers[0].status_code != SEE_OTHER)

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, SEE_OTHER), (httpx.codes.NOT_FOUND, SEE_OTHER))
        if (status := scene.page.get(scene.card.path).status_code) not in REFUSED:
            yield f"the deleted card answers {status}"

    def afterwards(self, scene: Scene) -> Iterator[str]:
        left = {
            "grants": (Grant.card_id == scene.card.id) & Grant.revoked_at.is_(None),
            "notifications": Notification.card_id == scene.card.id,
        }
        with self.database.reading() as session:
            for name, what in left.items():
                if count := session.scalar(select(func.count()).where(what)):
                    yield f"{count} {name} on the deleted card"


class TwoRemovals(Removing):
    """Two admins delete the same guest, who holds a card."""

    name, first, second = "two removals", "Ada", "Bea"

    def scenes(self, count: int) -> list[Any]:
        made = super().scenes(count)
        for each in made:
            with self.database.transaction() as session:
                _say(session, each, by=self.team.member)
        return made

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        admins = self.admin.browser, self.other_admin.browser
        ada, bea = (partial(delete_users, each, self.team, scene.guest) for each in admins)
        return ada, bea

    def winner(self, scene: Scene, answers: Answers) -> int:  # noqa: ARG002
        with self.database.reading() as session:
            asked = select(Removal.requested_by_id).join(Removal.memberships).where(self._is(scene))
            return int(session.scalars(asked.limit(1)).one() == self.bea.user_id)

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, SEE_OTHER))
        if len({each.headers.get("Location") for each in answers}) > 1:
            yield "there are two receipts"
        yield from super().at_once(scene, answers)


class MentionWithRemoval(Race):
    """A participant is addressed once more while they are removed from the card.

    Through the workflows, as the views call them, for only so is it known what there was to see when it was asked.
    """

    name, through, first, second = "mention with removal", "workflows", "mention", "removal"

    def scenes(self, count: int) -> list[Any]:
        guest = self.stack.guest(self.team)
        page = self.signed_in(guest)
        made = [Scene(guest, self.stack.card(self.team), page) for _ in range(count)]
        for each in made:
            with self.database.transaction() as session:
                _say(session, each, by=self.team.member)
        return made

    def acts(self, scene: Scene) -> tuple[Act, Act]:
        return partial(self._mention, scene), partial(self._remove, scene)

    def winner(self, scene: Scene, answers: Answers) -> int:  # noqa: ARG002
        return int(answers[0] != "said")

    def at_once(self, scene: Scene, answers: Answers) -> Iterator[str]:
        """Who asked while the card was still open has opened it to nobody; who asked later has given it anew."""
        is_open = scene.page.get(scene.card.path).is_success
        if is_open != (answers[0] == "given anew"):
            yield f"{answers[0]}, and the card {'opens' if is_open else 'is closed'}"

    def afterwards(self, scene: Scene) -> Iterator[str]:
        of = (Grant.card_id == scene.card.id, Grant.revoked_at.is_(None))
        with self.database.reading() as session:
            open_grants = session.scalar(select(func.count()).where(*of)) or 0
        if open_grants > scene.page.get(scene.card.path).is_success:
            yield f"{open_grants} grants are open"

    def _mention(self, scene: Scene) -> str:
        with self.database.reading() as session:
            known = closed_grants(session, scene.card.id, [scene.guest.membership_id])
        try:
            with self.database.transaction() as session:
                _say(session, scene, by=self.team.member, known=known)
        except JustRevoked:
            return "refused"
        # By one look: between two of them the card may be closed.
        return "given anew" if known else "said"

    def _remove(self, scene: Scene) -> None:
        with self.database.transaction() as session:
            admin = session.get_one(Membership, self.team.admin.membership_id)
            revoke_grant(session, session.get_one(Card, scene.card.id), scene.guest.membership_id, by=admin)


def _say(session: Session, scene: Scene, *, by: Person, known: Collection[int] | None = None) -> None:
    on, author = session.get_one(Card, scene.card.id), session.get_one(Membership, by.membership_id)
    say(session, on, by=author, text="Look", to=[scene.guest.membership_id], known=known)
