"""Say in sentences that people read what the audit record holds in names and numbers (R70)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from babel.lists import format_list
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from models import AuditEvent, Card, CardKind, Delivery, Event, Grant, Invitation, Membership, Removal, Review, settings
from models.language import N_, NN_, gettext, locale, ngettext
from workflows import refusals
from workflows.checks import CHECKS

SENTENCES: dict[Event, str] = {
    Event.ACCOUNT_FOUNDED: N_("{who} became the first admin of the new account"),
    Event.INVITATION_MADE: N_("{who} invited {invitee} as {group}"),
    Event.INVITATION_RESENT: N_("{who} sent the invitation of {invitee} again"),
    Event.INVITATION_CANCELLED: N_("{who} cancelled the invitation of {invitee}{because}"),
    Event.INVITATION_ACCEPTED: N_("{invitee} accepted the invitation"),
    Event.INVITATION_EXPIRED: N_("The invitation of {invitee} expired"),
    Event.DELIVERY_SENT: N_("A mail was sent to {address}"),
    Event.DELIVERY_FAILED: N_("A mail to {address} could not be delivered{because}"),
    Event.DELIVERY_CANCELLED: N_("A mail to {address} was cancelled before being sent{because}"),
    Event.DELIVERY_BOUNCED: N_("A mail to {address} came back{because}"),
    Event.DELIVERY_DELAYED: N_("A mail to {address} is late{because}"),
    Event.PASSWORD_SET: N_("A password was set"),
    Event.SIGNED_IN: N_("Somebody signed in"),
    Event.SIGN_IN_REFUSED: N_("Somebody tried to sign in and was refused"),
    Event.GRANT_MADE: N_("{who} gave {person} access to {card}{because}"),
    Event.END_SET: N_("{who} let the access of {person} end {until}"),
    Event.EXTENSION_ASKED: N_("{person} asked for more time"),
    Event.SESSIONS_ENDED: N_("A session was ended by the removal of {removed}"),
    Event.GRANT_REVOKED: N_("{who} removed {person} from {card}{because}"),
    Event.ACCESS_REFUSED: N_("{visitor} was refused {wanted}{because}"),
    Event.CARD_CREATED: N_("{who} created {card}"),
    Event.CARD_DELETED: N_("{who} deleted {card}"),
    Event.REMOVAL_REQUESTED: N_("{who} removed {person} from the account"),
    Event.REMOVAL_FINISHED: N_("All that {removed} could reach is closed: {closed}"),
    Event.REMOVAL_UNDONE: N_("{who} undid the removal of {person}"),
    Event.REVIEW_OPENED: N_("It was asked whether {person} keeps access"),
    Event.REVIEW_KEPT: N_("{who} answered that {person} keeps access"),
    Event.REVIEW_ENDED: N_("{who} ended the access of {person} after it was asked for{because}"),
    Event.REVIEW_UNANSWERED: N_("Nobody answered in time whether {person} keeps access"),
    Event.IMPORT_BEGUN: N_("{who} began to invite {people} from the list “{file}”"),
    Event.IMPORT_CANCELLED: N_("{who} cancelled the list “{file}” after {invited} had been invited"),
    Event.IMPORT_FINISHED: N_("All of the list “{file}” is through: {invited} invited, {refused} refused{because}"),
    Event.SWEEP_FINISHED: N_("{who} swept for dangling access and found {found}"),
    Event.FINDING_REPAIRED: N_("{who} had a sweep's finding repaired: {repair}"),
    Event.JOB_REPLAYED: N_("An operator let a job begin anew"),
    Event.JOB_DISCARDED: N_("An operator put a job away"),
    Event.JOBS_PAUSED: N_("An operator paused jobs"),
    Event.JOBS_RESUMED: N_("An operator let paused jobs go on"),
}
Row = TypeVar("Row", Membership, Grant, Card, Invitation, Delivery, Removal, Review)
CARDS = {CardKind.LEAD: N_("the lead “%(name)s”"), CardKind.CUSTOMER: N_("the customer “%(name)s”")}
OF_INVITATION = {each for each in Event if each.startswith("invitation.")}
OF_GRANT = {Event.GRANT_MADE, Event.GRANT_REVOKED}
OF_DELIVERY = {each for each in Event if each.startswith("delivery.")}
ON_CARD = {Event.CARD_CREATED, Event.CARD_DELETED, Event.ACCESS_REFUSED}
# Of refusals whose own sentence names what the record does not.
GENERAL = {
    "NotAddressable": N_("not everybody who was addressed may be"),
    "TooMany": N_("it was tried too often"),
}
GROUPS = {"free": N_("a free user"), "member": N_("a member"), "admin": N_("an admin")}
# What a removal closes, of one and of many.
CLOSED = {
    "grants": NN_("%(num)s grant", "%(num)s grants"),
    "notifications": NN_("%(num)s notification", "%(num)s notifications"),
    "mails": NN_("%(num)s mail", "%(num)s mails"),
    "invitations": NN_("%(num)s invitation", "%(num)s invitations"),
    "links": NN_("%(num)s link", "%(num)s links"),
    "sessions": NN_("%(num)s session", "%(num)s sessions"),
}
# What needs no reason beside it.
PLAIN = {"", "revoked"}
REASONS = {
    "removal": N_("access was removed"),
    "inviter gone": N_("its inviter may not invite any more"),
    "out of sight": N_("its reader may not see the card any more"),
    "invitation closed": N_("the invitation came to its end"),
    "card deleted": N_("the card was deleted"),
    "ended": N_("the end date was reached"),
    "restored": N_("as before the removal"),
    "stopped": N_("it stopped early, because its admin may not invite any more"),
    "unanswered": N_("nobody answered in time"),
    "found by a sweep": N_("a sweep found it open"),
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
    return [gettext(SENTENCES[event.event]).format_map(_words(event, about, names)) for event, about in pairs]


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
        "visitor": who or gettext("Somebody from outside the account"),
        "person": names.people.get(about.get("membership", 0), gettext("somebody")),
        "removed": format_list(names.removed.get(_removal(event) or 0, []), locale=locale()) or gettext("a user"),
        "card": card or gettext("a card"),
        "wanted": card or gettext("the page %(path)s", path=about.get("path", "")),
        "invitee": names.invitees.get(event.object_id or 0) or about.get("email", gettext("somebody")),
        "group": gettext(GROUPS.get(about.get("group", ""), N_("a user"))),
        "address": names.addresses.get(event.object_id or 0, gettext("somebody")),
        "closed": _closed(about) if event.event is Event.REMOVAL_FINISHED else "",
        "until": _until(about.get("until", "")),
        "found": ngettext("%(num)s breach", "%(num)s breaches", sum(found.values())) if found else gettext("nothing"),
        "repair": gettext(check.remedy) if check else about.get("remedy", ""),
        "file": about.get("file", gettext("a list")),
        "people": _people(about.get("people", 0)),
        "invited": _people(about.get("invited", 0)),
        "refused": str(about.get("refused", 0)),
        "because": _because(event.outcome),
    }


def _because(outcome: str) -> str:
    if outcome in PLAIN:
        return ""
    refusal = getattr(refusals, outcome, None)
    if refusal is None:
        # Why a mail was not sent is kept as a sentence; what a mail server said has no translation.
        return f": {gettext(REASONS.get(outcome, outcome))}"
    return f": {gettext(GENERAL.get(outcome) or (refusal.__doc__ or '').strip())}"


def _closed(parts: Mapping[str, Any]) -> str:
    counts = {name: part["rows"] for name, part in parts.items() if isinstance(part, dict) and part.get("rows")}
    said = (ngettext(*CLOSED[name], count) for name, count in counts.items())
    return ", ".join(said) or gettext("there was nothing to close")


def _people(count: int) -> str:
    return ngettext("%(num)s person", "%(num)s people", count)


def _until(at: str) -> str:
    return gettext("on %(day)s", day=at[:10]) if at else gettext("never")


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
        cards={
            each.id: gettext(CARDS[each.kind], name=each.name) for each in session.scalars(_of(Card, account_id, cards))
        },
        invitees={each.id: each.email_typed for each in session.scalars(_of(Invitation, account_id, invitations))},
        addresses={each.id: each.to_address for each in session.scalars(_of(Delivery, account_id, deliveries))},
        removed={each.id: _removed(each) for each in removals},
    )


def _card(card: Card) -> str:
    return gettext(CARDS[card.kind], name=card.name)


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
