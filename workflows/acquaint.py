"""Get acquainted: create and edit the contacts and companies that cards are about."""

from typing import TypeVar

from sqlalchemy.orm import Session

from models import Company, Contact, Membership
from workflows.address import normalise
from workflows.permissions import Action, permit
from workflows.refusals import NotFound
from workflows.tend import LONGEST_NAME, called, short

# In characters; an address is longer as it is typed than as it is kept.
LONGEST = {"name": LONGEST_NAME, "email": 320, "phone": 50, "position": 200, "website": 300, "address": 500}
Known = TypeVar("Known", Contact, Company)


def create_contact(
    session: Session, *, by: Membership, name: str = "", email: str = "", phone: str = "", position: str = ""
) -> Contact:
    """Create a contact and return it; a name alone is enough. Raises EmptyText, TextTooLong, BadAddress."""
    permit(session, by, Action.EDIT_CONTACT)
    contact = Contact(account_id=by.account_id)
    return _kept(session, contact, name=name, email=email, phone=phone, position=position)


def create_company(
    session: Session, *, by: Membership, name: str = "", website: str = "", address: str = ""
) -> Company:
    """Create a company and return it; a name alone is enough. Raises EmptyText, TextTooLong."""
    permit(session, by, Action.EDIT_CONTACT)
    company = Company(account_id=by.account_id)
    return _kept(session, company, name=name, website=website, address=address)


def edit_contact(
    session: Session,
    contact_id: int,
    *,
    by: Membership,
    name: str | None = None,
    email: str | None = None,
    phone: str | None = None,
    position: str | None = None,
) -> Contact:
    """Set what is given of a contact and return it. A letter that waits for an address which is changed is not sent."""
    permit(session, by, Action.EDIT_CONTACT)
    contact = _own(session, Contact, contact_id, by)
    return _kept(session, contact, name=name, email=email, phone=phone, position=position)


def edit_company(
    session: Session,
    company_id: int,
    *,
    by: Membership,
    name: str | None = None,
    website: str | None = None,
    address: str | None = None,
) -> Company:
    """Set what is given of a company and return it."""
    permit(session, by, Action.EDIT_CONTACT)
    company = _own(session, Company, company_id, by)
    return _kept(session, company, name=name, website=website, address=address)


def _own(session: Session, table: type[Known], wanted_id: int, by: Membership) -> Known:
    found = session.get(table, wanted_id)
    if found is None or found.account_id != by.account_id:
        raise NotFound
    return found


def _kept(session: Session, known: Known, **facts: str | None) -> Known:
    for fact, typed in facts.items():
        if typed is not None:
            setattr(known, fact, _checked(fact, typed))
    session.add(known)
    session.flush()
    return known


def _checked(fact: str, typed: str) -> str | None:
    if fact == "email":
        return normalise(typed) if typed.strip() else None
    return called(typed, LONGEST[fact]) if fact == "name" else short(typed, LONGEST[fact])
