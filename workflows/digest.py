"""Compose letters from what people wrote: a digest of what somebody has not read, a message to a contact (R22, R32)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from models import Account, Card, Contact, Grant, Group, Membership, Message, Notification, Template, User, settings
from models.language import N_
from workflows.compose import Composed, Obstacle, letter, shown_name
from workflows.notify import is_in_sight
from workflows.tokens import reply_address, sign_unsubscribe

# A digest shows so many entries, and says how many more there are.
LENGTH = 10
# Whoever leaves more unread finds the rest in the next one.
MOST = 500
EXCERPT = 280

Author = aliased(Membership)
AuthorUser = aliased(User)


def compose_digest(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:
    """Return all that the person has neither read nor been mailed, as far as they may see it at this moment."""
    entries = session.execute(_unread(row, at)).all()
    if not entries:
        return Obstacle(N_("nothing unread that they may see, or they want no mail"))
    unsubscribe = f"{settings().base_url}/unsubscribe/{sign_unsubscribe(entries[0].user_id)}"
    return Composed(
        letter(
            row,
            Template.NOTIFICATION,
            headers={"List-Unsubscribe": f"<{unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
            notification_ids=tuple(entry.id for entry in entries),
            account=entries[0].account,
            entries=entries[:LENGTH],
            count=len(entries),
            more=max(0, len(entries) - LENGTH),
            link=f"{settings().base_url}/notifications",
            unsubscribe=unsubscribe,
        )
    )


def compose_contact_message(session: Session, row: Row[Any], *, at: datetime) -> Composed | Obstacle:
    """Return what somebody wrote to a card's contact, if they could still write it now (R32, G6)."""
    held = exists().where(Grant.membership_id == Author.id, Grant.card_id == Card.id, Grant.is_open(at))
    found = session.execute(
        select(
            Message.text,
            Account.name.label("account"),
            Contact.name.label("contact"),
            shown_name(Author, AuthorUser).label("author"),
            AuthorUser.email.label("author_address"),
        )
        .join(Card, Message.card_id == Card.id)
        .join(Contact, Card.contact_id == Contact.id)
        .join(Account, Message.account_id == Account.id)
        .join(Author, Message.author_id == Author.id)
        .join(AuthorUser, Author.user_id == AuthorUser.id)
        .where(Message.id == row.message_id, Message.deleted_at.is_(None), Card.deleted_at.is_(None))
        .where(Author.is_live(at), or_(Author.group != Group.FREE, held))
        .where(Account.closed_at.is_(None), Contact.email == row.to_address)
    ).one_or_none()
    if found is None:
        return Obstacle(N_("its author or its contact has no part in this card any more"))
    headers = {"Reply-To": reply_address(row.message_id)}
    return Composed(letter(row, Template.CONTACT_MESSAGE, headers=headers, **found._mapping))


def _unread(row: Row[Any], at: datetime) -> Select[Any]:
    return (
        select(
            Notification.id,
            Notification.card_id,
            Card.name.label("card"),
            Account.name.label("account"),
            Membership.user_id,
            shown_name(Author, AuthorUser).label("author"),
            AuthorUser.email.label("author_address"),
            func.substr(Message.text, 1, EXCERPT + 1).label("text"),
        )
        .join(Membership, Notification.membership_id == Membership.id)
        .join(User, Membership.user_id == User.id)
        .join(Account, Membership.account_id == Account.id)
        .join(Message, Notification.message_id == Message.id)
        .outerjoin(Card, Notification.card_id == Card.id)
        .outerjoin(Author, Message.author_id == Author.id)
        .outerjoin(AuthorUser, Author.user_id == AuthorUser.id)
        .where(Notification.membership_id == row.membership_id, Notification.read_at.is_(None))
        .where(Notification.mailed_at.is_(None), Message.deleted_at.is_(None), User.email == row.to_address)
        .where(User.wants_mail, Membership.is_live(at), Account.closed_at.is_(None), is_in_sight())
        .order_by(Notification.id)
        .limit(MOST)
    )
