"""Each workflow with the world that it begins in: what a request does in one transaction, and jobs go on with."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

import tests.breaches
import tests.breaches_of_work  # noqa: F401
from models import (
    Card,
    Contact,
    Database,
    Delivery,
    DeliveryStatus,
    Job,
    JobStatus,
    LinkPurpose,
    Membership,
    Review,
    Template,
    enqueue,
    now,
)
from tests.importing import listed
from tests.people import Lead, Person, Team, make_card, make_guest, make_team
from tests.planting import BREACHES, plant
from tests.rows import World, invitation_to, sign_in
from workflows.activate import activate
from workflows.cascade import advance_removal
from workflows.converse import say, write_to_contact
from workflows.enlist import confirm_import
from workflows.invite import invite
from workflows.post import post
from workflows.restore import restore_access
from workflows.review import end_access
from workflows.revoke import remove, revoke_grant
from workflows.sign_in import start_session
from workflows.sweep import begin_sweep
from workflows.tokens import token_for
from workflows.undo import undo_removal

NEW = "nora@people.example"
MUCH_LATER = timedelta(days=2)
# What the relay mends by itself is not there for a sweep that comes later.
MENDS_ITSELF = {"job_past_deadline"}
Act = Callable[[Session], object]


def inviting(database: Database) -> Act:
    team = make_team(database)
    return lambda session: invite(session, by=_member(session, team.admin), email=NEW, group="free", name="Nora")


def importing(database: Database) -> Act:
    team = make_team(database)
    with database.transaction() as session:
        invitation_to(session, team, NEW)
        people = ["olga@people.example", "no address", "pia@people.example", "quinn@people.example"]
        list_id = listed(session, _member(session, team.admin), *people).id
        # Invited by somebody else since the list was looked at.
        invitation_to(session, team, "pia@people.example")
    return lambda session: confirm_import(session, list_id, by=_member(session, team.admin))


def activating(database: Database) -> Act:
    team = make_team(database)
    with database.transaction() as session:
        invitation_to(session, team, NEW)

    def act(session: Session) -> None:
        mail_id = session.scalars(select(Delivery.mail_id).where(Delivery.to_address == NEW)).one()
        activate(session, token_for(LinkPurpose.ACTIVATE, mail_id), password_hash="a hash", name="Nora")

    return act


def joining_by_sign_in(database: Database) -> Act:
    known = make_guest(database, make_team(database))
    with database.transaction() as session:
        invitation_to(session, make_team(database), known.email)
    return lambda session: start_session(session, known.user_id)


def granting(database: Database) -> Act:
    team, card, guests = _shared(database, guests=1)
    guests += [make_guest(database, team) for _ in range(2)]
    return lambda session: _say(session, card, team.admin, *guests)


def revoking(database: Database) -> Act:
    team, card, guests = _shared(database, guests=2)
    guest = guests[0].membership_id
    return lambda session: revoke_grant(session, session.get_one(Card, card.id), guest, by=_member(session, team.admin))


def removing(database: Database) -> Act:
    team, _, guests = _shared(database, guests=2, cards=3)
    with database.transaction() as session:
        invited = invitation_to(session, team, NEW).membership_id
        for each in guests:
            sign_in(session, each.user_id)
            about = {"account_id": team.id, "membership_id": each.membership_id}
            post(session, to=each.email, template=Template.NOTIFICATION, not_before=now() + MUCH_LATER, **about)
    ids = [*(each.membership_id for each in guests), invited]
    return lambda session: remove(session, ids, by=_member(session, team.admin))


def undoing(database: Database) -> Act:
    removal_id, team, _ = _left(database)
    return lambda session: undo_removal(session, removal_id, by=_member(session, team.admin))


def restoring(database: Database) -> Act:
    _, team, guest = _left(database)

    def act(session: Session) -> None:
        admin = _member(session, team.admin)
        again = invite(session, by=admin, email=guest.email, group="free", name="Gwen")
        restore_access(session, again.membership, by=admin)

    return act


def repairing(database: Database) -> Act:
    team, other = make_team(database), make_team(database)
    world = World(team, other, make_card(database, team), make_card(database, other))
    for breach in {each.check: each for each in reversed(BREACHES) if each.check not in MENDS_ITSELF}.values():
        plant(database, world, breach)
    with database.transaction() as session:
        # A sweep mends what jobs would mend too; here it comes first.
        waiting = update(Job).where(Job.status == JobStatus.WAITING)
        session.execute(waiting.values(status=JobStatus.DONE, ring_at=None, finished_at=now()))
    return begin_sweep


def delivering(database: Database) -> Act:
    team, card, _ = _shared(database, guests=0)
    with database.transaction() as session:
        contact = Contact(account_id=team.id, name="Carl Contact", email="carl@client.example")
        session.get_one(Card, card.id).contact = contact

    def act(session: Session) -> None:
        on = session.get_one(Card, card.id)
        write_to_contact(session, on, by=_member(session, team.member), text="Good morning")

    return act


def reminding(database: Database) -> Act:
    team = make_team(database)
    guest = make_guest(database, team)
    with database.transaction() as session:
        session.get_one(Membership, guest.membership_id).ends_at = now() + MUCH_LATER
        invitation_to(session, team, NEW).expires_at = now() + MUCH_LATER
        session.execute(update(Delivery).values(status=DeliveryStatus.SENT, ended_at=now()))
        session.execute(update(Job).values(status=JobStatus.DONE, ring_at=None, finished_at=now()))
    return lambda session: enqueue(session, "remind")


def reviewing(database: Database) -> Act:
    """End one guest's access when asked, while the others are asked about."""
    team, _, (asked_about, *_) = _shared(database, guests=2)
    with database.transaction() as session:
        times = {"opened_at": now(), "mailed_at": now(), "due_at": now() + MUCH_LATER}
        review = Review(account_id=team.id, membership_id=asked_about.membership_id, **times)
        session.add(review)
        session.flush()
        review_id = review.id

    def act(session: Session) -> None:
        end_access(session, review_id, by=_member(session, team.admin))
        enqueue(session, "review")

    return act


STORIES: dict[str, Callable[[Database], Act]] = {
    "invite": inviting,
    "import a list": importing,
    "accept: activate": activating,
    "accept: sign in": joining_by_sign_in,
    "grant by message": granting,
    "revoke a participant": revoking,
    "remove, with cascade": removing,
    "undo a removal": undoing,
    "invite and restore": restoring,
    "sweep and repair": repairing,
    "write, and deliver": delivering,
    "remind and warn": reminding,
    "review": reviewing,
}


def _shared(database: Database, *, guests: int, cards: int = 1) -> tuple[Team, Lead, list[Person]]:
    """Make a team whose guests each have been given all of its cards."""
    team = make_team(database)
    people = [make_guest(database, team) for _ in range(guests)]
    leads = [make_card(database, team) for _ in range(cards)]
    with database.transaction() as session:
        for card in leads:
            _say(session, card, team.admin, *people)
    return team, leads[0], people


def _left(database: Database) -> tuple[int, Team, Person]:
    """Make a team, and a guest whose removal has been carried out."""
    team, _, guests = _shared(database, guests=1, cards=3)
    with database.transaction() as session:
        removal = remove(session, [guests[0].membership_id], by=_member(session, team.admin))
        while advance_removal(session, removal.id):
            pass
    return removal.id, team, guests[0]


def _say(session: Session, card: Lead, by: Person, *to: Person) -> None:
    on, ids = session.get_one(Card, card.id), [each.membership_id for each in to]
    say(session, on, by=_member(session, by), text="Have a look", to=ids)


def _member(session: Session, person: Person) -> Membership:
    return session.get_one(Membership, person.membership_id)
