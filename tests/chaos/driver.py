"""A driver: admins of two accounts and the people outside whom they invite, doing what a seed says, one by one."""

import random
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from models import Delivery, Membership
from tests.browser import Browser
from tests.chaos.model import PASSWORD, Seat, Someone, Stand
from tests.chaos.place import Place
from tests.chaos.wire import GaveUp, Wire
from tests.inviting import Row, rows_on, token_path
from tests.people import Lead, Team, make_card, make_team
from tests.process import until

T = TypeVar("T")
TEAMS = 2
CARDS = 4
# Of all cards, so many are worked on; older ones rest as they are.
CARDS_IN_HAND = 6
LONGEST_PAUSE = 0.15


@dataclass(frozen=True)
class Choice:
    """All that chance decides about one step. A seed gives the same choices again, whatever becomes of them."""

    operation: str
    first: float
    second: float
    third: float
    pause: float

    @classmethod
    def draw(cls, rng: random.Random, weights: dict[str, int]) -> "Choice":
        operation = rng.choices(list(weights), list(weights.values()))[0]
        return cls(operation, rng.random(), rng.random(), rng.random(), rng.random() * LONGEST_PAUSE)


Operation = Callable[["Driver", Choice], str]


class Driver(threading.Thread):
    """Works until the run is over; the model of its accounts is its own, for nobody else works in them."""

    def __init__(self, place: Place, name: str, seed: str, operations: dict[str, tuple[int, Operation]]) -> None:
        super().__init__(name=name, daemon=True)
        self.place, self.chronicle, self.wire = place, place.chronicle, Wire(place.chronicle)
        self._rng = random.Random(f"{seed}/{name}")  # noqa: S311
        self._operations = operations
        self._weights = {operation: weight for operation, (weight, _) in operations.items()}
        self._counted = 0
        self.people: list[Someone] = []
        # Every text that was sent, and whether it must be there.
        self.said: dict[str, bool] = {}
        # Whoever follows a mailed link without being signed in.
        self.stranger = self.browser()
        database = place.stack.database
        self.teams = [make_team(database) for _ in range(TEAMS)]
        self.cards = {team.id: [self.make_card(team) for _ in range(CARDS)] for team in self.teams}
        self.admins = {team.id: self.wire.admit(self.browser(), team.admin) for team in self.teams}
        self.members = {team.id: self.wire.admit(self.browser(), team.member) for team in self.teams}

    def run(self) -> None:
        while not self.place.is_over.is_set():
            choice = Choice.draw(self._rng, self._weights)
            try:
                outcome = self._operations[choice.operation][1](self, choice)
            except GaveUp:
                outcome = "given up"
            except Exception:
                outcome = "failed"
                self.chronicle.violated("the story goes on", f"{choice.operation}: {traceback.format_exc()}")
            self.chronicle.count(choice.operation, outcome)
            self.place.is_over.wait(choice.pause)

    def browser(self) -> Browser:
        return Browser(self.place.stack.url)

    def new_text(self, about: str) -> str:
        """Return words that were never used before."""
        self._counted += 1
        return f"{about}-{self.name}-{self._counted:05}"

    def make_card(self, team: Team) -> Lead:
        return make_card(self.place.stack.database, team, name=self.new_text("card"))

    def in_hand(self, team: Team) -> list[Lead]:
        return self.cards[team.id][-CARDS_IN_HAND:]

    def seats(self, *stands: Stand) -> list[Seat]:
        """Return the present seats of everybody, of these kinds."""
        return [seat for someone in self.people for seat in someone.present if seat.stand in stands]

    def row(self, seat: Seat) -> Row | None:
        """Look at Settings, Users for somebody's row."""
        return self.row_of(seat.team, seat.person.email)

    def row_of(self, team: Team, email: str) -> Row | None:
        page = self.wire.get(self.admins[team.id], f"{team.path}/settings/users?q={email}")
        return rows_on(page.text).get(email)

    def removal_of(self, seat: Seat) -> int:
        """Return the last removal of a seat."""
        return self.ask_database(self._removal_id, seat.membership_id)

    def enter(self, someone: Someone) -> bool:
        """Let somebody be signed in, if they can; return whether they are."""
        if someone.registered_at is None:
            return False
        if self.wire.get(someone.browser, "/accounts").is_success:
            return True
        answer = self.sign_in(someone, someone.browser)
        return answer.is_redirect

    def sign_in(self, someone: Someone, browser: Browser) -> httpx.Response:
        """Sign in, which accepts every invitation that waits for this person."""
        answer = self.wire.sign_in(browser, someone.email, PASSWORD)
        expected = bool(someone.present)
        if answer.is_redirect != expected:
            self.chronicle.violated("sign-in", f"{someone.email}: {answer.status_code}", about=someone.email)
        for seat in someone.present if answer.is_redirect else ():
            seat.stand = Stand.ACTIVE
        return answer

    def tokens_of(self, seat: Seat) -> list[str]:
        """Return the paths behind all links that were mailed for this invitation, newest first."""
        ids = set(self.ask_database(self._mail_ids, seat.invitation_id))
        mails = [mail for mail in self.place.office.mails_to(seat.person.email) if str(mail["Message-ID"]) in ids]
        new = [mail for mail in mails if mail["X-Guestlist-Template"] == "invitation-new"]
        return [token_path(mail) for mail in reversed(new)]

    def ask_database(self, ask: Callable[..., T], *args: object) -> T:
        """Ask the database itself until it answers."""
        answer: list[T] = []

        def look() -> bool:
            try:
                answer[:] = [ask(*args)]
            except DBAPIError:
                return False
            return True

        until(look, what="the database", within=60)
        return answer[0]

    def _removal_id(self, membership_id: int) -> int:
        with self.place.stack.database.reading() as session:
            return session.get_one(Membership, membership_id).removal_id or 0

    def _mail_ids(self, invitation_id: int) -> Sequence[str]:
        with self.place.stack.database.reading() as session:
            return session.scalars(select(Delivery.mail_id).where(Delivery.invitation_id == invitation_id)).all()


def pick(options: Sequence[T], fraction: float) -> T:
    """Return the option that a fraction of one falls on."""
    return options[int(fraction * len(options))]
