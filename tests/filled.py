"""A card with something of everything on it, and what a guest may and may not read there."""

import secrets

from models import Card, CardKind, Company, Contact, Database, Membership
from tests.browser import Browser
from tests.people import Lead, Person, Team
from tests.removing import give
from tests.stack import Stack
from workflows.tend import add_note, add_task, create_card, edit_fields

FIELD, VALUE = "Roof area", "two hundred square metres"
NOTE = "The north side leaks when it rains."
TASK = "Ask the tinsmith for a price"
CONTACT, COMPANY = "Maja Lindholm", "Lindholm Farm"
PHONE, POSITION, WEBSITE, ADDRESS = "+46 8 555 0101", "Head of barns", "https://barn.example", "Birch Lane 4"


def make_filled(database: Database, team: Team, *, name: str = "New barn roof", kind: str = "lead") -> Lead:
    """Make a card with a field, a note, a task, a contact and a company, as the team's admin."""
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        company = Company(account_id=team.id, name=COMPANY, website=WEBSITE, address=ADDRESS)
        contact = Contact(account_id=team.id, name=CONTACT, phone=PHONE, position=POSITION)
        contact.email = f"maja-{secrets.token_hex(4)}@contact.example"
        session.add_all([company, contact])
        session.flush()
        about = {"contact_id": contact.id, "company_id": company.id}
        card = create_card(session, by=admin, kind=CardKind(kind), name=name, **about)
        edit_fields(session, card, by=admin, values={}, new_label=FIELD, new_value=VALUE)
        add_note(session, card, by=admin, text=NOTE)
        add_task(session, card, by=admin, text=TASK)
        return Lead(id=card.id, path=f"{team.path}/{kind}s/{card.id}", name=name)


def contact_of(database: Database, card: Lead) -> Contact:
    """Return the contact of a card."""
    with database.reading() as session:
        found = session.get_one(Card, card.id).contact
        assert found is not None
        return found


def guest_on_card(stack: Stack, *, is_mailed: bool = False) -> tuple[Team, Lead, Person, Browser]:
    """Return a team, a filled card, and a guest who may see it and has nothing unread."""
    team = stack.account()
    card, guest = make_filled(stack.database, team), stack.guest(team)
    give(stack.client(team.admin), card, guest)
    browser = stack.client(guest)
    if not is_mailed:
        browser.post("/notifications/read", newest=2**63 - 1)
        stack.idle()
    return team, card, guest, browser
