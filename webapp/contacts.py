"""Contacts and companies, for account users alone (R40): their lists, and the page of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models import Card, Company, Contact
from models.language import N_
from models.pieces import piece
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import Asked, CompanyForm, ContactForm
from workflows.acquaint import LONGEST, create_company, create_contact, edit_company, edit_contact
from workflows.permissions import Action
from workflows.refusals import NotFound, Refusal

pages = Blueprint("contacts", __name__, url_prefix="/a/<slug:slug>/<any(contacts, companies):sort>")
PER_PAGE = MOST = 100


@dataclass(frozen=True)
class Sort:
    """What contacts and companies differ in: words, the labels of their facts, forms and verbs."""

    one: str
    many: str
    table: type[Contact] | type[Company]
    facts: dict[str, str]
    form: type[ContactForm] | type[CompanyForm]
    create: Callable[..., Contact | Company]
    edit: Callable[..., Contact | Company]


CONTACT_FACTS = {"email": N_("E-mail"), "phone": N_("Phone"), "position": N_("Position")}
COMPANY_FACTS = {"website": N_("Website"), "address": N_("Address")}
SORTS = {
    each.many: each
    for each in (
        Sort("contact", "contacts", Contact, CONTACT_FACTS, ContactForm, create_contact, edit_contact),
        Sort("company", "companies", Company, COMPANY_FACTS, CompanyForm, create_company, edit_company),
    )
}


@pages.url_value_preprocessor
def _take_sort(_: str | None, values: dict[str, Any] | None) -> None:
    g.sort = SORTS[values.pop("sort")] if values else None


@pages.url_defaults
def _give_sort(_: str, values: dict[str, Any]) -> None:
    if "sort" not in values:
        values["sort"] = g.sort.many


def list_page(refusal: Refusal | None = None) -> str:
    """Return the page that lists the account's contacts or companies, newest first."""
    found, asked, table = here(), Asked.read(), g.sort.table
    own = select(table).where(table.account_id == found.by.account_id)
    matching = own.where(table.name.icontains(asked.q, autoescape=True)) if asked.q else own
    known, has_more = piece(found.session.scalars, matching.order_by(table.id.desc()), PER_PAGE, page=asked.page)
    shown = {"known": known, "has_more": has_more, "asked": asked}
    return render_template("pages/contacts.html", refusal=refusal, sort=g.sort, longest=LONGEST, **shown)


def known_page(refusal: Refusal | None = None) -> str:
    """Return the page of the contact or company in the address, with the cards about it."""
    wanted_id = (request.view_args or {})["known_id"]
    known = here().session.get(g.sort.table, wanted_id)
    if known is None or known.account_id != here().by.account_id:
        raise NotFound
    shown = {"known": known, "cards": _cards(wanted_id)}
    return render_template("pages/contact.html", refusal=refusal, sort=g.sort, longest=LONGEST, **shown)


@pages.get("")
@needs(Action.BROWSE)
def listed() -> str:
    """List them."""
    return list_page()


@pages.post("")
@needs(Action.EDIT_CONTACT)
@answers_on(list_page)
def create() -> ResponseReturnValue:
    """Create one, and lead to it."""
    sent = g.sort.form.read()
    with acting() as found:
        made = g.sort.create(found.session, by=found.by, **sent.model_dump(exclude_unset=True))
    return redirect(url_for(".known", known_id=made.id), 303)


@pages.get("/<number:known_id>")
@needs(Action.READ_CONTACT)
def known(known_id: int) -> str:  # noqa: ARG001
    """Show one, and the cards about it."""
    return known_page()


@pages.post("/<number:known_id>")
@needs(Action.EDIT_CONTACT)
@answers_on(known_page)
def edit(known_id: int) -> ResponseReturnValue:
    """Set what is known of one."""
    sent = g.sort.form.read()
    with acting() as found:
        g.sort.edit(found.session, known_id, by=found.by, **sent.model_dump())
    return redirect(url_for(".known", known_id=known_id), 303)


def _cards(wanted_id: int) -> Sequence[Card]:
    about = getattr(Card, f"{g.sort.one}_id") == wanted_id
    present = select(Card).where(about, Card.account_id == here().by.account_id, Card.deleted_at.is_(None))
    return here().session.scalars(present.order_by(Card.id.desc()).limit(MOST)).all()
