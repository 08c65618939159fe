"""Looking up what became of something: an answer that never came is not guessed."""

import re

from tests.chaos.driver import Driver
from tests.chaos.model import Seat
from tests.people import Lead, Team

DONE, LOST, FOUND_DONE, NOTHING = "acknowledged", "lost, not done", "lost, yet done", "no occasion"
SEE_OTHER = 303
PARTICIPANT = re.compile(r'<li data-membership-id="(\d+)">')
EARLIER = re.compile(r'href="([^"#]*\?participants=\d+)#')


def was_said(driver: Driver, answer: object, team: Team, card: Lead, text: str) -> bool:
    is_there = text in driver.wire.get(driver.admins[team.id], card.path).text
    driver.said[text] = is_there
    if answer is not None and not is_there:
        driver.chronicle.violated("nothing lost (G2)", f"“{text}” is not on {card.name}", about=card.name)
    return is_there


def participants_on(driver: Driver, card: Lead, team: Team) -> set[int]:
    page, seen = driver.wire.get(driver.admins[team.id], card.path).text, set[str]()
    seen.update(PARTICIPANT.findall(page))
    while link := EARLIER.search(page):
        page = driver.wire.get(driver.admins[team.id], link[1]).text
        seen.update(PARTICIPANT.findall(page))
    return {int(each) for each in seen}


def status_of(driver: Driver, seat: Seat) -> str:
    row = driver.row(seat)
    return row.status if row and row.membership_id == seat.membership_id else "no row"


def expect(driver: Driver, answer: object, what: str) -> None:
    status = getattr(answer, "status_code", SEE_OTHER)
    if status != SEE_OTHER:
        driver.chronicle.violated("what is allowed is done", f"{what}: {status}", about=what.rsplit(maxsplit=1)[-1])


def outcome_of(driver: Driver, answer: object, who: str, what: str, *, is_done: bool) -> str:
    outcome = DONE if answer is not None else FOUND_DONE if is_done else LOST
    for each in who.split():
        driver.chronicle.tell(each, f"{what}: {outcome}")
    return outcome
