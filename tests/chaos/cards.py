"""What drivers do with cards: give, talk, read, take away, create."""

import time
from collections.abc import Sequence

from models import now
from tests.chaos.driver import Choice, Driver, pick
from tests.chaos.looks import DONE, NOTHING, expect, outcome_of, participants_on, was_said
from tests.chaos.model import Seat, Stand
from tests.chaos.probes import open_page, probe_card, sees_it_close
from tests.people import Lead


def grant(driver: Driver, choice: Choice) -> str:
    """Address one or two guests on a card, which gives them access to it, all of it or nothing."""
    team = pick(driver.teams, choice.first)
    seats = [seat for seat in driver.seats(Stand.INVITED, Stand.ACTIVE) if seat.team is team]
    if not seats:
        return NOTHING
    card = pick(driver.in_hand(team), choice.second)
    chosen = list(dict.fromkeys([pick(seats, choice.third), pick(seats, choice.third * 7 % 1)]))
    text, asked_at = driver.new_text("look"), now()
    by = driver.admins if choice.third > 0.5 else driver.members
    to = [str(seat.membership_id) for seat in chosen]
    answer = driver.wire.send(by[team.id], f"{card.path}/chat", text=text, to=to)
    names = " ".join(seat.name for seat in chosen)
    expect(driver, answer, f"giving {card.name} to {names}")
    is_done = was_said(driver, answer, team, card, text)
    if is_done:
        for seat in chosen:
            seat.open(card, asked_at)
    _agree_on_participants(driver, card, chosen)
    for seat in chosen if is_done else ():
        _reads(driver, seat, card, text)
    return outcome_of(driver, answer, names, f"given {card.name}", is_done=is_done)


def talk(driver: Driver, choice: Choice) -> str:
    """Let a guest write on a card of theirs, or directly to the admin."""
    talkers = [seat for seat in driver.seats(Stand.ACTIVE) if seat.cards]
    if not talkers:
        return NOTHING
    seat = pick(talkers, choice.first)
    if not driver.enter(seat.person):
        return NOTHING
    text = driver.new_text("said")
    if choice.second > 0.7:
        return _talk_directly(driver, seat, text)
    card = pick(list(seat.cards.values()), choice.third)
    answer = driver.wire.send(seat.person.browser, f"{card.path}/chat", text=text)
    expect(driver, answer, f"{seat.name} talking on {card.name}")
    is_done = was_said(driver, answer, seat.team, card, text)
    return outcome_of(driver, answer, seat.name, f"talked on {card.name}", is_done=is_done)


def read(driver: Driver, choice: Choice) -> str:
    """Let a guest open what they hold, which must open, and what they do not, which must not."""
    readers = driver.seats(Stand.ACTIVE)
    if not readers:
        return NOTHING
    seat = pick(readers, choice.first)
    if not driver.enter(seat.person):
        return NOTHING
    card = pick(driver.in_hand(seat.team), choice.second)
    answer = driver.wire.get(seat.person.browser, card.path)
    if answer.is_success != (card.id in seat.cards):
        what = f"{card.name} answered {answer.status_code}"
        driver.chronicle.violated("what a guest may open (section 4)", what, about=seat.name)
    return DONE


def revoke(driver: Driver, choice: Choice) -> str:
    """Take one card away from one guest, in whatever state they are."""
    holders = [seat for seat in driver.seats(Stand.INVITED, Stand.ACTIVE) if seat.cards]
    if not holders:
        return NOTHING
    seat = pick(holders, choice.first)
    card = pick(list(seat.cards.values()), choice.second)
    with open_page(driver, seat, wanted=choice.third > 0.4 and seat.stand is Stand.ACTIVE) as stream:
        path = f"{card.path}/participants/{seat.membership_id}/remove"
        answer = driver.wire.send(driver.admins[seat.team.id], path)
        answered = time.perf_counter()
        expect(driver, answer, f"taking {card.name} from {seat.name}")
        is_done = answer is not None or seat.membership_id not in participants_on(driver, card, seat.team)
        if is_done:
            seat.close(card)
            sees_it_close(driver, stream, seat, card, answered)
    if is_done:
        probe_card(driver, seat, card)
    return outcome_of(driver, answer, seat.name, f"lost {card.name}", is_done=is_done)


def create(driver: Driver, choice: Choice) -> str:
    """Make another card, so that older ones rest as they are."""
    team = pick(driver.teams, choice.first)
    driver.cards[team.id].append(driver.ask_database(driver.make_card, team))
    return DONE


def _talk_directly(driver: Driver, seat: Seat, text: str) -> str:
    page = f"{seat.team.path}/direct/{{}}"
    answer = driver.wire.send(seat.person.browser, page.format(seat.team.admin.membership_id), text=text)
    expect(driver, answer, f"{seat.name} writing directly")
    seen = driver.wire.get(driver.admins[seat.team.id], page.format(seat.membership_id))
    driver.said[text] = text in seen.text
    if answer is not None and not driver.said[text]:
        driver.chronicle.violated("nothing lost (G2)", f"“{text}” is not there", about=seat.name)
    return outcome_of(driver, answer, seat.name, "wrote directly", is_done=driver.said[text])


def _reads(driver: Driver, seat: Seat, card: Lead, text: str) -> None:
    if seat.stand is Stand.ACTIVE and driver.enter(seat.person):
        answer = driver.wire.get(seat.person.browser, card.path)
        if text not in answer.text:
            what = f"{card.name} was given, and answers {answer.status_code}"
            driver.chronicle.violated("nothing lost (G2)", what, about=seat.name)


def _agree_on_participants(driver: Driver, card: Lead, seats: Sequence[Seat]) -> None:
    """Hold the page to the model: a message and its grants are there together, or neither is (R21)."""
    seen = participants_on(driver, card, seats[0].team)
    for seat in seats:
        if (seat.membership_id in seen) != (card.id in seat.cards):
            driver.chronicle.violated("all or nothing (R21)", f"{card.name} shows {sorted(seen)}", about=seat.name)
