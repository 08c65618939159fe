"""Every mail: sent at least once, under one Message-ID, for a reason; and none about what was closed before."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from models import Delivery, DeliveryStatus, Template
from tests.chaos.driver import Driver
from tests.chaos.model import Seat, Shut
from tests.chaos.place import Place
from tests.chaos.post_office import Kept
from tests.inviting import text_of

SENT_ONCE, SILENCE = "every mail is sent at least once (G3)", "silence after removal (G6)"
CRASHES = ("work", "database", "lock")


def read_letters(place: Place, drivers: Sequence[Driver]) -> None:
    """Write down every mail that is missing, too many, or should not have been sent."""
    with place.stack.database.reading() as session:
        deliveries = {each.mail_id: each for each in session.scalars(select(Delivery))}
    copies: dict[str, list[Kept]] = defaultdict(list)
    for kept in place.office.kept:
        copies[kept.mail_id].append(kept)
    place.chronicle.notes["mails taken by the mail server"] = len(place.office.kept)
    place.chronicle.notes["mails refused with 550"] = len(place.office.refused)
    place.chronicle.notes["of these, second and further copies"] = len(place.office.kept) - len(copies)
    _all_sent(place, deliveries, copies)
    for mail_id, same in copies.items():
        _is_ours(place, deliveries.get(mail_id), same)
        for earlier, later in zip(same, same[1:], strict=False):
            _has_reason(place, earlier, later)
    seats = {seat.membership_id: seat for each in drivers for someone in each.people for seat in someone.seats}
    for mail_id, same in copies.items():
        delivery = deliveries.get(mail_id)
        if delivery is not None and delivery.membership_id in seats:
            _is_allowed(place, delivery, same, seats[delivery.membership_id])


def _all_sent(place: Place, deliveries: dict[str, Delivery], copies: dict[str, list[Kept]]) -> None:
    for mail_id, delivery in deliveries.items():
        if delivery.status is DeliveryStatus.SENT and mail_id not in copies:
            place.chronicle.violated(SENT_ONCE, f"mail {delivery.id} never came", about=delivery.to_address)
        if delivery.status is DeliveryStatus.FAILED and mail_id not in place.office.refused:
            what = f"mail {delivery.id} failed, and nobody refused it: {delivery.last_error}"
            place.chronicle.violated(SENT_ONCE, what, about=delivery.to_address)


def _is_ours(place: Place, delivery: Delivery | None, same: Sequence[Kept]) -> None:
    if delivery is None or {kept.to for kept in same} != {delivery.to_address}:
        place.chronicle.violated(SENT_ONCE, f"a mail of nobody's: {same[0].mail_id} to {same[0].to}", about=same[0].to)


def _has_reason(place: Place, earlier: Kept, later: Kept) -> None:
    """See that a copy was sent because the one before was not answered, or its sender was struck."""
    if earlier.answered_at is None:
        return
    struck = [each for each in place.chronicle.faults if each.breaks in CRASHES and each.overlaps(earlier.at, later.at)]
    if not struck:
        what = f"{earlier.mail_id} was sent twice for no reason: {earlier.at:%H:%M:%S.%f}, {later.at:%H:%M:%S.%f}"
        place.chronicle.violated(SENT_ONCE, what, about=earlier.to)


def _is_allowed(place: Place, delivery: Delivery, same: Sequence[Kept], seat: Seat) -> None:
    _is_right_kind(place, delivery, same[0], seat)
    for kept in same:
        for shut in _closed(seat, kept):
            if _was_decided_after(
                delivery, kept, is_last=kept is same[-1], since=shut.since, until=shut.until, place=place
            ):
                about = shut.card.name if shut.card else "the account"
                what = (
                    f"{delivery.template} about {about}, closed at {shut.since:%H:%M:%S.%f}, came {kept.at:%H:%M:%S.%f}"
                )
                place.chronicle.violated(SILENCE, what, about=seat.name)


def _closed(seat: Seat, kept: Kept) -> Iterator[Shut]:
    text = text_of(kept.mail)
    yield from (shut for shut in seat.shut if shut.card is None or shut.card.name in text)


def _was_decided_after(
    delivery: Delivery, kept: Kept, *, is_last: bool, since: datetime, until: datetime | None, place: Place
) -> bool:
    """Return whether the decision to send was taken after the answer: what was under way then has left."""
    if kept.at <= since or (until is not None and kept.at >= until):
        return False
    decided_late = is_last and delivery.sending_at is not None and delivery.sending_at > since
    return decided_late or kept.at > since + timedelta(seconds=place.lease)


def _is_right_kind(place: Place, delivery: Delivery, kept: Kept, seat: Seat) -> None:
    """Somebody who has never set a password must be told how to; somebody who has must not (R3)."""
    if delivery.invitation_id is None:
        return
    someone, under_way = seat.person, timedelta(seconds=place.lease)
    was_registered = someone.registered_at is not None and kept.at > someone.registered_at + under_way
    was_stranger = someone.tried_at is None or kept.at < someone.tried_at
    wrong = Template.INVITATION_NEW if was_registered else Template.INVITATION_EXISTING if was_stranger else None
    if kept.mail["X-Guestlist-Template"] == wrong:
        place.chronicle.violated("the right mail (R3)", f"{seat.name} was sent {wrong}", about=seat.name)
