"""Tend a card: create and delete it, its fields, notes and tasks."""

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from models import (
    Card,
    CardField,
    CardKind,
    Company,
    Contact,
    Event,
    Grant,
    Membership,
    NewsKind,
    Note,
    Notification,
    Task,
    announce,
    insert_once,
    now,
    record,
    record_each,
)
from models.visible import is_blank, one_line, plain
from workflows.permissions import Action, permit
from workflows.refusals import EmptyText, NotFound, TextTooLong

LONGEST_NAME = 200
LONGEST_LABEL = 100
LONGEST_LINE = 500
LONGEST_TEXT = 20_000
ATTACHED: Mapping[str, type[Contact] | type[Company]] = {"contact_id": Contact, "company_id": Company}


def create_card(
    session: Session,
    *,
    by: Membership,
    kind: CardKind,
    name: str,
    contact_id: int | None = None,
    company_id: int | None = None,
) -> Card:
    """Create a lead or customer and return it. A name alone is enough; contact and company are the account's own."""
    permit(session, by, Action.CREATE_CARD)
    name = called(name, LONGEST_NAME)
    card = Card(account_id=by.account_id, kind=kind, name=name, created_by_id=by.id)
    _attach(session, card, {"contact_id": contact_id, "company_id": company_id})
    session.add(card)
    session.flush()
    record(session, Event.CARD_CREATED, card.id, by=by)
    return card


def edit_fields(
    session: Session,
    card: Card,
    *,
    by: Membership,
    name: str | None = None,
    values: Mapping[str, str],
    new_label: str = "",
    new_value: str = "",
) -> None:
    """Set the card's name and custom fields, by field id; a new label defines a field for all cards of the kind."""
    # All values are one column: who edits another field at the same moment comes before or after.
    session.refresh(card, with_for_update={"key_share": True})
    permit(session, by, Action.EDIT_FIELDS, card=card)
    known = {str(field.id) for field in fields_of(session, card)}
    if not values.keys() <= known:
        raise NotFound
    changed = {**card.values, **{key: short(value, LONGEST_LINE) for key, value in values.items()}}
    if new_label.strip():
        changed[str(_define(session, card, new_label))] = short(new_value, LONGEST_LINE)
    if name is not None:
        card.name = called(name, LONGEST_NAME)
    card.values = changed
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)


def attach(session: Session, card: Card, *, by: Membership, about: Mapping[str, int | None]) -> None:
    """Set the card's `contact_id` and `company_id`: None detaches, what is not named stays. Raises NotFound."""
    permit(session, by, Action.EDIT_FIELDS, card=card)
    _attach(session, card, about)
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)


def fields_of(session: Session, card: Card) -> list[CardField]:
    """Return the custom fields that the account has for this kind of card."""
    of = select(CardField).where(CardField.account_id == card.account_id, CardField.kind == card.kind)
    return list(session.scalars(of.order_by(CardField.id)))


def add_note(session: Session, card: Card, *, by: Membership, text: str) -> Note:
    """Add a note to the card. Raises EmptyText, TextTooLong."""
    permit(session, by, Action.WRITE_NOTES, card=card)
    note = Note(account_id=card.account_id, card_id=card.id, author_id=by.id, text=written(text, LONGEST_TEXT))
    session.add(note)
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)
    return note


def add_task(session: Session, card: Card, *, by: Membership, text: str, due_on: date | None = None) -> Task:
    """Set a task on the card. Guests are not told, not even that something changed (R37)."""
    permit(session, by, Action.USE_TASKS, card=card)
    text = written(text, LONGEST_LINE)
    task = Task(account_id=card.account_id, card_id=card.id, author_id=by.id, text=text, due_on=due_on)
    session.add(task)
    return task


def finish_task(session: Session, card: Card, task_id: int, *, by: Membership) -> None:
    """Mark a task of this card as done. Finishing twice is the same as finishing once."""
    permit(session, by, Action.USE_TASKS, card=card)
    task = session.get(Task, task_id)
    if task is None or task.card_id != card.id:
        raise NotFound
    task.done_at = task.done_at or now()


def delete_card(session: Session, card: Card, *, by: Membership) -> None:
    """Delete the card: nobody opens it from now on; its grants and notifications end."""
    permit(session, by, Action.DELETE_CARD, card=card)
    holding = select(Grant.membership_id).where(Grant.card_id == card.id, Grant.revoked_at.is_(None))
    # Every verb takes the memberships first, and rows of one table in the order of their ids.
    held = select(Membership.id).where(Membership.id.in_(holding)).order_by(Membership.id)
    session.execute(held.with_for_update(key_share=True))
    at = now()
    still = update(Card).where(Card.id == card.id, Card.deleted_at.is_(None)).values(deleted_at=at)
    if session.execute(still.returning(Card.id)).one_or_none() is None:
        raise NotFound
    _close_to_everybody(session, card, by=by, at=at)
    record(session, Event.CARD_DELETED, card.id, by=by)
    announce(session, NewsKind.CARD, account_id=card.account_id, card_id=card.id)


def hold(session: Session, card: Card) -> None:
    """Hold the card as it is until the commit: nobody deletes or edits it meanwhile. Raises NotFound where one has."""
    session.refresh(card, with_for_update={"read": True})
    if card.deleted_at is not None:
        raise NotFound


def written(text: str, longest: int) -> str:
    """Return the text without the white space around it. Raises EmptyText, TextTooLong."""
    text = short(text, longest)
    if is_blank(text):
        raise EmptyText
    return text


def called(name: str, longest: int) -> str:
    """Return the name on one line. Raises EmptyText, TextTooLong."""
    return written(one_line(name), longest)


def short(text: str, longest: int) -> str:
    """Return the text without the white space around it, if any is left. Raises TextTooLong."""
    text = plain(text)
    if len(text) > longest:
        raise TextTooLong(longest)
    return text


def _close_to_everybody(session: Session, card: Card, *, by: Membership, at: datetime) -> None:
    opened = select(Grant.id).where(Grant.card_id == card.id, Grant.revoked_at.is_(None))
    held = opened.order_by(Grant.id).with_for_update(key_share=True)
    session.execute(update(Grant).where(Grant.id.in_(held)).values(revoked_at=at, revoked_by_id=by.id))
    closed = select(Grant.id, Grant.account_id).where(Grant.card_id == card.id, Grant.revoked_at == at)
    record_each(session, Event.GRANT_REVOKED, closed, by=by, outcome="card deleted", card=card.id)
    told = select(Notification.id).where(Notification.card_id == card.id).order_by(Notification.id)
    session.execute(delete(Notification).where(Notification.id.in_(told.with_for_update())))


def _attach(session: Session, card: Card, about: Mapping[str, int | None]) -> None:
    for name, wanted in about.items():
        table = ATTACHED[name]
        own = select(table.id).where(table.id == wanted, table.account_id == card.account_id)
        if wanted is not None and session.scalar(own) is None:
            raise NotFound
        setattr(card, name, wanted)


def _define(session: Session, card: Card, label: str) -> int:
    label = called(label, LONGEST_LABEL)
    about = {"account_id": card.account_id, "kind": card.kind, "label": label}
    return insert_once(session, CardField, **about) or session.scalars(select(CardField.id).filter_by(**about)).one()
