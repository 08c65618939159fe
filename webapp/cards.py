"""Leads and customers: their lists, and the page of one card with its fields, notes and tasks."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import contains_eager, selectinload

from models import Card, Membership, Message, MessageKind, Note, Task
from models.pieces import Piece, newest, piece
from webapp.access import acting, here, needs
from webapp.choices import of_attached, of_people
from webapp.display import address_of
from webapp.errors import answers_on
from webapp.forms import Asked, CardForm, FieldsForm, TaskForm, TextForm, before, day
from webapp.visit import KINDS, Here
from workflows.converse import PIECE, chat_of
from workflows.grant import participants, participating
from workflows.permissions import Action
from workflows.refusals import Refusal
from workflows.tend import add_note, add_task, attach, create_card, delete_card, edit_fields, fields_of, finish_task

pages = Blueprint("cards", __name__, url_prefix="/a/<slug:slug>/<any(leads, customers):kind>")
PER_PAGE, TASKS_SHOWN, LAST_PAGE = 60, 20, 10_000
FIELD = "field-"
# What of a card may grow without end: shown in pieces, each asked for in the address by its own name.
PIECES = ("chat", "letters", "notes", "participants", "tasks")


def list_page(refusal: Refusal | None = None) -> str:
    """Return the page that lists the account's leads or customers, newest first."""
    found, asked = here(), Asked.read()
    own = select(Card).where(
        Card.account_id == found.by.account_id, Card.kind == KINDS[g.path["kind"]], Card.deleted_at.is_(None)
    )
    matching = own.where(Card.name.icontains(asked.q, autoescape=True)) if asked.q else own
    wanted = matching.order_by(Card.id.desc()).options(selectinload(Card.contact), selectinload(Card.company))
    cards, has_more = piece(found.session.scalars, wanted, PER_PAGE, page=asked.page)
    shown = {"cards": cards, "has_more": has_more, "asked": asked}
    return render_template("pages/cards.html", refusal=refusal, kind=g.path["kind"], **shown, **of_attached(found))


def card_page(refusal: Refusal | None = None) -> str:
    """Return the card's page, with what the visitor may see of it and nothing else."""
    found, card = here(), here().on
    chat = chat_of(found.session, card, before=before("chat"))
    return render_template(
        "pages/card.html",
        refusal=refusal,
        card=card,
        kind=g.path["kind"],
        fields=[(field, card.values.get(str(field.id), "")) for field in fields_of(found.session, card)],
        notes=_notes(found),
        tasks=_tasks(found) if found.may(Action.USE_TASKS) else None,
        chat=chat,
        letters=chat_of(found.session, card, kind=MessageKind.CONTACT, before=before("letters")),
        asked={name: before(name) or None for name in PIECES},
        grants=participants(found.session, card, before=before("participants")),
        participating=_participating(found, chat),
        **of_people(found),
        **(of_attached(found) if found.may(Action.EDIT_FIELDS) else {}),
    )


@pages.get("")
@needs(Action.BROWSE)
def listed() -> str:
    """List the cards."""
    return list_page()


@pages.post("")
@needs(Action.CREATE_CARD)
@answers_on(list_page)
def create() -> ResponseReturnValue:
    """Create a card, and lead to it."""
    sent = CardForm.read()
    with acting() as found:
        about = {"contact_id": sent.contact_id, "company_id": sent.company_id}
        card = create_card(found.session, by=found.by, kind=KINDS[g.path["kind"]], name=sent.name, **about)
    return redirect(url_for(".card", **address_of(card)), 303)


@pages.get("/<number:card_id>")
@needs(Action.READ_CARD)
def card() -> str:
    """Show the card."""
    return card_page()


@pages.post("/<number:card_id>/fields")
@needs(Action.EDIT_FIELDS)
@answers_on(card_page)
def edit() -> ResponseReturnValue:
    """Set the card's name and fields."""
    sent = FieldsForm.read()
    values = {name.removeprefix(FIELD): value for name, value in request.form.items() if name.startswith(FIELD)}
    with acting() as found:
        edit_fields(
            found.session,
            found.on,
            by=found.by,
            name=sent.name,
            values=values,
            new_label=sent.new_label,
            new_value=sent.new_value,
        )
        attach(found.session, found.on, by=found.by, about=sent.about)
    return _back()


@pages.post("/<number:card_id>/notes")
@needs(Action.WRITE_NOTES)
@answers_on(card_page)
def write_note() -> ResponseReturnValue:
    """Add a note."""
    sent = TextForm.read()
    with acting() as found:
        add_note(found.session, found.on, by=found.by, text=sent.text)
    return _back()


@pages.post("/<number:card_id>/tasks")
@needs(Action.USE_TASKS)
@answers_on(card_page)
def set_task() -> ResponseReturnValue:
    """Set a task."""
    sent = TaskForm.read()
    with acting() as found:
        add_task(found.session, found.on, by=found.by, text=sent.text, due_on=day(sent.due_on))
    return _back()


@pages.post("/<number:card_id>/tasks/<number:task_id>/finish")
@needs(Action.USE_TASKS)
def finish(task_id: int) -> ResponseReturnValue:
    """Mark a task as done."""
    with acting() as found:
        finish_task(found.session, found.on, task_id, by=found.by)
    return _back()


@pages.post("/<number:card_id>/delete")
@needs(Action.DELETE_CARD)
@answers_on(card_page)
def delete() -> ResponseReturnValue:
    """Delete the card: it closes to everybody at once."""
    with acting() as found:
        delete_card(found.session, found.on, by=found.by)
    return redirect(url_for(".listed"), 303)


def _back() -> ResponseReturnValue:
    return redirect(url_for("cards.card"), 303)


def _notes(found: Here) -> Piece[Note]:
    of = select(Note).join(Note.author).join(Membership.user).where(Note.card_id == found.on.id)
    authors = contains_eager(Note.author).contains_eager(Membership.user)
    return newest(found.session.scalars, of.options(authors), Note.id, PIECE, before=before("notes"))


def _tasks(found: Here) -> Piece[Task]:
    of = select(Task).where(Task.card_id == found.on.id)
    ordered = of.order_by(Task.done_at.is_not(None), Task.due_on, Task.id)
    return piece(found.session.scalars, ordered, TASKS_SHOWN, page=min(before("tasks"), LAST_PAGE))


def _participating(found: Here, chat: Piece[Message]) -> set[int]:
    """Return which of those addressed participate: the others are not named to guests (R41)."""
    if found.may(Action.GRANT):
        return set()
    return participating(found.session, found.on, {to.membership_id for each in chat.rows for to in each.addressees})
