"""A world in which nothing is wrong, full of rows that look almost like breaches."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import (
    Account,
    Base,
    Card,
    Database,
    Delivery,
    DeliveryStatus,
    Grant,
    Group,
    Import,
    ImportRow,
    Invitation,
    InvitationStatus,
    Job,
    JobStatus,
    Link,
    LinkPurpose,
    Membership,
    MembershipStatus,
    Message,
    Notification,
    Removal,
    Template,
    User,
    UserSession,
    enqueue,
    now,
)
from tests.healthy_returns import returned
from tests.importing import listed
from tests.people import make_card, make_guest, make_person, make_team
from tests.rows import World, invitation_to, mail_link, queue_mail, share, sign_in
from workflows.cascade import advance_removal
from workflows.close import close_invitations
from workflows.converse import say
from workflows.correspond import write_direct
from workflows.enlist import advance_import, cancel_import, confirm_import
from workflows.invite import cancel_invitation, invite
from workflows.revoke import remove, revoke_grant
from workflows.tend import delete_card

KEPT: tuple[type[Base], ...] = (
    Membership, Grant, UserSession, Link, Invitation, Notification, Delivery, Removal, Import, ImportRow, Job, Card,
    User, Account,
)  # fmt: skip
# An operator in the settings of whoever sweeps this world.
OPERATOR = "operator@ops.example"
LONG_AGO = timedelta(days=200)
JUST_NOW = timedelta(minutes=1)
AN_HOUR = timedelta(hours=1)


def make_world(database: Database) -> World:
    """Make every healthy look-alike there is, each by the verbs that make it in life where there is one."""
    team, other = make_team(database), make_team(database)
    world = World(team, other, make_card(database, team), make_card(database, other))
    deeds = (_grants, _endings, _removals, returned, _invitations, _imports, _people_without_account)
    for each in (*deeds, _work, _quiet_people):
        each(database, world)
    return world


def snapshot(session: Session) -> dict[tuple[str, int], dict[str, Any]]:
    """Return every row that a sweep could touch, as it is now."""
    return {
        (table.__tablename__, row.id): dict(row._mapping)
        for table in KEPT
        for row in session.execute(select(*table.__table__.columns))
    }


def _grants(database: Database, world: World) -> None:
    people = [make_guest(database, world.team) for _ in range(6)]
    with database.transaction() as session:
        card = session.get_one(Card, world.card.id)
        admin = session.get_one(Membership, world.team.admin.membership_id)
        shared = [share(session, world, each) for each in people]
        # Its message was deleted since, which neither grants nor revokes.
        session.get_one(Message, shared[0].message_id).deleted_at = now()
        shared[1].ends_at = now() + AN_HOUR
        # Ended so shortly ago that expiry has not come by.
        shared[2].ends_at = now() - JUST_NOW
        session.flush()
        revoke_grant(session, card, people[3].membership_id, by=admin)
        # A participant answers: account users are notified, and see every card without a grant.
        say(session, card, by=session.get_one(Membership, people[4].membership_id), text="Thanks")
        say(session, card, by=admin, text="For you", to=[world.team.member.membership_id])
        write_direct(session, people[5].membership_id, by=admin, text="Hello")
        waiting = invitation_to(session, world.team, "waiting@guests.example")
        say(session, card, by=admin, text="When you come", to=[waiting.membership_id])


def _endings(database: Database, world: World) -> None:
    people = [make_guest(database, world.team) for _ in range(3)]
    lead = make_card(database, world.team, name="Deleted")
    with database.transaction() as session:
        session.get_one(Membership, people[0].membership_id).ends_at = now() + AN_HOUR
        share(session, world, people[1]).membership.ends_at = now() - JUST_NOW
        admin = session.get_one(Membership, world.team.admin.membership_id)
        card = session.get_one(Card, lead.id)
        guest, member = people[2].membership_id, world.team.member.membership_id
        say(session, card, by=admin, text="Look", to=[guest, member])
        delete_card(session, card, by=admin)


def _removals(database: Database, world: World) -> None:
    guests = [make_guest(database, world.team) for _ in range(3)]
    second = make_person(database, world.team.id, f"ann@{world.team.slug}.example", "Ann", Group.ADMIN)
    with database.transaction() as session:
        admin = session.get_one(Membership, world.team.admin.membership_id)
        for each in guests:
            share(session, world, each)
            sign_in(session, each.user_id)
        invite(
            session, by=session.get_one(Membership, second.membership_id), email="by-ann@guests.example", group="free"
        )
        asked = invitation_to(session, world.team, "asked@guests.example")
        mail_link(session, asked.membership.user_id, LinkPurpose.ACTIVATE, asked.id)
        done = remove(session, [guests[0].membership_id], by=admin)
        # Under way: one just begun, with an admin among them, one begun long ago and still carried on by its job.
        remove(session, [guests[1].membership_id, second.membership_id, asked.membership_id], by=admin)
        long = remove(session, [guests[2].membership_id], by=admin)
        long.requested_at = now() - timedelta(hours=3)
        while advance_removal(session, done.id):
            pass


def _invitations(database: Database, world: World) -> None:
    with database.transaction() as session:
        admin = session.get_one(Membership, world.team.admin.membership_id)
        made = [invitation_to(session, world.team, f"someone-{n}@guests.example") for n in range(4)]
        for each in made:
            mail_link(session, each.membership.user_id, LinkPurpose.ACTIVATE, each.id)
        cancel_invitation(session, made[0].id, by=admin)
        close_invitations(session, [made[1].id], InvitationStatus.EXPIRED)
        made[2].expires_at = now() - JUST_NOW
        mail_link(session, admin.user_id, LinkPurpose.RESET)
        used = mail_link(session, admin.user_id, LinkPurpose.RESET)
        used.used_at = now()


def _imports(database: Database, world: World) -> None:
    with database.transaction() as session:
        admin = session.get_one(Membership, world.team.admin.membership_id)
        kept, young, long, done, cancelled = (
            listed(session, admin, f"listed-{number}@guests.example") for number in range(5)
        )
        # Nobody has confirmed it, and nobody need to.
        kept.uploaded_at = now() - LONG_AGO
        for each in (young, long, done, cancelled):
            confirm_import(session, each.id, by=admin)
        # Carried on by its job, however long ago it was begun.
        long.confirmed_at = now() - timedelta(hours=3)
        cancel_import(session, cancelled.id, by=admin)
        while advance_import(session, done.id):
            pass
        for each in (done, cancelled):
            each.confirmed_at = now() - LONG_AGO


def _people_without_account(database: Database, world: World) -> None:
    once = make_guest(database, world.other)
    with database.transaction() as session:
        operator = User(email=OPERATOR, name="Op")
        session.add(operator)
        session.flush()
        sign_in(session, operator.id)
        mail_link(session, operator.id, LinkPurpose.RESET)
        # Removed there, but invited here: what is open is for the invitation.
        by = session.get_one(Membership, world.other.admin.membership_id)
        advance_removal(session, remove(session, [once.membership_id], by=by).id)
        invitation_to(session, world.team, once.email)
        sign_in(session, once.user_id)
        gone = User(email="gone@guests.example", name="Gone")
        closed = Account(slug="closed", name="Closed", closed_at=now())
        session.add_all([gone, closed])
        session.flush()
        past = {"status": MembershipStatus.DELETED, "deleted_at": now(), "group": Group.FREE}
        session.add(Membership(account_id=closed.id, user_id=gone.id, **past))
        over = [sign_in(session, gone.id), sign_in(session, gone.id)]
        over[0].ended_at, over[1].expires_at = now(), now() - JUST_NOW
        mail_link(session, gone.id, LinkPurpose.RESET).expires_at = now() - JUST_NOW


def _work(database: Database, world: World) -> None:
    about = {"template": Template.CONTACT_MESSAGE, "queued_at": now() - LONG_AGO}
    with database.transaction() as session:
        deleted = session.scalars(select(Card.id).where(Card.deleted_at.is_not(None))).first()
        queue_mail(session, world, card_id=deleted, **about)
        queue_mail(session, world, **about, status=DeliveryStatus.SENDING, sending_at=now() - AN_HOUR)
        queue_mail(session, world, **about, status=DeliveryStatus.SENDING, sending_at=now(), with_job=False)
        queue_mail(session, world, template=Template.PASSWORD_RESET, with_job=False)
        for ended in (DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.CANCELLED):
            queue_mail(session, world, **about, status=ended, ended_at=now(), with_job=False)
        due = {"actor": "expire", "created_at": now() - LONG_AGO, "not_before": now() - LONG_AGO}
        session.add(Job(**due, status=JobStatus.RUNNING, ring_at=now() + JUST_NOW))
        session.add(Job(**due, status=JobStatus.WAITING, ring_at=now() - JUST_NOW))
        session.add_all(Job(**due, status=status, ring_at=None) for status in (JobStatus.DONE, JobStatus.DEAD))
        enqueue(session, "expire", not_before=now() + LONG_AGO)


def _quiet_people(database: Database, world: World) -> None:
    guests = [make_guest(database, world.team) for _ in range(4)]
    old = now() - LONG_AGO
    everyone = [*[each.membership_id for each in guests], world.team.member.membership_id]
    with database.transaction() as session:
        share(session, world, guests[0])
        quiet = {"created_at": old, "activated_at": old, "seen_at": old}
        session.execute(update(Membership).where(Membership.id.in_(everyone)).values(**quiet))
        session.get_one(Membership, guests[1].membership_id).seen_at = now() - timedelta(days=1)
        session.get_one(Membership, guests[2].membership_id).activated_at = now()
        member = world.team.member.membership_id
        write_direct(session, member, by=session.get_one(Membership, guests[3].membership_id), text="Still here")
