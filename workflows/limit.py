"""Hold invitations to their limits: by admin and hour, by recipient and day, by resends of one (R9)."""

from datetime import timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from models import Delivery, ImportRow, Invitation, Membership, Template, now, settings
from models.language import ngettext
from workflows.refusals import TooMany
from workflows.turn import take_turn


def take_turn_to_mail(session: Session, *addresses: str, by: Membership | None = None) -> None:
    """Hold the turn at inviting these addresses until the commit; and at what `by` may, where that is counted too."""
    own = () if by is None else (f"invitations by {by.id}",)
    take_turn(session, *(f"invitations to {address}" for address in addresses), *own)


def hold_to_hour(session: Session, by: Membership) -> None:
    """Return if an admin may invite one more; what came by an import counts apart. Raises TooMany."""
    hour_ago, limit = now() - timedelta(hours=1), settings().invitations_per_hour
    made = select(func.count()).where(Invitation.inviter_id == by.id, Invitation.created_at > hour_ago)
    imported = exists().where(ImportRow.invitation_id == Invitation.id)
    if session.scalars(made.where(~imported)).one() >= limit:
        raise TooMany(
            ngettext(
                "You have invited %(num)s person within the hour; try again later.",
                "You have invited %(num)s people within the hour; try again later.",
                limit,
            )
        )


def hold_to_resends(session: Session, invitation: Invitation) -> None:
    """Return if an invitation may be sent once more. Raises TooMany."""
    limit = settings().resends_per_day
    # Templates are chosen at the moment of sending; only a reminder is known as one from the start.
    of = (Delivery.invitation_id == invitation.id) & Delivery.template.is_distinct_from(Template.REMINDER)
    first = select(func.min(Delivery.id)).where(of).scalar_subquery()
    resent = select(func.count()).where(of, Delivery.id > first, Delivery.queued_at > now() - timedelta(days=1))
    if session.scalars(resent).one() >= limit:
        raise TooMany(
            ngettext(
                "This invitation was sent again %(num)s time within a day; try again tomorrow.",
                "This invitation was sent again %(num)s times within a day; try again tomorrow.",
                limit,
            )
        )


def hold_to_recipient(session: Session, address: str, *, apart_from: int = 0) -> None:
    """Return if an address may be sent one more invitation, over all accounts. Raises TooMany."""
    # An invitation's own resends have a limit of their own; this one bounds what all the others send.
    limit = settings().mails_per_recipient_day
    mailed = select(func.count()).where(
        Delivery.to_address == address,
        Delivery.invitation_id != apart_from,
        Delivery.queued_at > now() - timedelta(days=1),
    )
    if session.scalars(mailed).one() >= limit:
        raise TooMany(
            ngettext(
                "This address was sent %(num)s invitation within a day; try again tomorrow.",
                "This address was sent %(num)s invitations within a day; try again tomorrow.",
                limit,
            )
        )
