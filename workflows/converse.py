"""Talk: on a card, where addressing a guest gives access; and with its contact (R20 to R23, R31, R32)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from models import (
    Addressee,
    Card,
    Grant,
    Group,
    Membership,
    Message,
    MessageKind,
    NewsKind,
    Template,
    User,
    announce,
    now,
)
from models.language import gettext
from models.pieces import Piece, newest, piece
from workflows.grant import grant
from workflows.notify import notify
from workflows.permissions import Action, may, permit, role_on
from workflows.post import post
from workflows.refusals import NoMailbox, NotAddressable
from workflows.tend import LONGEST_TEXT, hold, written

STAFF = (Group.ADMIN, Group.MEMBER)
# Of a conversation so much is read at a time, and of those whom it can be addressed to.
PIECE, CHOICES = 30, 40


@dataclass(frozen=True)
class Choice:
    """Somebody whom a chat message can address, and whether that would give them access to the card (R20)."""

    membership: Membership
    gains_access: bool


def say(
    session: Session,
    card: Card,
    *,
    by: Membership,
    text: str,
    to: Collection[int] = (),
    ends_at: datetime | None = None,
    known: Collection[int] | None = None,
) -> Message:
    """Write in the card's internal chat; guests addressed gain access until `ends_at`, and all are notified (R20, R21).

    `known` are the `closed_grants` of those addressed as the request found them: a revocation since wins (R56).
    Raises NotFound, NotAddressable, EmptyText, TextTooLong, JustRevoked.
    """
    permit(session, by, Action.CHAT, card=card)
    text = written(text, LONGEST_TEXT)
    addressed = _addressed(session, card, by, to)
    hold(session, card)
    message = Message(account_id=card.account_id, kind=MessageKind.CHAT, card_id=card.id, author_id=by.id, text=text)
    message.addressees = [Addressee(membership_id=each.id) for each in addressed]
    session.add(message)
    session.flush()
    if may(role_on(session, by, card), Action.GRANT):
        guests = [each for each in addressed if each.is_guest]
        grant(session, message, guests, by=by, ends_at=ends_at, known=known)
    followers = _followers(session, card) if by.is_guest else []
    notify(session, message, [*addressed, *followers])
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)
    return message


def write_to_contact(session: Session, card: Card, *, by: Membership, text: str) -> Message:
    """Mail the card's contact, and keep the message on the card (R32). Raises NoMailbox, EmptyText, TextTooLong."""
    permit(session, by, Action.WRITE_CONTACT, card=card)
    if card.contact is None or not card.contact.email:
        raise NoMailbox
    message = Message(account_id=card.account_id, kind=MessageKind.CONTACT, card_id=card.id, author_id=by.id)
    message.text = written(text, LONGEST_TEXT)
    session.add(message)
    session.flush()
    post(
        session,
        to=card.contact.email,
        template=Template.CONTACT_MESSAGE,
        account_id=card.account_id,
        card_id=card.id,
        message_id=message.id,
    )
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)
    return message


def addressable(
    session: Session, card: Card, *, by: Membership, like: str = "", chosen: Collection[int] = ()
) -> Piece[Choice]:
    """Return whom a message on this card can address: for guests its participants, for others the account's people.

    The first of those in whose name or address `like` is found, guests before others; and whoever is chosen already.
    """
    is_chosen, is_guest = Membership.id.in_(chosen), Membership.group == Group.FREE
    # Guests are shown nobody's address, and find nobody by it.
    names = [Membership.called(), *([] if by.is_guest else [User.email])]
    matching = or_(is_chosen, *(each.icontains(like, autoescape=True) for each in names))
    wanted = _addressable(session, card, by).where(matching).options(contains_eager(Membership.user))
    ordered = wanted.order_by(is_chosen.desc(), is_guest.desc(), Membership.called(), Membership.id)
    people, has_more = piece(session.execute, ordered.add_columns(_is_present(card)), CHOICES + len(chosen))
    choices = [Choice(each, gains_access=each.is_guest and not is_present) for each, is_present in people]
    return Piece(
        sorted(choices, key=lambda each: (not each.membership.is_guest, each.membership.display_name)), has_more
    )


def chat_of(session: Session, card: Card, *, kind: MessageKind = MessageKind.CHAT, before: int = 0) -> Piece[Message]:
    """Return the card's newest messages of one kind before an id, newest first, with authors and addressees."""
    # What is mailed is addressed to nobody here.
    is_chat = kind is MessageKind.CHAT
    people = selectinload(Message.addressees).joinedload(Addressee.membership).joinedload(Membership.user)
    said = (
        select(Message)
        .where(Message.card_id == card.id, Message.kind == kind, Message.deleted_at.is_(None))
        .options(joinedload(Message.author).joinedload(Membership.user), *([people] if is_chat else []))
    )
    return newest(session.scalars, said, Message.id, PIECE, before=before)


def _addressable(session: Session, card: Card, by: Membership) -> Select[Membership]:
    wanted = select(Membership).join(User).where(Membership.account_id == card.account_id, Membership.id != by.id)
    wanted = wanted.where(Membership.is_wanted(now()))
    return wanted if may(role_on(session, by, card), Action.GRANT) else wanted.where(_is_present(card))


def _is_present(card: Card) -> ColumnElement[bool]:
    return exists().where(Grant.membership_id == Membership.id, Grant.card_id == card.id, Grant.is_open(now()))


def _addressed(session: Session, card: Card, by: Membership, to: Collection[int]) -> Sequence[Membership]:
    """Return the people addressed, their rows held until the commit, so that a removal comes before or after."""
    wanted = set(to) - {by.id}
    if not wanted:
        return []
    held = select(Membership).where(Membership.id.in_(wanted), Membership.account_id == card.account_id)
    people = session.scalars(
        held.order_by(Membership.id)
        .with_for_update(of=Membership, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    if len(people) != len(wanted):
        raise NotAddressable(gettext("Somebody"))
    among = _addressable(session, card, by).where(Membership.id.in_(wanted))
    allowed = set(session.scalars(among.with_only_columns(Membership.id)))
    for each in people:
        if each.id not in allowed:
            raise NotAddressable(gettext("Somebody") if by.is_guest else each.display_name)
    return people


def _followers(session: Session, card: Card) -> Sequence[Membership]:
    """Return the account users who talk on this card: they learn what a guest answers."""
    wrote = select(Message.author_id).where(Message.card_id == card.id, Message.kind == MessageKind.CHAT)
    staff = select(Membership).where(Membership.id.in_(wrote), Membership.group.in_(STAFF), Membership.is_live(now()))
    return session.scalars(staff).all()
