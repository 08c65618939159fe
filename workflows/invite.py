"""Invite a person into an account; resend and cancel what was not answered (R1 to R9)."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import (
    Event,
    Group,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    NewsKind,
    User,
    announce,
    insert_once,
    now,
    record,
    settings,
)
from models.visible import one_line
from workflows.address import normalise
from workflows.close import close_invitations, expire_invitation_of
from workflows.limit import hold_to_hour, hold_to_recipient, hold_to_resends, take_turn_to_mail
from workflows.permissions import Action, permit
from workflows.post import post
from workflows.refusals import (
    AlreadyInvited,
    AlreadyMember,
    EndlessGroup,
    InvitationClosed,
    NotFound,
    UnknownGroup,
)


def invite(
    session: Session,
    *,
    by: Membership,
    email: str,
    group: str,
    name: str = "",
    ends_at: datetime | None = None,
) -> Invitation:
    """Record an invitation and its mail, and return it. Whether the person is known is for the worker to find (R2).

    The statements are the same for a known and an unknown address, so that their time tells nothing (R6).
    Raises BadAddress, UnknownGroup, EndlessGroup, AlreadyMember, AlreadyInvited, TooMany.
    """
    permit(session, by, Action.INVITE)
    address, wanted = normalise(email), known_group(group)
    if ends_at is not None and wanted is not Group.FREE:
        raise EndlessGroup
    take_turn_to_mail(session, address, by=by)
    hold_to_hour(session, by)
    return ask_in(session, address, by=by, typed=email.strip(), group=wanted, name=name, ends_at=ends_at)


def ask_in(
    session: Session,
    address: str,
    *,
    by: Membership,
    typed: str,
    group: Group,
    name: str,
    ends_at: datetime | None = None,
    import_id: int | None = None,
) -> Invitation:
    """Seat and mail an address whose turn the caller holds, for an admin who may, and return the invitation.

    Raises AlreadyMember, AlreadyInvited, TooMany.
    """
    hold_to_recipient(session, address)
    insert_once(session, User, email=address)
    user_id = session.scalars(select(User.id).where(User.email == address)).one()
    membership_id = _seat(session, by, user_id, address, group=group, name=one_line(name), ends_at=ends_at)
    invitation = Invitation(
        account_id=by.account_id,
        membership_id=membership_id,
        inviter_id=by.id,
        email_typed=typed,
        expires_at=now() + timedelta(days=settings().invitation_days),
    )
    session.add(invitation)
    session.flush()
    _post_invitation(session, invitation, to=address)
    source: dict[str, Any] = {} if import_id is None else {"import": import_id}
    record(session, Event.INVITATION_MADE, invitation.id, by=by, email=address, group=group, **source)
    return invitation


def known_group(typed: str) -> Group:
    """Return the group of a name. Raises UnknownGroup."""
    try:
        return Group(typed)
    except ValueError:
        raise UnknownGroup(typed[:40]) from None


def resend_invitation(session: Session, invitation_id: int, *, by: Membership) -> Invitation:
    """Mail a fresh link, and let the invitation live its full time again (R9). Raises InvitationClosed, TooMany."""
    permit(session, by, Action.INVITE)
    address = _address_of(session, invitation_id, by)
    # Before the lock on the row, as whoever invites does it.
    take_turn_to_mail(session, address)
    invitation = _lock(session, invitation_id, by)
    if not invitation.is_open or invitation.expires_at <= now():
        raise InvitationClosed
    hold_to_resends(session, invitation)
    hold_to_recipient(session, address, apart_from=invitation.id)
    invitation.expires_at, invitation.reminded_at = now() + timedelta(days=settings().invitation_days), None
    _post_invitation(session, invitation, to=address)
    record(session, Event.INVITATION_RESENT, invitation.id, by=by)
    return invitation


def cancel_invitation(session: Session, invitation_id: int, *, by: Membership) -> Invitation:
    """Close a pending invitation with its links and mail. Cancelling twice is the same as cancelling once."""
    permit(session, by, Action.INVITE)
    invitation = _lock(session, invitation_id, by)
    if invitation.status is InvitationStatus.ACCEPTED:
        raise InvitationClosed
    if invitation.is_open:
        close_invitations(session, [invitation.id], InvitationStatus.CANCELLED, by=by)
    return invitation


def _seat(session: Session, by: Membership, user_id: int, address: str, **given: object) -> int:
    """Return the id of a new, invited membership. Raises AlreadyMember or AlreadyInvited where one is present (R8)."""
    about = {"account_id": by.account_id, "user_id": user_id}
    seat = {**about, "status": MembershipStatus.INVITED, "sponsor_id": by.id, **given}
    fresh = insert_once(session, Membership, **seat)
    # An invitation past its time is in nobody's way, even if the clock has not come by yet (R11).
    if fresh is None and expire_invitation_of(session, **about):
        fresh = insert_once(session, Membership, **seat)
    if fresh is not None:
        return fresh
    present = select(Membership.status).filter_by(**about).where(Membership.status != MembershipStatus.DELETED)
    if session.scalar(present) is MembershipStatus.ACTIVE:
        raise AlreadyMember(address)
    raise AlreadyInvited(address)


def _post_invitation(session: Session, invitation: Invitation, *, to: str) -> None:
    post(
        session,
        to=to,
        template=None,
        account_id=invitation.account_id,
        membership_id=invitation.membership_id,
        invitation_id=invitation.id,
    )
    announce(session, NewsKind.USERS, account_id=invitation.account_id)


def _lock(session: Session, invitation_id: int, by: Membership) -> Invitation:
    """Return an invitation of the admin's account, holding its membership's row, which every verb locks first."""
    of = select(Membership.id).join(Invitation, Invitation.membership_id == Membership.id)
    found = of.where(Invitation.id == invitation_id, Invitation.account_id == by.account_id)
    if session.scalar(found.with_for_update(of=Membership, key_share=True)) is None:
        raise NotFound
    return session.get_one(Invitation, invitation_id, populate_existing=True)


def _address_of(session: Session, invitation_id: int, by: Membership) -> str:
    of = select(User.email).join(Membership, Membership.user_id == User.id)
    of = of.join(Invitation, Invitation.membership_id == Membership.id)
    address = session.scalar(of.where(Invitation.id == invitation_id, Invitation.account_id == by.account_id))
    if address is None:
        raise NotFound
    return address
