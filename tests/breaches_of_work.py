"""Every breach of what is under way: invitations, links, mails, jobs and removals."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import (
    Base,
    Delivery,
    DeliveryStatus,
    Group,
    Import,
    ImportRow,
    ImportStatus,
    Invitation,
    InvitationStatus,
    Job,
    JobStatus,
    Link,
    LinkPurpose,
    Sweep,
    SweepKind,
    Template,
    Tick,
    now,
)
from tests.planting import Scene, breach
from tests.rows import invitation_to, mail_link, queue_mail
from workflows.invite import invite
from workflows.revoke import remove

AN_HOUR = timedelta(hours=1)


def _expired(session: Session, invitation_id: int) -> bool:
    return session.get_one(Invitation, invitation_id).status is InvitationStatus.EXPIRED


def _cancelled(session: Session, invitation_id: int) -> bool:
    return session.get_one(Invitation, invitation_id).status is InvitationStatus.CANCELLED


def _revoked(session: Session, link_id: int) -> bool:
    return session.get_one(Link, link_id).revoked_at is not None


def _given_up(session: Session, delivery_id: int) -> bool:
    return session.get_one(Delivery, delivery_id).status is DeliveryStatus.CANCELLED


def _is_carried_on(session: Session, removal_id: int) -> bool:
    waiting = select(Job).where(Job.actor == "carry_out_removal", Job.status == JobStatus.WAITING)
    return any(job.arguments == {"removal_id": removal_id} for job in session.scalars(waiting))


def _rings(session: Session, job_id: int) -> bool:
    job = session.get_one(Job, job_id)
    return job.status is JobStatus.WAITING and job.ring_at is not None and job.ring_at > now() - AN_HOUR / 60


def _has_job(session: Session, delivery_id: int) -> bool:
    return _is_wanted(session, "deliver", delivery_id=delivery_id)


def _goes_on(session: Session, import_id: int) -> bool:
    return _is_wanted(session, "carry_out_import", import_id=import_id)


def _is_wanted(session: Session, actor: str, **arguments: int) -> bool:
    jobs = session.scalars(select(Job).where(Job.actor == actor, Job.status == JobStatus.WAITING))
    return any(job.arguments == arguments for job in jobs)


@breach("invitation_past_expiry", "by-an-hour", tells="expires_at", mended=_expired)
def _(scene: Scene) -> Base:
    invitation = invitation_to(scene.session, scene.world.team, f"late-{scene.card_id}@planted.example")
    invitation.expires_at = now() - AN_HOUR
    return invitation


@breach("invitation_without_inviter", "deleted", tells="deleted_at", mended=_cancelled)
def _(scene: Scene) -> Base:
    return _by_colleague(scene, then=lambda: scene.delete_raw(scene.colleague))


@breach("invitation_without_inviter", "no-longer-admin", tells="group", mended=_cancelled)
def _(scene: Scene) -> Base:
    return _by_colleague(scene, then=lambda: setattr(scene.membership(scene.colleague), "group", Group.MEMBER))


@breach("link_without_membership", "reset", tells="person", mended=_revoked)
def _(scene: Scene) -> Base:
    scene.delete_raw(scene.guest)
    return mail_link(scene.session, scene.guest.user_id, LinkPurpose.RESET)


@breach("link_without_membership", "invitation-over", tells="invitation", mended=_revoked)
def _(scene: Scene) -> Base:
    invitation = invitation_to(scene.session, scene.world.team, f"over-{scene.card_id}@planted.example")
    invitation.status, invitation.ended_at = InvitationStatus.CANCELLED, now()
    return mail_link(scene.session, invitation.membership.user_id, LinkPurpose.ACTIVATE, invitation.id)


@breach("delivery_out_of_sight", "member-deleted", tells="person", mended=_given_up)
def _(scene: Scene) -> Base:
    scene.delete_raw(scene.guest)
    about = {"template": Template.NOTIFICATION, "membership_id": scene.guest.membership_id}
    return queue_mail(scene.session, scene.world, **about)


@breach("delivery_out_of_sight", "no-grant", tells="card_id", mended=_given_up)
def _(scene: Scene) -> Base:
    about = {"template": Template.NOTIFICATION, "membership_id": scene.guest.membership_id}
    return queue_mail(scene.session, scene.world, card_id=scene.card_id, **about)


@breach("removal_unfinished", "job-dead", tells="requested_at", mended=_is_carried_on)
def _(scene: Scene) -> Base:
    admin = scene.membership(scene.world.team.admin)
    removal = remove(scene.session, [scene.guest.membership_id], by=admin)
    removal.requested_at = now() - AN_HOUR
    scene.session.flush()
    last = select(Job.id).order_by(Job.id.desc()).limit(1).scalar_subquery()
    scene.session.execute(update(Job).where(Job.id == last).values(status=JobStatus.DEAD, ring_at=None))
    return removal


@breach("import_unfinished", "job-dead", tells="confirmed_at", mended=_goes_on)
def _(scene: Scene) -> Base:
    found = _list(scene)
    dead = Job(actor="carry_out_import", arguments={"import_id": found.id}, status=JobStatus.DEAD, ring_at=None)
    scene.add(dead)
    return found


@breach("import_unfinished", "job-forgotten", tells="file_name", mended=_goes_on)
def _(scene: Scene) -> Base:
    return _list(scene)


@breach("job_past_deadline", "waiting", tells="ring_at", mended=_rings)
def _(scene: Scene) -> Base:
    return scene.add(_job(JobStatus.WAITING, ring_at=now() - AN_HOUR))


@breach("job_past_deadline", "running", tells="ring_at", mended=_rings)
def _(scene: Scene) -> Base:
    return scene.add(_job(JobStatus.RUNNING, ring_at=now() - AN_HOUR))


@breach("job_past_deadline", "never-rung", tells="actor", mended=_rings)
def _(scene: Scene) -> Base:
    return scene.add(_job(JobStatus.WAITING, ring_at=None))


@breach("delivery_stuck", "queued", tells="queued_at", mended=_has_job)
def _(scene: Scene) -> Base:
    queued_at = now() - AN_HOUR
    return queue_mail(scene.session, scene.world, with_job=False, template=Template.PASSWORD_RESET, queued_at=queued_at)


@breach("delivery_stuck", "sending", tells="sending_at", mended=_has_job)
def _(scene: Scene) -> Base:
    about = {"template": Template.PASSWORD_RESET, "queued_at": now() - 2 * AN_HOUR, "sending_at": now() - AN_HOUR}
    return queue_mail(scene.session, scene.world, with_job=False, status=DeliveryStatus.SENDING, **about)


def _overdue(kind: SweepKind) -> None:
    of_kind = Sweep.kind == kind

    def begun(session: Session, _: int) -> bool:
        return session.scalar(select(Sweep.id).where(of_kind, Sweep.started_at > now() - AN_HOUR).limit(1)) is not None

    @breach(f"{kind}_sweep_overdue", "for-twice-its-period", tells="overdue_at", mended=begun)
    def _(scene: Scene) -> Base:
        schedule, at = f"sweep-{kind}", now()
        scene.session.execute(delete(Tick).where(Tick.schedule == schedule))
        scene.session.execute(update(Sweep).where(of_kind).values(started_at=at - 3 * AN_HOUR))
        # It is the tick of the last success that counts: of those since, none brought another.
        scene.session.execute(update(Sweep).where(of_kind).values(finished_at=at - 3 * AN_HOUR))
        last = Tick(schedule=schedule, due_at=at - 3 * AN_HOUR, overdue_at=at - AN_HOUR)
        scene.add(Tick(schedule=schedule, due_at=at - AN_HOUR / 2, overdue_at=at + AN_HOUR))
        return scene.add(last)


for each in SweepKind:
    _overdue(each)


def _by_colleague(scene: Scene, *, then: Callable[[], None]) -> Base:
    colleague = scene.membership(scene.colleague)
    invitation = invite(scene.session, by=colleague, email=f"for-{colleague.id}@planted.example", group="free")
    then()
    return invitation


def _list(scene: Scene) -> Base:
    admin = scene.world.team.admin.membership_id
    about = {"account_id": scene.world.team.id, "uploaded_by_id": admin, "confirmed_by_id": admin}
    begun = {"status": ImportStatus.RUNNING, "uploaded_at": now() - 2 * AN_HOUR, "confirmed_at": now() - AN_HOUR}
    found = scene.add(Import(file_name="planted.csv", **about, **begun))
    row = {"email": f"listed-{scene.card_id}@planted.example", "name": "", "group": "free"}
    scene.add(ImportRow(import_id=found.id, line=2, address=row["email"], **row))
    return found


def _job(status: JobStatus, *, ring_at: datetime | None) -> Job:
    return Job(actor="expire", status=status, ring_at=ring_at, not_before=now() - 2 * AN_HOUR)
