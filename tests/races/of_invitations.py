"""Races about an invitation: with its end, with a second link, with the clock, with a second one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from sqlalchemy import func, select, update

from models import Delivery, DeliveryStatus, Invitation, Membership, User, now
from tests.inviting import NEW_PASSWORD, fresh
from tests.people import Person, make_guest, make_team
from tests.races.duel import Act
from tests.races.race import CONFLICT, GONE, REFUSED, SEE_OTHER, Answers, Invited, Race, codes
from tests.removing import left_open
from tests.rows import invitation_to
from workflows.close import expire_invitations


class Using(Race):
    """Somebody uses the link in their mail."""

    first = "use"

    def scenes(self, count: int) -> list[Any]:
        return self.invited(count)

    def use(self, scene: Invited) -> httpx.Response:
        fields = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD, "name": "Nora"}
        return self.stranger.post(scene.path, **fields)

    def winner(self, scene: Invited, answers: Answers) -> int:  # noqa: ARG002
        return int(self.status(scene) != "accepted")

    def at_once(self, scene: Invited, answers: Answers) -> Iterator[str]:
        """Who was too late has no seat; who was not has theirs, and the link is used up for both."""
        has_used = answers[0].status_code == SEE_OTHER
        if has_used != (self.status(scene) == "accepted") or has_used != (self.seat(scene.membership_id) == "active"):
            yield f"answered {answers[0].status_code}, and it is {self.status(scene)}"
        if self.stranger.get(scene.path).is_success:
            yield "the link opens once more"

    def afterwards(self, scene: Invited) -> Iterator[str]:
        is_over = self.status(scene) != "accepted"
        if (left := left_open(self.database, scene.membership_id)) != ({} if is_over else {"membership": 1}):
            yield f"left open: {left}"
        with self.database.reading() as session:
            has_password = session.scalar(select(User.password_hash).where(User.email == scene.email)) is not None
        if has_password == is_over:
            yield "the password does not agree with the invitation"


class UseWithCancel(Using):
    """Somebody uses their link while the invitation is cancelled."""

    name, second = "accept (link) with cancel", "cancel"

    def acts(self, scene: Invited) -> tuple[Act, Act]:
        return partial(self.use, scene), partial(self.cancel, scene)

    def at_once(self, scene: Invited, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, CONFLICT), (GONE, SEE_OTHER))
        yield from super().at_once(scene, answers)


class ResendWithUse(Using):
    """Somebody uses their link while another one is sent."""

    name, second = "resend with use", "resend"

    def acts(self, scene: Invited) -> tuple[Act, Act]:
        resend = f"{self.team.path}/settings/invitations/{scene.invitation_id}/resend"
        return partial(self.use, scene), partial(self.admin.browser.post, resend)

    def winner(self, scene: Invited, answers: Answers) -> int:  # noqa: ARG002
        return int(answers[1].status_code == SEE_OTHER)

    def at_once(self, scene: Invited, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, CONFLICT), (SEE_OTHER, SEE_OTHER))
        yield from super().at_once(scene, answers)

    def afterwards(self, scene: Invited) -> Iterator[str]:
        yield from super().afterwards(scene)
        unsent = select(func.count()).where(
            Delivery.invitation_id == scene.invitation_id,
            Delivery.status.in_([DeliveryStatus.QUEUED, DeliveryStatus.SENDING]),
        )
        with self.database.reading() as session:
            if count := session.scalar(unsent):
                yield f"{count} mails are still under way"


class ExpiryWithUse(Using):
    """Somebody uses their link at the moment at which it ends, and expiry comes by."""

    name, through, second = "expiry with use", "HTTP, workflow", "expiry"

    def acts(self, scene: Invited) -> tuple[Act, Act]:
        return partial(self.use, scene), partial(self._expire, scene)

    def at_once(self, scene: Invited, answers: Answers) -> Iterator[str]:
        if answers[0].status_code not in (SEE_OTHER, GONE):
            yield f"answered {answers[0].status_code}"
        yield from super().at_once(scene, answers)

    def _expire(self, scene: Invited) -> None:
        with self.database.transaction() as session:
            # Its time is up now.
            its = update(Invitation).where(Invitation.id == scene.invitation_id)
            session.execute(its.values(expires_at=now()))
        while self.status(scene) == "pending":
            with self.database.transaction() as session:
                expire_invitations(session)


@dataclass(frozen=True)
class Known:
    """An invitation of somebody who has a password already, and is signed in."""

    person: Person
    invited: Invited
    page: Any


class JoinWithCancel(Race):
    """Somebody registered accepts by the button on their page while the invitation is cancelled."""

    name, first, second = "accept (button) with cancel", "accept", "cancel"

    def scenes(self, count: int) -> list[Any]:
        elsewhere = make_team(self.database)
        people = [make_guest(self.database, elsewhere) for _ in range(count)]
        with self.database.transaction() as session:
            rows = [invitation_to(session, self.team, person.email) for person in people]
        seats = [Invited(person.email, row.id, row.membership_id) for person, row in zip(people, rows, strict=True)]
        return [Known(each, seat, self.signed_in(each)) for each, seat in zip(people, seats, strict=True)]

    def acts(self, scene: Known) -> tuple[Act, Act]:
        scene.page.get("/accounts")
        return partial(scene.page.post, f"/accounts/{scene.invited.invitation_id}/join"), partial(
            self.cancel, scene.invited
        )

    def winner(self, scene: Known, answers: Answers) -> int:  # noqa: ARG002
        return int(self.status(scene.invited) != "accepted")

    def at_once(self, scene: Known, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, CONFLICT), (CONFLICT, SEE_OTHER))
        has_joined = answers[0].status_code == SEE_OTHER
        if has_joined != (self.seat(scene.invited.membership_id) == "active"):
            yield f"answered {answers[0].status_code}, and the seat is {self.seat(scene.invited.membership_id)}"
        page = scene.page.get(f"{self.team.path}/direct/{self.team.member.membership_id}").status_code
        if page != httpx.codes.OK if has_joined else page not in REFUSED:
            yield f"having {'joined' if has_joined else 'been cancelled'}, they are answered {page}"

    def afterwards(self, scene: Known) -> Iterator[str]:
        scene.page.close()
        left = left_open(self.database, scene.invited.membership_id)
        if self.status(scene.invited) != "accepted" and left:
            yield f"left open: {left}"


class TwoInvitations(Race):
    """Two admins invite one address."""

    name, first, second = "two admins inviting", "Ada", "Bea"

    def scenes(self, count: int) -> list[Any]:
        return [fresh() for _ in range(count)]

    def acts(self, scene: str) -> tuple[Act, Act]:
        return partial(self.admin.invite, scene), partial(self.other_admin.invite, scene)

    def winner(self, scene: str, answers: Answers) -> int:  # noqa: ARG002
        with self.database.reading() as session:
            last = select(Membership.sponsor_id).join(Membership.user).where(User.email == scene)
            return int(session.scalars(last.limit(1)).one() == self.bea.membership_id)

    def at_once(self, scene: str, answers: Answers) -> Iterator[str]:
        yield from codes(answers, (SEE_OTHER, CONFLICT), (CONFLICT, SEE_OTHER))
        yield from self._once(scene)

    def afterwards(self, scene: str) -> Iterator[str]:
        yield from self._once(scene)
        if (count := len(self.stack.mails_now(scene))) != 1:
            yield f"{count} mails"

    def _once(self, scene: str) -> Iterator[str]:
        seats = select(Membership.id).join(Membership.user).where(User.email == scene)
        asked = {
            "memberships": Membership.id.in_(seats),
            "invitations": Invitation.membership_id.in_(seats),
            "deliveries": Delivery.to_address == scene,
        }
        with self.database.reading() as session:
            counts = {name: session.scalar(select(func.count()).where(what)) for name, what in asked.items()}
        if any(count != 1 for count in counts.values()):
            yield f"not one of each: {counts}"
