"""Say in sentences that people read what the audit record holds in names and numbers (R70)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from models import AuditEvent, Card, Delivery, Event, Grant, Invitation, Membership, Removal, Review, settings
from workflows import refusals
from workflows.checks import CHECKS

SENTENCES: dict[Event, str] = {
    Event.ACCOUNT_FOUNDED: "{who} became the first admin of the new account",
    Event.INVITATION_MADE: "{who} invited {invitee} as {group}",
    Event.INVITATION_RESENT: "{who} sent the invitation of {invitee} again",
    Event.INVITATION_CANCELLED: "{who} cancelled the invitation of {invitee}{because}",
    Event.INVITATION_ACCEPTED: "{invitee} accepted the invitation",
    Event.INVITATION_EXPIRED: "The invitation of {invitee} expired",
    Event.DELIVERY_SENT: "A mail was sent to {address}",
    Event.DELIVERY_FAILED: "A mail to {address} could not be delivered{because}",
    Event.DELIVERY_CANCELLED: "A mail to {address} was cancelled before being sent{because}",
    Event.DELIVERY_BOUNCED: "A mail to {address} came back{because}",
    Event.DELIVERY_DELAYED: "A mail to {address} is late{because}",
    Event.PASSWORD_SET: "A password was set",
    Event.SIGNED_IN: "Somebody signed in",
    Event.SIGN_IN_REFUSED: "Somebody tried to sign in and was refused",
    Event.GRANT_MADE: "{who} gave {person} access to {card}{because}",
    Event.END_SET: "{who} let the access of {person} end {until}",
    Event.EXTENSION_ASKED: "{person} asked for more time",
    Event.SESSIONS_ENDED: "A session was ended by the removal of {removed}",
    Event.GRANT_REVOKED: "{who} removed {person} from {card}{because}",
    Event.ACCESS_REFUSED: "{visitor} was refused {wanted}{because}",
    Event.CARD_CREATED: "{who} created {card}",
    Event.CARD_DELETED: "{who} deleted {card}",
    Event.REMOVAL_REQUESTED: "{who} removed {person} from the account",
    Event.REMOVAL_FINISHED: "All that {removed} could reach is closed: {closed}",
    Event.REMOVAL_UNDONE: "{who} undid the removal of {person}",
    Event.REVIEW_OPENED: "It was asked whether {person} keeps access",
    Event.REVIEW_KEPT: "{who} answered that {person} keeps access",
    Event.REVIEW_ENDED: "{who} ended the access of {person} after it was asked for{because}",
    Event.REVIEW_UNANSWERED: "Nobody answered in time whether {person} keeps access",
    Event.IMPORT_BEGUN: "{who} began to invite {people} from the list “{file}”",
    Event.IMPORT_CANCELLED: "{who} cancelled the list “{file}” after {invited} had been invited",
    Event.IMPORT_FINISHED: "All of the list “{file}” is through: {invited} invited, {refused} refused{because}",
    Event.SWEEP_FINISHED: "{who} swept for dangling access and found {found}",
    Event.FINDING_REPAIRED: "{who} had a sweep's finding repaired: {repair}",
    Event.JOB_REPLAYED: "An operator let a job begin anew",
    Event.JOB_DISCARDED: "An operator put a job away",
    Event.JOBS_PAUSED: "An operator paused jobs",
    Event.JOBS_RESUMED: "An operator let paused jobs go on",
}
Row = TypeVar("Row", Membership, Grant, Card, Invitation, Delivery, Removal, Review)
OF_INVITATION = {each for each in Event if each.startswith("invitation.")}
OF_GRANT = {Event.GRANT_MADE, Event.GRANT_REVOKED}
OF_DELIVERY = {each for each in Event if each.startswith("delivery.")}
ON_CARD = {Event.CARD_CREATED, Event.CARD_DELETED, Event.ACCESS_REFUSED}
# Of refusals whose own sentence names what the record does not.
GENERAL = {
    "NotAddressable": "not everybody who was addressed may be",
    "TooMany": "it was tried too often",
}
GROUPS = {"free": "a free user", "member": "a member", "admin": "an admin"}
# What needs no reason beside it.
PLAIN = {"", "revoked"}
REASONS = {
    "removal": "access was removed",
    "inviter gone": "its inviter may not invite any more",
    "out of sight": "its reader may not see the card any more",
    "invitation closed": "the invitation came to its end",
    "card deleted": "the card was deleted",
    "ended": "the end date was reached",
    "restored": "as before the removal",
    "stopped": "it stopped early, because its admin may not invite any more",
    "unanswered": "nobody answered in time",
    "found by a sweep": "a sweep found it open",
}


@dataclass(frozen=True)
class Names:
    """What the ids of some events stand for, read at once; another account's are not among them (G4)."""

    people: Mapping[int, str]
    cards: Mapping[int, str]
    invitees: Mapping[int, str]
    addresses: Mapping[int, str]
    removed: Mapping[int, list[str]]


def tell(session: Session, account_id: int, events: Sequence[AuditEvent]) -> list[str]:
    """Return a sentence for each event of the account, in their order."""
    grants = {each.id: each for each in session.scalars(_of(Grant, account_id, _objects(events, OF_GRANT)))}
    opened = session.scalars(_of(Review, account_id, _objects(events, {Event.REVIEW_OPENED})))
    reviews = {each.id: each.membership_id for each in opened}
    details = [_whole(each, grants, reviews) for each in events]
    names = _names(session, account_id, events, details)
    pairs = zip(events, details, strict=True)
    return [SENTENCES[event.event].format_map(_words(event, about, names)) for event, about in pairs]


def _whole(event: AuditEvent, grants: Mapping[int, Grant], reviews: Mapping[int, int]) -> dict[str, Any]:
    """Return the event's details; where much happens together, only each thing itself knows whose it is."""
    if event.event is Event.REVIEW_OPENED:
        return {**event.details, "membership": reviews.get(event.object_id or 0)}
    grant = grants.get(event.object_id or 0) if event.event in OF_GRANT else None
    return {**event.details, "membership": grant.membership_id, "card": grant.card_id} if grant else event.details


def _words(event: AuditEvent, about: Mapping[str, Any], names: Names) -> dict[str, str]:
    who = names.people.get(event.actor_id or 0)
    card = names.cards.get(event.object_id or 0) if event.event in ON_CARD else names.cards.get(about.get("card", 0))
    found, check = about.get("found") or {}, CHECKS.get(about.get("check", ""))
    return {
        "who": who or settings().product_name,
        "visitor": who or "Somebody from outside the account",
        "person": names.people.get(about.get("membership", 0), "somebody"),
        "removed": " and ".join(names.removed.get(_removal(event) or 0, [])) or "a user",
        "card": card or "a card",
        "wanted": card or f"the page {about.get('path', '')}",
        "invitee": names.invitees.get(event.object_id or 0) or about.get("email", "somebody"),
        "group": GROUPS.get(about.get("group", ""), "a user"),
        "address": names.addresses.get(event.object_id or 0, "somebody"),
        "closed": _closed(about) if event.event is Event.REMOVAL_FINISHED else "",
        "until": f"on {until[:10]}" if (until := about.get("until", "")) else "never",
        "found": _count(sum(found.values()), "breach", "breaches") if found else "nothing",
        "repair": check.remedy if check else about.get("remedy", ""),
        "file": about.get("file", "a list"),
        "people": _count(about.get("people", 0), "person", "people"),
        "invited": _count(about.get("invited", 0), "person", "people"),
        "refused": str(about.get("refused", 0)),
        "because": _because(event.outcome),
    }


def _because(outcome: str) -> str:
    if outcome in PLAIN:
        return ""
    refusal = getattr(refusals, outcome, None)
    if refusal is None:
        return f": {REASONS.get(outcome, outcome)}"
    return f": {GENERAL.get(outcome) or (refusal.__doc__ or '').strip()}"


def _closed(parts: Mapping[str, Any]) -> str:
    counts = {
        name.rstrip("s"): part["rows"] for name, part in parts.items() if isinstance(part, dict) and part.get("rows")
    }
    return ", ".join(_count(count, name) for name, count in counts.items()) or "there was nothing to close"


def _count(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"


def _names(
    session: Session, account_id: int, events: Sequence[AuditEvent], details: Sequence[Mapping[str, Any]]
) -> Names:
    people = {*(each.actor_id for each in events), *(each.get("membership") for each in details)}
    cards = {*_objects(events, ON_CARD), *(each.get("card") for each in details)}
    removals = session.scalars(_of(Removal, account_id, map(_removal, events)))
    invitations, deliveries = _objects(events, OF_INVITATION), _objects(events, OF_DELIVERY)
    present = _of(Membership, account_id, people).options(joinedload(Membership.user))
    return Names(
        people={each.id: each.display_name for each in session.scalars(present)},
        cards={each.id: f"the {each.kind} “{each.name}”" for each in session.scalars(_of(Card, account_id, cards))},
        invitees={each.id: each.email_typed for each in session.scalars(_of(Invitation, account_id, invitations))},
        addresses={each.id: each.to_address for each in session.scalars(_of(Delivery, account_id, deliveries))},
        removed={each.id: _removed(each) for each in removals},
    )


def _removed(removal: Removal) -> list[str]:
    """Return whom a removal ended: who came back may have been removed again since, by another."""
    if removal.receipt is not None:
        return [person["name"] for person in removal.receipt["people"]]
    return [each.display_name for each in removal.memberships]


def _removal(event: AuditEvent) -> int | None:
    """Return the removal whose people the event's sentence names."""
    if event.event is Event.SESSIONS_ENDED:
        return event.details.get("removal")
    return event.object_id if event.event is Event.REMOVAL_FINISHED else None


def _of(subject: type[Row], account_id: int, ids: Iterable[int | None] | None = None) -> Select[Row]:
    own = select(subject).where(subject.account_id == account_id)
    return own if ids is None else own.where(subject.id.in_([each for each in ids if isinstance(each, int)]))


def _objects(events: Iterable[AuditEvent], kinds: Collection[Event]) -> set[int | None]:
    return {each.object_id for each in events if each.event in kinds}
