"""What a race is: two acts on one scene, who of them won, and what must hold whoever did."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import httpx
from sqlalchemy import select

from models import Delivery, Invitation, LinkPurpose, Membership, UserSession, now, settings
from tests.browser import Browser
from tests.inviting import Admin, fresh, second_admin
from tests.people import Person
from tests.races.duel import Act
from tests.rows import invitation_to
from tests.stack import Stack
from webapp import create_app
from webapp.visit import SECRET
from workflows.tokens import digest, token_for

SEE_OTHER, CONFLICT, GONE = httpx.codes.SEE_OTHER, httpx.codes.CONFLICT, httpx.codes.GONE
REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND}
Answers = tuple[Any, Any]


@dataclass(frozen=True)
class Invited:
    """Somebody invited, and the path of the page behind the link in their mail."""

    email: str
    invitation_id: int
    membership_id: int
    path: str = ""


class Race:
    """A field with a team, two admins and a member who are signed in. Each race makes its own scenes on it."""

    through: ClassVar = "HTTP"
    first: ClassVar[str]
    second: ClassVar[str]

    def __init__(self, stack: Stack) -> None:
        self.stack, self.database = stack, stack.database
        self.team = stack.account()
        self.bea = second_admin(stack, self.team)
        self.admin, self.other_admin = Admin(stack, self.team), Admin(stack, self.team, self.bea)
        self.member, self.stranger = stack.client(self.team.member), stack.client()
        self._app = create_app(settings(), stack.database)

    def scenes(self, count: int) -> list[Any]:
        """Return fresh scenes, one for each trial."""
        raise NotImplementedError

    def acts(self, scene: Any) -> tuple[Act, Act]:  # noqa: ANN401
        """Return what is done at the same moment."""
        raise NotImplementedError

    def winner(self, scene: Any, answers: Answers) -> int:  # noqa: ANN401
        """Return 0 if the first act came first, else 1."""
        raise NotImplementedError

    def at_once(self, scene: Any, answers: Answers) -> Iterator[str]:  # noqa: ANN401
        """Say what is amiss as soon as both are answered."""
        raise NotImplementedError

    def afterwards(self, scene: Any) -> Iterator[str]:  # noqa: ANN401
        """Say what is amiss when all jobs have ended."""
        raise NotImplementedError

    def invited(self, count: int) -> list[Invited]:
        """Invite so many new people, and wait until all of them have their links."""
        with self.database.transaction() as session:
            made = [invitation_to(session, self.team, fresh()).id for _ in range(count)]
        self.stack.idle(within=120)
        of = select(Invitation, Delivery).join(Delivery, Delivery.invitation_id == Invitation.id)
        with self.database.reading() as session:
            rows = session.execute(of.where(Invitation.id.in_(made)).order_by(Invitation.id)).all()
        tokens = [token_for(LinkPurpose.ACTIVATE, mail.mail_id) for _, mail in rows]
        return [
            Invited(mail.to_address, each.id, each.membership_id, f"/activate/{token}")
            for (each, mail), token in zip(rows, tokens, strict=True)
        ]

    def status(self, scene: Invited) -> str:
        """Return the status of the invitation."""
        with self.database.reading() as session:
            return session.get_one(Invitation, scene.invitation_id).status

    def seat(self, membership_id: int) -> str:
        """Return the status of the membership."""
        with self.database.reading() as session:
            return session.get_one(Membership, membership_id).status

    def cancel(self, scene: Invited) -> httpx.Response:
        return self.admin.browser.post(f"{self.team.path}/settings/invitations/{scene.invitation_id}/cancel")

    def signed_in(self, person: Person) -> Browser:
        """Return a browser that has a session already, for signing in takes long by design."""
        secret, lasts_until = secrets.token_urlsafe(32), now() + timedelta(days=1)
        with self.database.transaction() as session:
            session.add(UserSession(user_id=person.user_id, digest=digest(secret), expires_at=lasts_until))
        signer = self._app.session_interface.get_signing_serializer(self._app)
        browser = Browser(self.stack.url)
        # Of the host, as the server's own are, so that they take its place.
        cookie = {"name": self._app.config["SESSION_COOKIE_NAME"], "value": str(signer.dumps({SECRET: secret}))}
        browser.http.cookies.set(**cookie, domain=httpx.URL(self.stack.url).host)
        return browser


def codes(answers: Answers, *allowed: tuple[int, int]) -> Iterator[str]:
    """Say so where the answers' statuses are none of the allowed pairs."""
    seen = tuple(each.status_code for each in answers)
    if seen not in allowed:
        yield f"answered {seen}: {[each.text[:200] for each in answers if each.is_server_error]}"
