"""Contacts and companies, for account users alone (R40)."""

from collections.abc import Sequence
from typing import TypeVar

from flask import Blueprint, render_template
from sqlalchemy import ColumnElement, select

from models import Card, Company, Contact
from webapp.access import here, needs
from workflows.permissions import Action
from workflows.refusals import NotFound

pages = Blueprint("contacts", __name__, url_prefix="/a/<slug:slug>")
Named = TypeVar("Named", Contact, Company)
MOST = 100


@pages.get("/contacts/<number:contact_id>")
@needs(Action.READ_CONTACT)
def contact(contact_id: int) -> str:
    """Show a contact and the cards about it."""
    found = _own(Contact, contact_id)
    facts = [("E-mail", found.email), ("Phone", found.phone), ("Position", found.position)]
    cards = _cards(Card.contact_id == found.id)
    return render_template("pages/contact.html", what="Contact", name=found.name, facts=facts, cards=cards)


@pages.get("/companies/<number:company_id>")
@needs(Action.READ_CONTACT)
def company(company_id: int) -> str:
    """Show a company and the cards about it."""
    found = _own(Company, company_id)
    facts = [("Website", found.website), ("Address", found.address)]
    cards = _cards(Card.company_id == found.id)
    return render_template("pages/contact.html", what="Company", name=found.name, facts=facts, cards=cards)


def _own(table: type[Named], wanted_id: int) -> Named:
    found = here().session.get(table, wanted_id)
    if found is None or found.account_id != here().by.account_id:
        raise NotFound
    return found


def _cards(about: ColumnElement[bool]) -> Sequence[Card]:
    present = select(Card).where(about, Card.account_id == here().by.account_id, Card.deleted_at.is_(None))
    return here().session.scalars(present.order_by(Card.id.desc()).limit(MOST)).all()
