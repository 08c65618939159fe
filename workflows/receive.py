"""Receive what a card's contact answers (R32)."""

from collections.abc import Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, Card, Message, MessageKind, NewsKind, announce
from models.language import gettext, ngettext, speaking
from models.visible import plain
from workflows.notify import notify
from workflows.permissions import Action, is_permitted
from workflows.tend import LONGEST_TEXT

NAMED = 5


def receive(
    session: Session, message_id: int, *, text: str, left_out: Sequence[str] = (), once: str | None = None
) -> Message | None:
    """Thread an answer on the card of the message that it answers, and notify who wrote that, if they still may.

    Attachments, named in `left_out`, and text beyond the longest are not taken; the answer says so. Returns None
    where there is no such card any more, and where the answer called `once` is there already.
    """
    asked = session.get(Message, message_id)
    if asked is None or asked.kind is not MessageKind.CONTACT:
        return None
    # Held, so that whoever deletes it finds what is told of it here.
    card = session.get(Card, asked.card_id, with_for_update={"read": True})
    if card is None or card.deleted_at is not None:
        return None
    account = session.get_one(Account, card.account_id)
    if account.closed_at is not None or _is_there(session, once):
        return None
    answer = Message(account_id=card.account_id, kind=MessageKind.CONTACT, card_id=card.id, once=once)
    with speaking(account.language):
        answer.text = "\n\n".join(_written(plain(text), left_out))
    session.add(answer)
    session.flush()
    if asked.author is not None and is_permitted(session, asked.author, Action.READ_CARD, card=card):
        notify(session, answer, [asked.author])
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)
    return answer


def _is_there(session: Session, once: str | None) -> bool:
    return once is not None and session.scalar(select(Message.id).where(Message.once == once)) is not None


def _written(text: str, left_out: Sequence[str]) -> Iterator[str]:
    if text:
        yield text[:LONGEST_TEXT]
    if len(text) > LONGEST_TEXT:
        yield gettext("[What goes beyond %(longest)s characters was not taken.]", longest=LONGEST_TEXT)
    if left_out:
        count, names = len(left_out), ", ".join(left_out[:NAMED])
        beyond = count - NAMED
        more = " " + ngettext("and %(num)s more", "and %(num)s more", beyond) if beyond > 0 else ""
        yield ngettext(
            "[%(num)s attachment was not taken: %(names)s]",
            "[%(num)s attachments were not taken: %(names)s]",
            count,
            names=names + more,
        )
