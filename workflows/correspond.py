"""Write to one person of the account directly, and read what was written (R33, R41)."""

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, contains_eager

from models import Group, Membership, Message, MessageKind, NewsKind, announce, now
from models.pieces import Piece, newest, piece
from workflows.converse import PIECE, STAFF
from workflows.notify import notify
from workflows.permissions import Action, is_in_force, permit
from workflows.refusals import NotFound, NotWritable
from workflows.tend import LONGEST_TEXT, written

MOST_PEOPLE = 50


def write_direct(session: Session, recipient_id: int, *, by: Membership, text: str) -> Message:
    """Write to one person of the account (R33). Raises NotFound, NotWritable, EmptyText, TextTooLong."""
    permit(session, by, Action.WRITE_DIRECT)
    recipient = _other(session, recipient_id, by)
    if not is_reachable(recipient):
        raise NotWritable
    message = Message(account_id=by.account_id, kind=MessageKind.DIRECT, author_id=by.id, recipient_id=recipient.id)
    message.text = written(text, LONGEST_TEXT)
    session.add(message)
    session.flush()
    notify(session, message, [recipient])
    for user_id in (by.user_id, recipient.user_id):
        announce(session, NewsKind.DIRECT, account_id=by.account_id, user_id=user_id)
    return message


def correspondent(session: Session, membership_id: int, *, by: Membership) -> Membership:
    """Return the other of a direct chat: who can be written to, or who wrote or was written to before they left.

    Raises NotFound, and NotWritable where nothing was written.
    """
    permit(session, by, Action.READ_DIRECT)
    other = _other(session, membership_id, by)
    if not is_reachable(other) and not have_written(session, by, other):
        raise NotWritable
    return other


def is_reachable(other: Membership) -> bool:
    """Return whether a direct message reaches them: they have joined, and their access has not ended."""
    return is_in_force(other)


def writable(session: Session, by: Membership, *, like: str = "") -> Piece[Membership]:
    """Return the first, by name, whom `by` may write to directly and in whose name `like` is found."""
    groups = STAFF if by.is_guest else tuple(Group)
    found = (
        select(Membership)
        .join(Membership.user)
        .where(
            Membership.account_id == by.account_id,
            Membership.id != by.id,
            Membership.group.in_(groups),
            Membership.is_live(now()),
            Membership.called().icontains(like, autoescape=True),
        )
        .options(contains_eager(Membership.user))
    )
    return piece(session.scalars, found.order_by(func.lower(Membership.called()), Membership.id), MOST_PEOPLE)


def direct_between(session: Session, mine: Membership, theirs: Membership, *, before: int = 0) -> Piece[Message]:
    """Return the newest that two people wrote to each other before a message's id, newest first."""
    return newest(session.scalars, _between(mine, theirs), Message.id, PIECE, before=before)


def have_written(session: Session, mine: Membership, theirs: Membership) -> bool:
    """Return whether either of two people has written to the other."""
    return bool(session.scalar(select(_between(mine, theirs).exists())))


def _between(mine: Membership, theirs: Membership) -> Select[Message]:
    out = (Message.author_id == mine.id) & (Message.recipient_id == theirs.id)
    back = (Message.author_id == theirs.id) & (Message.recipient_id == mine.id)
    return select(Message).where(Message.kind == MessageKind.DIRECT, or_(out, back))


def _other(session: Session, membership_id: int, by: Membership) -> Membership:
    """Return somebody else of the account; to guests, account users who are here or wrote to them. Raises NotFound."""
    other = session.get(Membership, membership_id)
    if other is None or other.account_id != by.account_id or other.id == by.id:
        raise NotFound
    if by.is_guest and not _is_known_to_guest(session, other, by):
        raise NotFound
    return other


def _is_known_to_guest(session: Session, other: Membership, by: Membership) -> bool:
    return not other.is_guest and (is_reachable(other) or have_written(session, by, other))
