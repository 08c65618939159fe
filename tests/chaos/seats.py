"""What drivers do with seats: invite, resend, cancel, accept, remove."""

import time
from collections.abc import Sequence

from models import now
from tests.chaos.driver import Choice, Driver, pick
from tests.chaos.looks import DONE, NOTHING, expect, outcome_of, status_of
from tests.chaos.model import PASSWORD, Seat, Someone, Stand
from tests.chaos.probes import open_page, probe_account, sees_it_close

NEWCOMERS = 0.5
MOST_SEATS = 25
RESTORED = 0.5
CONFLICT = 409


def invite(driver: Driver, choice: Choice) -> str:
    """Invite somebody new, or somebody known from another account or from before a removal."""
    team = pick(driver.teams, choice.first)
    known = [each for each in driver.people if each.seat_in(team) is None]
    if len(driver.seats(*Stand)) > MOST_SEATS:
        return NOTHING
    someone = pick(known, choice.third) if known and choice.second > NEWCOMERS else _newcomer(driver)
    before = {seat.membership_id for seat in someone.seats}
    asked_at, restored = now(), choice.third * 7 % 1 > RESTORED and someone.restorable_in(team)
    about = {"group": "free", "name": "", **({"restore": "yes"} if restored else {})}
    answer = driver.wire.send(driver.admins[team.id], f"{team.path}/settings/users", email=someone.email, **about)
    expect(driver, answer, f"inviting {someone.email}")
    row = driver.row_of(team, someone.email)
    is_there = row is not None and row.membership_id not in before and row.status not in ("removed", "cancelled")
    if row is not None and is_there:
        someone.seats.append(Seat(team, someone, row.membership_id, row.invitation_id))
        for card in restored or []:
            someone.seats[-1].open(card, asked_at)
    if answer is not None and not is_there:
        driver.chronicle.violated("nothing lost (G2)", f"{someone.email} has no row: {row}", about=someone.email)
    return outcome_of(driver, answer, someone.email, "invited", is_done=is_there)


def resend(driver: Driver, choice: Choice) -> str:
    invited = driver.seats(Stand.INVITED)
    if not invited:
        return NOTHING
    seat = pick(invited, choice.first)
    path = f"{seat.team.path}/settings/invitations/{seat.invitation_id}/resend"
    answer = driver.wire.send(driver.admins[seat.team.id], path)
    expect(driver, answer, f"resending to {seat.name}")
    seat.mails_at_most += 1
    seat.mails_at_least += answer is not None
    return outcome_of(driver, answer, seat.name, "sent again", is_done=False)


def cancel(driver: Driver, choice: Choice) -> str:
    invited = driver.seats(Stand.INVITED)
    if not invited:
        return NOTHING
    seat = pick(invited, choice.first)
    path = f"{seat.team.path}/settings/invitations/{seat.invitation_id}/cancel"
    answer = driver.wire.send(driver.admins[seat.team.id], path)
    expect(driver, answer, f"cancelling {seat.name}")
    is_done = answer is not None or status_of(driver, seat) == "cancelled"
    if is_done:
        seat.end(is_cancelled=True)
        probe_account(driver, seat, with_sign_in=False)
    return outcome_of(driver, answer, seat.name, "cancelled", is_done=is_done)


def accept(driver: Driver, choice: Choice) -> str:
    """Join by the mailed link, by signing in, or by the button of somebody signed in already."""
    invited = driver.seats(Stand.INVITED)
    if not invited:
        return NOTHING
    seat = pick(invited, choice.first)
    if seat.person.registered_at is None:
        return _activate(driver, seat)
    is_here = driver.wire.get(seat.person.browser, "/accounts").is_success
    if not is_here or choice.second > 0.5:
        driver.sign_in(seat.person, seat.person.browser)
        driver.chronicle.tell(seat.name, "signed in, and joined")
        return DONE
    answer = driver.wire.send(seat.person.browser, f"/accounts/{seat.invitation_id}/join")
    expect(driver, answer, f"{seat.name} joining")
    is_done = answer is not None or status_of(driver, seat) == "joined"
    if is_done:
        seat.stand = Stand.ACTIVE
    return outcome_of(driver, answer, seat.name, "joined", is_done=is_done)


def remove(driver: Driver, choice: Choice) -> str:
    """Delete one guest, or two at once."""
    team = pick(driver.teams, choice.first)
    seats = [seat for seat in driver.seats(Stand.INVITED, Stand.ACTIVE) if seat.team is team]
    if not seats:
        return NOTHING
    chosen = list(dict.fromkeys([pick(seats, choice.second), pick(seats, choice.second * 5 % 1)]))[
        : 1 + (choice.third > 0.8)
    ]
    first, path = chosen[0], f"{team.path}/settings/users/delete"
    with open_page(driver, first, wanted=first.stand is Stand.ACTIVE) as stream:
        ids = [str(seat.membership_id) for seat in chosen]
        answer = driver.wire.send(driver.admins[team.id], path, ids=ids, confirm="yes")
        answered = time.perf_counter()
        expect(driver, answer, f"removing {' '.join(seat.name for seat in chosen)}")
        is_done = answer is not None or _all_or_none_removed(driver, chosen)
        for seat in chosen if is_done else ():
            seat.end()
        if is_done:
            sees_it_close(driver, stream, first, None, answered)
    for seat in chosen if is_done else ():
        probe_account(driver, seat, with_sign_in=choice.third < 0.4)
    return outcome_of(driver, answer, " ".join(seat.name for seat in chosen), "removed", is_done=is_done)


def undo(driver: Driver, choice: Choice) -> str:
    """Undo a removal: whoever had joined returns, to what it took, unless they were invited again since, or joined."""
    gone = [seat for someone in driver.people for seat in someone.seats if seat.is_undoable]
    able = [seat for seat in gone if seat.person.may_return_to(seat)]
    if not able:
        return NOTHING
    seat = pick(able, choice.first)
    removal_id = driver.removal_of(seat)
    same = [each for each in gone if driver.removal_of(each) == removal_id]
    asked_at, path = now(), f"{seat.team.path}/removals/{removal_id}/undo"
    answer = driver.wire.send(driver.admins[seat.team.id], path)
    if answer is not None and answer.status_code == CONFLICT and "still being closed" in answer.text:
        return outcome_of(driver, answer, seat.name, "undoing refused: still closing", is_done=False)
    names = " ".join(each.name for each in same)
    expect(driver, answer, f"undoing the removal of {names}")
    is_done = answer is not None or status_of(driver, seat) == "joined"
    for each in same if is_done else ():
        each.is_undoable = False
        if each in able:
            each.come_back(asked_at)
            _is_back(driver, each)
    return outcome_of(driver, answer, names, "undone", is_done=is_done)


def _is_back(driver: Driver, seat: Seat) -> None:
    """See that who returned may open what they had, and nothing else."""
    if status_of(driver, seat) != "joined" or not driver.enter(seat.person):
        driver.chronicle.violated("who is back is in (R58)", f"{status_of(driver, seat)}", about=seat.name)
        return
    for card in dict.fromkeys([*seat.held[-2:], *driver.in_hand(seat.team)[-2:]]):
        answer = driver.wire.get(seat.person.browser, card.path)
        driver.chronicle.probed("card after undoing")
        if answer.is_success != (card.id in seat.cards):
            what = f"{card.name} answered {answer.status_code}"
            driver.chronicle.violated("who is back has what they had (R58)", what, about=seat.name)


def _newcomer(driver: Driver) -> Someone:
    someone = Someone(f"{driver.new_text('nora')}@people.example", driver.browser())
    driver.people.append(someone)
    return someone


def _activate(driver: Driver, seat: Seat) -> str:
    paths = driver.tokens_of(seat)
    if not paths:
        return NOTHING
    someone = seat.person
    someone.tried_at = someone.tried_at or now()
    answer = driver.wire.send(driver.stranger, paths[0], password=PASSWORD, password_confirm=PASSWORD, name="")
    expect(driver, answer, f"{seat.name} activating")
    is_done = answer is not None or status_of(driver, seat) == "joined"
    if is_done:
        seat.stand, someone.registered_at = Stand.ACTIVE, now()
        driver.sign_in(someone, someone.browser)
    return outcome_of(driver, answer, seat.name, "activated", is_done=is_done)


def _all_or_none_removed(driver: Driver, seats: Sequence[Seat]) -> bool:
    gone = {status_of(driver, seat) == "removed" for seat in seats}
    if len(gone) > 1:
        driver.chronicle.violated("all or nothing (R51)", "half of a removal was done", about=seats[0].name)
    return True in gone
