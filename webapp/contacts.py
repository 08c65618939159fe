"""Contacts and companies, for account users alone (R40): their lists, and the page of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models import Card, Company, Contact
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import Asked, CompanyForm, ContactForm
from workflows.acquaint import LONGEST, Known, create_company, create_contact, edit_company, edit_contact
from workflows.permissions import Action
from workflows.refusals import NotFound, Refusal

pages = Blueprint("contacts", __name__, url_prefix="/a/<slug:slug>")
PER_PAGE = MOST = 100


@dataclass(frozen=True)
class Sort(Generic[Known]):
    """What the pages of contacts and of companies differ in: words, views, and the labels of their facts."""

    one: str
    many: str
    table: type[Known]
    facts: dict[str, str]

    @property
    def id(self) -> str:
        return f"{self.one}_id"

    @property
    def list(self) -> str:
        return f"contacts.{self.many}"

    @property
    def add(self) -> str:
        return f"contacts.add_{self.one}"

    @property
    def page(self) -> str:
        return f"contacts.{self.one}"

    @property
    def edit(self) -> str:
        return f"contacts.change_{self.one}"


CONTACT = Sort("contact", "contacts", Contact, {"email": "E-mail", "phone": "Phone", "position": "Position"})
COMPANY = Sort("company", "companies", Company, {"website": "Website", "address": "Address"})


def contacts_page(refusal: Refusal | None = None) -> str:
    """Return the page that lists the account's contacts, newest first."""
    return _list(CONTACT, refusal)


def companies_page(refusal: Refusal | None = None) -> str:
    """Return the page that lists the account's companies, newest first."""
    return _list(COMPANY, refusal)


def contact_page(refusal: Refusal | None = None) -> str:
    """Return the page of the contact in the address, with the cards about it."""
    return _page(CONTACT, refusal)


def company_page(refusal: Refusal | None = None) -> str:
    """Return the page of the company in the address, with the cards about it."""
    return _page(COMPANY, refusal)


@pages.get("/contacts")
@needs(Action.BROWSE)
def contacts() -> str:
    """List the contacts."""
    return contacts_page()


@pages.get("/companies")
@needs(Action.BROWSE)
def companies() -> str:
    """List the companies."""
    return companies_page()


@pages.post("/contacts")
@needs(Action.EDIT_CONTACT)
@answers_on(contacts_page)
def add_contact() -> ResponseReturnValue:
    """Create a contact, and lead to it."""
    sent = ContactForm.read()
    with acting() as found:
        made = create_contact(found.session, by=found.by, **sent.model_dump(exclude_unset=True))
    return redirect(url_for(".contact", contact_id=made.id), 303)


@pages.post("/companies")
@needs(Action.EDIT_CONTACT)
@answers_on(companies_page)
def add_company() -> ResponseReturnValue:
    """Create a company, and lead to it."""
    sent = CompanyForm.read()
    with acting() as found:
        made = create_company(found.session, by=found.by, **sent.model_dump(exclude_unset=True))
    return redirect(url_for(".company", company_id=made.id), 303)


@pages.get("/contacts/<number:contact_id>")
@needs(Action.READ_CONTACT)
def contact(contact_id: int) -> str:  # noqa: ARG001
    """Show a contact and the cards about it."""
    return contact_page()


@pages.get("/companies/<number:company_id>")
@needs(Action.READ_CONTACT)
def company(company_id: int) -> str:  # noqa: ARG001
    """Show a company and the cards about it."""
    return company_page()


@pages.post("/contacts/<number:contact_id>")
@needs(Action.EDIT_CONTACT)
@answers_on(contact_page)
def change_contact(contact_id: int) -> ResponseReturnValue:
    """Set what is known of a contact."""
    sent = ContactForm.read()
    with acting() as found:
        edit_contact(found.session, contact_id, by=found.by, **sent.model_dump())
    return redirect(url_for(".contact", contact_id=contact_id), 303)


@pages.post("/companies/<number:company_id>")
@needs(Action.EDIT_CONTACT)
@answers_on(company_page)
def change_company(company_id: int) -> ResponseReturnValue:
    """Set what is known of a company."""
    sent = CompanyForm.read()
    with acting() as found:
        edit_company(found.session, company_id, by=found.by, **sent.model_dump())
    return redirect(url_for(".company", company_id=company_id), 303)


def _list(sort: Sort[Known], refusal: Refusal | None) -> str:
    found, asked = here(), Asked.read()
    own = select(sort.table).where(sort.table.account_id == found.by.account_id)
    matching = own.where(sort.table.name.icontains(asked.q, autoescape=True)) if asked.q else own
    newest = matching.order_by(sort.table.id.desc()).limit(PER_PAGE + 1).offset(asked.page * PER_PAGE)
    known = found.session.scalars(newest).all()
    shown = {"known": known[:PER_PAGE], "has_more": len(known) > PER_PAGE, "asked": asked}
    return render_template("pages/contacts.html", refusal=refusal, sort=sort, longest=LONGEST, **shown)


def _page(sort: Sort[Known], refusal: Refusal | None) -> str:
    wanted_id = (request.view_args or {})[sort.id]
    known: Contact | Company | None = here().session.get(sort.table, wanted_id)
    if known is None or known.account_id != here().by.account_id:
        raise NotFound
    cards = _cards(sort, wanted_id)
    return render_template("pages/contact.html", refusal=refusal, sort=sort, longest=LONGEST, known=known, cards=cards)


def _cards(sort: Sort[Known], wanted_id: int) -> Sequence[Card]:
    about = getattr(Card, sort.id) == wanted_id
    present = select(Card).where(about, Card.account_id == here().by.account_id, Card.deleted_at.is_(None))
    return here().session.scalars(present.order_by(Card.id.desc()).limit(MOST)).all()
