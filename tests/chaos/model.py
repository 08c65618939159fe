"""What must be true: people, their seats in accounts, the cards open to them, and from when on each is shut."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from models import now
from tests.browser import Browser
from tests.people import Lead, Team

PASSWORD = "four words nobody guesses"


class Stand(StrEnum):
    """Where a seat stands, in the words of the database."""

    INVITED = "invited"
    ACTIVE = "active"
    DELETED = "deleted"


@dataclass
class Shut:
    """A card, or with None the account, that was closed to a seat by an answer at `since`."""

    card: Lead | None
    since: datetime
    until: datetime | None = None


@dataclass(eq=False)
class Seat:
    """One membership, as far as acknowledged answers and looks afterwards tell."""

    team: Team
    person: "Someone"
    membership_id: int
    invitation_id: int
    stand: Stand = Stand.INVITED
    is_cancelled: bool = False
    cards: dict[int, Lead] = field(default_factory=dict)
    shut: list[Shut] = field(default_factory=list)
    # What the end of all access took, and whether somebody who was there was removed by what can still be undone.
    held: list[Lead] = field(default_factory=list)
    is_undoable: bool = False
    has_joined: bool = False
    mails_at_least: int = 1
    mails_at_most: int = 1

    @property
    def name(self) -> str:
        return self.person.email

    def open(self, card: Lead, asked_at: datetime) -> None:
        self.cards[card.id] = card
        for each in self.shut:
            if each.card is card and each.until is None:
                each.until = asked_at

    def close(self, card: Lead) -> None:
        self.cards.pop(card.id, None)
        self.shut.append(Shut(card, now()))

    def end(self, *, is_cancelled: bool = False) -> None:
        """Note that all access has ended, as of now."""
        self.is_undoable = self.stand is Stand.ACTIVE
        self.has_joined |= self.is_undoable
        self.stand, self.is_cancelled = Stand.DELETED, is_cancelled
        self.held = list(self.cards.values())
        self.shut += [Shut(None, now())]
        self.cards.clear()

    def come_back(self, asked_at: datetime) -> None:
        """Note that the end of all access was undone."""
        self.stand = Stand.ACTIVE
        for each in self.shut:
            if each.card is None and each.until is None:
                each.until = asked_at
        for card in self.held:
            self.open(card, asked_at)


@dataclass(eq=False)
class Someone:
    """A person outside, who may be invited into several accounts."""

    email: str
    browser: Browser
    seats: list[Seat] = field(default_factory=list)
    # When the first password was asked for, and when it was known to be set.
    tried_at: datetime | None = None
    registered_at: datetime | None = None
    tokens: set[str] = field(default_factory=set)

    def seat_in(self, team: Team) -> Seat | None:
        """Return the present seat in an account."""
        return next((each for each in self.seats if each.team is team and each.stand is not Stand.DELETED), None)

    def may_return_to(self, seat: Seat) -> bool:
        """Return whether undoing this seat's removal brings them back: no later seat has the last word."""
        later = (each for each in self.seats if each.team is seat.team and each.membership_id > seat.membership_id)
        return self.seat_in(seat.team) is None and not any(each.has_joined for each in later)

    def restorable_in(self, team: Team) -> list[Lead]:
        """Return what the last removal from an account took that took anything."""
        removed = [each for each in self.seats if each.team is team and each.stand is Stand.DELETED and each.held]
        ended = [each for each in removed if not each.is_cancelled]
        return max(ended, key=lambda each: each.shut[-1].since).held if ended else []

    @property
    def present(self) -> list[Seat]:
        return [each for each in self.seats if each.stand is not Stand.DELETED]
