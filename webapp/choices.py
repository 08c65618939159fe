"""What the forms of a card offer to choose from: some at a time where there is much, found by a part of the name."""

from typing import Any

from flask import request
from sqlalchemy import select

from models import Company, Contact
from models.pieces import Piece, piece
from models.visible import plain
from webapp.forms import LARGEST_ID
from webapp.visit import Here
from workflows.converse import CHOICES, addressable

OPTIONS = 50
LONGEST_ID = len(str(LARGEST_ID))


def of_people(found: Here) -> dict[str, Any]:
    """Return whom the chat can address: those ticked already, and of the others those that the address asks for."""
    ticked = {int(each) for each in request.values.getlist("to") if each.isdecimal() and len(each) < LONGEST_ID}
    find = _asked("find")
    choices, has_more = addressable(found.session, found.on, by=found.by, like=find, chosen=sorted(ticked)[:CHOICES])
    return {"choices": choices, "find": find, "is_long": has_more or bool(find)}


def of_attached(found: Here) -> dict[str, Piece[Any]]:
    """Return the account's contacts and companies to choose from, first of all those that the card has already."""
    card = found.card
    return {
        "contacts": _own(found, Contact, "contact", card.contact_id if card else None),
        "companies": _own(found, Company, "company", card.company_id if card else None),
    }


def _own(found: Here, table: type[Contact] | type[Company], name: str, chosen: int | None) -> Piece[Any]:
    own = select(table).where(table.account_id == found.by.account_id)
    matching = own.where(table.name.icontains(_asked(name), autoescape=True) | (table.id == chosen))
    return piece(found.session.scalars, matching.order_by(table.id != chosen, table.name, table.id), OPTIONS)


def _asked(name: str) -> str:
    return plain(request.args.get(name, ""))[:100]
