"""Set until when a guest has access, and ask for more time (R14)."""

from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import AuditEvent, Event, Membership, NewsKind, announce, now, record
from models.language import day, gettext
from workflows.correspond import write_direct
from workflows.permissions import Action, permit
from workflows.refusals import AlreadyAsked, AlreadyEnded, EndlessGroup, NoEnd, NotFound
from workflows.warn import MINUTE, answerable

ASKED_EVERY = timedelta(days=1)


def set_end(session: Session, membership_id: int, *, by: Membership, ends_at: datetime | None) -> Membership:
    """Let a guest's access end at a moment, or with None never, and return the guest. They are warned of it anew.

    Raises NotFound, EndlessGroup, and AlreadyEnded where the end came first.
    """
    guest = guest_of(session, membership_id, by=by)
    session.refresh(guest, with_for_update={"key_share": True})
    if guest.is_removed:
        raise NotFound
    if guest.ends_at is not None and guest.ends_at <= now():
        raise AlreadyEnded(guest.display_name)
    guest.ends_at, guest.warned_at = ends_at, None
    until = ends_at.isoformat() if ends_at else ""
    record(session, Event.END_SET, guest.id, by=by, membership=guest.id, until=until)
    announce(session, NewsKind.USERS, account_id=guest.account_id)
    announce(session, NewsKind.NOTIFICATION, account_id=guest.account_id, user_id=guest.user_id)
    return guest


def guest_of(session: Session, membership_id: int, *, by: Membership) -> Membership:
    """Return a present guest of the admin's account. Raises NotFound, EndlessGroup."""
    permit(session, by, Action.SET_END)
    guest = session.get(Membership, membership_id)
    if guest is None or guest.account_id != by.account_id or guest.is_removed:
        raise NotFound
    if not guest.is_guest:
        raise EndlessGroup
    return guest


def ask_extension(session: Session, *, by: Membership) -> Membership:
    """Ask whoever answers for the guest for more time, by a direct message, and return who was asked.

    Raises NoEnd, AlreadyAsked within a day, and NotFound where nobody is left to ask.
    """
    permit(session, by, Action.ASK_EXTENSION)
    if by.ends_at is None:
        raise NoEnd
    asked = answerable(session, by)[:1]
    if not asked:
        raise NotFound
    lately = (AuditEvent.account_id == by.account_id, AuditEvent.at > now() - ASKED_EVERY)
    mine = exists().where(*lately, AuditEvent.event == Event.EXTENSION_ASKED, AuditEvent.actor_id == by.id)
    if session.scalar(select(mine)):
        raise AlreadyAsked(asked[0].display_name)
    last = (by.ends_at - MINUTE).astimezone(by.account.zone)
    text = gettext("May I keep my access for longer? It ends on %(day)s.", day=day(last))
    write_direct(session, asked[0].id, by=by, text=text)
    record(session, Event.EXTENSION_ASKED, by.id, by=by, membership=by.id)
    return asked[0]
