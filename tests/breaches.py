"""Every breach of access: grants, memberships, sessions, notifications."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import (
    Account,
    Addressee,
    Base,
    Card,
    Grant,
    Group,
    Job,
    JobStatus,
    Membership,
    MembershipStatus,
    Message,
    Notification,
    Removal,
    RemovalStatus,
    UserSession,
    now,
)
from tests.people import Person
from tests.planting import Scene, breach
from tests.rows import sign_in

AN_HOUR = timedelta(hours=1)
LONG_AGO = timedelta(days=200)


def _closed(session: Session, grant_id: int) -> bool:
    return session.get_one(Grant, grant_id).revoked_at is not None


def _removed(session: Session, membership_id: int) -> bool:
    one = session.get_one(Membership, membership_id)
    working = select(Job).where(Job.actor == "carry_out_removal", Job.status == JobStatus.WAITING)
    carried = any(job.arguments == {"removal_id": one.removal_id} for job in session.scalars(working))
    return one.is_removed and one.removal_id is not None and carried


def _gone(session: Session, notification_id: int) -> bool:
    return session.get(Notification, notification_id) is None


@breach("grant_without_live_membership", "deleted", tells="deleted_at", mended=_closed)
def _(scene: Scene) -> Base:
    scene.delete_raw(scene.guest)
    return scene.grant(scene.card_id)


@breach("grant_without_live_membership", "removal-done", tells="deleted_at", mended=_closed)
def _(scene: Scene) -> Base:
    done = {"status": RemovalStatus.DONE, "requested_at": now() - AN_HOUR, "finished_at": now()}
    removal = scene.add(Removal(account_id=scene.world.team.id, **done))
    scene.delete_raw(scene.guest)
    scene.membership(scene.guest).removal_id = removal.id
    return scene.grant(scene.card_id)


@breach("grant_without_live_membership", "membership-missing", tells="membership_id", mended=_closed)
def _(scene: Scene) -> Base:
    scene.tear_out.append((Membership, scene.guest.membership_id))
    message = scene.message(scene.card_id)
    scene.add(Addressee(message_id=message.id, membership_id=scene.guest.membership_id))
    return scene.grant(scene.card_id, message)


@breach("grant_on_deleted_card", "deleted", tells="card_id", mended=_closed)
def _(scene: Scene) -> Base:
    scene.session.get_one(Card, scene.card_id).deleted_at = now()
    return scene.grant(scene.card_id)


@breach("grant_on_deleted_card", "of-another-account", tells="card_id", mended=_closed)
def _(scene: Scene) -> Base:
    return scene.grant(scene.world.card_of_other.id)


@breach("grant_past_end", "by-an-hour", tells="ends_at", mended=_closed)
def _(scene: Scene) -> Base:
    return scene.grant(scene.card_id, ends_at=now() - AN_HOUR)


@breach("grant_without_message", "of-another-card", tells="message_of_card_id", mended=_closed)
def _(scene: Scene) -> Base:
    message = scene.message(scene.world.card.id)
    scene.add(Addressee(message_id=message.id, membership_id=scene.guest.membership_id))
    return scene.grant(scene.card_id, message)


@breach("grant_without_message", "addressed-to-another", tells="message_id", mended=_closed)
def _(scene: Scene) -> Base:
    message = scene.message(scene.card_id)
    scene.add(Addressee(message_id=message.id, membership_id=scene.colleague.membership_id))
    return scene.grant(scene.card_id, message)


@breach("grant_without_message", "missing", tells="message_id", mended=_closed)
def _(scene: Scene) -> Base:
    message = scene.message(scene.card_id)
    scene.tear_out.append((Message, message.id))
    return scene.grant(scene.card_id, message)


@breach("membership_past_end", "by-an-hour", tells="ends_at", mended=_removed)
def _(scene: Scene) -> Base:
    membership = scene.membership(scene.guest)
    membership.ends_at = now() - AN_HOUR
    return membership


@breach("membership_of_closed_account", "active", tells="closed_at", mended=_removed)
def _(scene: Scene) -> Base:
    account = scene.add(Account(slug=f"closed-{scene.card_id}", name="Closed", closed_at=now()))
    active = {"group": Group.MEMBER, "status": MembershipStatus.ACTIVE, "activated_at": now()}
    return scene.add(Membership(account_id=account.id, user_id=scene.guest.user_id, **active))


@breach("guest_dormant", "long-ago", tells="seen_at", mended=_removed)
def _(scene: Scene) -> Base:
    membership = scene.membership(scene.guest)
    membership.created_at = membership.activated_at = membership.seen_at = now() - LONG_AGO
    return membership


@breach(
    "session_without_membership",
    "deleted",
    tells="person",
    mended=lambda session, row_id: session.get_one(UserSession, row_id).ended_at is not None,
)
def _(scene: Scene) -> Base:
    scene.delete_raw(scene.guest)
    return sign_in(scene.session, scene.guest.user_id)


@breach("notification_out_of_sight", "no-grant", tells="card_id", mended=_gone)
def _(scene: Scene) -> Base:
    return _notify(scene)


@breach("notification_out_of_sight", "grant-closed", tells="card_id", mended=_gone)
def _(scene: Scene) -> Base:
    scene.grant(scene.card_id, revoked_at=now())
    return _notify(scene)


@breach("notification_out_of_sight", "member-deleted", tells="membership", mended=_gone)
def _(scene: Scene) -> Base:
    scene.delete_raw(scene.colleague)
    return _notify(scene, scene.colleague)


@breach("notification_out_of_sight", "card-deleted", tells="card_deleted_at", mended=_gone)
def _(scene: Scene) -> Base:
    scene.session.get_one(Card, scene.card_id).deleted_at = now()
    return _notify(scene, scene.colleague)


def _notify(scene: Scene, person: Person | None = None) -> Base:
    about = {"account_id": scene.world.team.id, "membership_id": (person or scene.guest).membership_id}
    return scene.add(Notification(card_id=scene.card_id, message_id=scene.message(scene.card_id).id, **about))
