"""Receive what a card's contact answers (R32)."""

from sqlalchemy.orm import Session

from models import Account, Card, Message, MessageKind, NewsKind, announce
from models.visible import plain
from workflows.notify import notify
from workflows.permissions import Action, is_permitted
from workflows.tend import LONGEST_TEXT


def receive(session: Session, message_id: int, *, text: str) -> Message | None:
    """Thread an answer on the card of the message that it answers, and notify who wrote that, if they still may.

    Returns None where there is no such card any more. Text beyond the longest is cut.
    """
    asked = session.get(Message, message_id)
    if asked is None or asked.kind is not MessageKind.CONTACT:
        return None
    # Held, so that whoever deletes it finds what is told of it here.
    card = session.get(Card, asked.card_id, with_for_update={"read": True})
    if card is None or card.deleted_at is not None:
        return None
    if session.get_one(Account, card.account_id).closed_at is not None:
        return None
    answer = Message(account_id=card.account_id, kind=MessageKind.CONTACT, card_id=card.id)
    answer.text = plain(text)[:LONGEST_TEXT]
    session.add(answer)
    session.flush()
    if asked.author is not None and is_permitted(session, asked.author, Action.READ_CARD, card=card):
        notify(session, answer, [asked.author])
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)
    return answer
