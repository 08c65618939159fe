"""Accept an invitation: the membership becomes active, and every link of the invitation dies (R9)."""

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session, aliased

from models import (
    Account,
    Event,
    Group,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    NewsKind,
    announce,
    now,
    record,
)
from workflows.close import revoke_links
from workflows.refusals import InvitationClosed

Inviter = aliased(Membership)


def join(session: Session, invitation_id: int, *, user_id: int) -> Invitation:
    """Accept an invitation as the person invited. Raises InvitationClosed for any other, or one that is over."""
    mine = acceptable().where(Invitation.id == invitation_id, Membership.user_id == user_id)
    if session.scalar(mine) is None or not accept(session, invitation_id):
        raise InvitationClosed
    return session.get_one(Invitation, invitation_id, populate_existing=True)


def accept(session: Session, invitation_id: int) -> bool:
    """Accept an invitation whose person is proved; return False where it is over (cancelling wins the race, R56)."""
    held = acceptable().where(Invitation.id == invitation_id).with_for_update(of=Membership, key_share=True)
    if session.scalar(held) is None:
        return False
    accepted = session.execute(
        update(Invitation)
        .where(Invitation.id == invitation_id, Invitation.status == InvitationStatus.PENDING)
        .values(status=InvitationStatus.ACCEPTED, ended_at=now())
        .returning(Invitation.membership_id, Invitation.account_id)
    ).one_or_none()
    if accepted is None:
        return False
    active = {"status": MembershipStatus.ACTIVE, "activated_at": now(), "seen_at": now()}
    session.execute(update(Membership).where(Membership.id == accepted.membership_id).values(**active))
    revoke_links(session, [invitation_id])
    record(session, Event.INVITATION_ACCEPTED, invitation_id, account_id=accepted.account_id)
    announce(session, NewsKind.USERS, account_id=accepted.account_id)
    return True


def is_acceptable(session: Session, invitation_id: int) -> bool:
    """Return whether the invitation could be accepted now."""
    return session.scalar(acceptable().where(Invitation.id == invitation_id)) is not None


def acceptable() -> Select[int]:
    """Select ids of invitations that are pending and in time, whose inviter may still invite, in an open account."""
    at = now()
    return (
        select(Invitation.id)
        .join(Membership, Invitation.membership_id == Membership.id)
        .join(Inviter, Invitation.inviter_id == Inviter.id)
        .join(Account, Invitation.account_id == Account.id)
        .where(
            Invitation.status == InvitationStatus.PENDING,
            Invitation.expires_at > at,
            Membership.is_wanted(at),
            Inviter.is_live(at),
            Inviter.group == Group.ADMIN,
            Account.closed_at.is_(None),
        )
    )
