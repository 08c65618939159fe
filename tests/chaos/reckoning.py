"""At the end, when all is quiet: model and database agree, every job took effect once, and sweeps find nothing."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import func, select

from models import (
    AuditEvent,
    Delivery,
    DeliveryStatus,
    Event,
    Finding,
    Grant,
    Invitation,
    InvitationStatus,
    Job,
    JobStatus,
    Membership,
    Message,
    Removal,
    RemovalStatus,
    Sweep,
)
from tests.chaos.driver import Driver
from tests.chaos.model import Seat, Stand
from tests.chaos.place import Place
from tests.removing import left_open

AGREE, ONCE = "model and database agree", "every job took effect once (G3)"
FINAL = (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)


def reckon(place: Place, drivers: Sequence[Driver]) -> None:
    """Write down everything that is not as it must be."""
    for driver in drivers:
        for seat in (seat for someone in driver.people for seat in someone.seats):
            _seat(place, seat)
        _nobody_else(place, driver)
        _messages(place, driver)
    _jobs(place)
    _told_once(place)
    _removals(place)
    _sweeps(place)


def _seat(place: Place, seat: Seat) -> None:
    with place.stack.database.reading() as session:
        membership = session.get_one(Membership, seat.membership_id)
        invitation = session.get_one(Invitation, seat.invitation_id)
        own = Grant.membership_id == seat.membership_id
        open_cards = set(session.scalars(select(Grant.card_id).where(own, Grant.revoked_at.is_(None))))
        mails = session.scalar(select(func.count()).where(Delivery.invitation_id == seat.invitation_id)) or 0
    wrong = {
        "membership": membership.status.value != seat.stand.value and membership.status,
        "cards": open_cards != set(seat.cards) and (open_cards, set(seat.cards)),
        "invitation": _is_wrong(invitation, seat) and invitation.status,
        "mails": not seat.mails_at_least <= mails <= seat.mails_at_most and mails,
        "left open": seat.stand is Stand.DELETED and left_open(place.stack.database, seat.membership_id),
    }
    if found := {name: what for name, what in wrong.items() if what}:
        place.chronicle.violated(AGREE, f"{seat.name}, {seat.stand}: {found}", about=seat.name)


def _is_wrong(invitation: Invitation, seat: Seat) -> bool:
    if seat.stand is Stand.DELETED:
        return seat.is_cancelled and invitation.status is not InvitationStatus.CANCELLED or invitation.is_open
    wanted = InvitationStatus.PENDING if seat.stand is Stand.INVITED else InvitationStatus.ACCEPTED
    return invitation.status is not wanted


def _nobody_else(place: Place, driver: Driver) -> None:
    known = {seat.membership_id for someone in driver.people for seat in someone.seats}
    for team in driver.teams:
        own = {team.admin.membership_id, team.member.membership_id}
        with place.stack.database.reading() as session:
            there = set(session.scalars(select(Membership.id).where(Membership.account_id == team.id)))
        if extra := there - own - known:
            place.chronicle.violated(AGREE, f"memberships that nobody asked for: {extra}")


def _messages(place: Place, driver: Driver) -> None:
    ids = [team.id for team in driver.teams]
    with place.stack.database.reading() as session:
        there = Counter(session.scalars(select(Message.text).where(Message.account_id.in_(ids))))
    for text, is_there in driver.said.items():
        if there[text] != is_there:
            place.chronicle.violated(AGREE, f"“{text}” is there {there[text]} times, not {int(is_there)}")


def _jobs(place: Place) -> None:
    with place.stack.database.reading() as session:
        undone = session.scalars(select(Job).where(Job.status != JobStatus.DONE)).all()
        done = Counter(
            (each.actor, json.dumps(each.arguments, sort_keys=True))
            for each in session.scalars(select(Job))
            if each.arguments
        )
        open_mails = session.scalars(select(Delivery).where(Delivery.status.not_in(FINAL))).all()
    for job in undone:
        said = (job.last_error or "").strip().rpartition("\n")[2]
        place.chronicle.violated(ONCE, f"{job.actor}{job.arguments} is {job.status}, {job.attempts} attempts: {said}")
    for work, count in done.items():
        if count > 1:
            place.chronicle.violated(ONCE, f"{work} was recorded {count} times")
    for mail in open_mails:
        place.chronicle.violated(ONCE, f"mail {mail.id} to {mail.to_address} is {mail.status}", about=mail.to_address)


def _told_once(place: Place) -> None:
    """Hold each effect to its one line in the record."""
    with place.stack.database.reading() as session:
        events = Counter(session.execute(select(AuditEvent.event, AuditEvent.object_id)).tuples().all())
        done: dict[Event, Iterable[int]] = {
            Event.INVITATION_MADE: session.scalars(select(Invitation.id)).all(),
            Event.GRANT_MADE: session.scalars(select(Grant.id)).all(),
            Event.DELIVERY_SENT: session.scalars(
                select(Delivery.id).where(Delivery.status == DeliveryStatus.SENT)
            ).all(),
            Event.REMOVAL_FINISHED: session.scalars(select(Removal.id)).all(),
            Event.SWEEP_FINISHED: session.scalars(select(Sweep.id)).all(),
        }
    for event, ids in done.items():
        told = {object_id: count for (which, object_id), count in events.items() if which == event}
        if wrong := {
            each: told.get(each, 0) for each in set(ids) | set(told) if told.get(each, 0) != (each in set(ids))
        }:
            place.chronicle.violated(ONCE, f"{event} was recorded so often: {wrong}")


def _removals(place: Place) -> None:
    with place.stack.database.reading() as session:
        removals = session.scalars(select(Removal)).all()
    if unfinished := [each.id for each in removals if each.status is not RemovalStatus.DONE or each.receipt is None]:
        place.chronicle.violated(ONCE, f"removals without a receipt: {unfinished}")
    for each in removals:
        probes = [probe for person in (each.receipt or {"people": []})["people"] for probe in person["probes"]]
        if leaks := [probe for probe in probes if not probe["refused"]]:
            place.chronicle.violated(AGREE, f"the receipt of removal {each.id} says {leaks}")


def _sweeps(place: Place) -> None:
    with place.stack.database.reading() as session:
        found = session.scalars(select(Finding)).all()
    for each in found:
        place.chronicle.violated("sweeps find nothing", f"on schedule: {each.check} {each.object_id} {each.evidence}")
    swept = place.stack.guestlist("sweep", GUESTLIST_SWEEP_GRACE_MINUTES="0")
    place.chronicle.notes["swept"] += 1
    if swept.returncode:
        place.chronicle.violated("sweeps find nothing", f"at the end:\n{swept.stdout}{swept.stderr}")
