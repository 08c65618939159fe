"""The demo account: people, leads and customers to try things on. Its passwords are published here."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Account, Card, CardKind, Company, Contact, Group, Membership, MembershipStatus, now
from workflows.converse import say
from workflows.found import enrol, found_account
from workflows.tend import add_note, add_task, create_card, edit_fields, fields_of

SLUG = "demo"
ADMIN = "admin@demo.example"
MEMBER = "member@demo.example"
# Registered once, in an account that has been closed since: no new person, though nobody here knows them.
FORMER = "former@demo.example"
PASSWORD = "guestlist-demo-2026"  # noqa: S105
CLOSED_SLUG = "harbour-light"


@dataclass(frozen=True)
class Sample:
    """One lead or customer of the demo, with everything that belongs to it."""

    kind: CardKind
    name: str
    company: tuple[str, str, str]
    contact: tuple[str, str, str, str]
    fields: dict[str, str]
    notes: tuple[str, ...]
    tasks: tuple[str, ...]
    chat: tuple[str, str]


SAMPLES = (
    Sample(
        CardKind.LEAD,
        "New roof for the Lindholm barn",
        ("Lindholm Farm", "https://lindholm.example", "Ängsvägen 4, Sigtuna"),
        ("Maja Lindholm", "maja@lindholm.example", "+46 8 555 0101", "Owner"),
        {"Budget": "48,000 EUR", "Wanted by": "before the first snow"},
        ("The north side leaks. Maja would like larch, and is open to tin.",),
        ("Send the offer with both roofs",),
        ("Who can measure the barn this week?", "I pass by on Thursday, and take the drone along."),
    ),
    Sample(
        CardKind.LEAD,
        "Solar panels for Primary School 12",
        ("Primary School 12", "https://school12.example", "Rue des Tilleuls 12, Namur"),
        ("Jean Petit", "jean.petit@school12.example", "+32 81 555 014", "Facility manager"),
        {"Budget": "public tender", "Wanted by": "summer holidays"},
        ("The roof was inspected in spring and will carry the panels.", "Pupils want a display that shows the yield."),
        ("Read the tender's annex on scaffolding", "Ask for a visit during school hours"),
        ("The tender closes at the end of the month.", "Then let us bring the electrician in early."),
    ),
    Sample(
        CardKind.LEAD,
        "Reading corner for the city library",
        ("City Library of Porto", "https://library.example", "Rua das Flores 88, Porto"),
        ("Inês Carvalho", "ines@library.example", "+351 22 555 0177", "Head of the children's section"),
        {"Budget": "9,500 EUR"},
        ("Round shapes, nothing higher than 90 cm, washable covers.",),
        ("Choose three fabrics to show",),
        ("Inês loved the sketch with the whale.", "Then the whale it is."),
    ),
    Sample(
        CardKind.CUSTOMER,
        "Café Morgenrot",
        ("Café Morgenrot GmbH", "https://morgenrot.example", "Kastanienallee 21, Berlin"),
        ("Tomasz Wolny", "tomasz@morgenrot.example", "+49 30 555 0199", "Managing director"),
        {"Customer since": "2019", "Contract": "yearly service, until March"},
        ("Deliveries before seven in the morning, please; the yard is closed later.",),
        ("Renew the service contract",),
        ("The second espresso bar opens in May.", "I will send them the drawings of the counter."),
    ),
    Sample(
        CardKind.CUSTOMER,
        "Okafor & Daughters, joinery",
        ("Okafor & Daughters Ltd", "https://okafor.example", "14 Canal Street, Leeds"),
        ("Ngozi Okafor", "ngozi@okafor.example", "+44 113 555 0142", "Partner"),
        {"Customer since": "2021", "Contract": "by order"},
        ("Prefers a call to a mail, and a mail to a meeting.",),
        ("Thank Ngozi for recommending us",),
        ("They would like to show our stairs at the fair.", "With pleasure. I will ask about the photographs."),
    ),
)


def is_seeded(session: Session) -> bool:
    """Return whether there is a demo account."""
    return session.scalar(select(Account.id).where(Account.slug == SLUG)) is not None


def seed_demo(session: Session, *, password_hash: str) -> bool:
    """Make the demo account and its people, unless there is one. Return whether it was made."""
    if is_seeded(session):
        return False
    admin = found_account(
        session,
        slug=SLUG,
        name="Alder & Sons, builders",
        admin_email=ADMIN,
        admin_name="Ada Alder",
        password_hash=password_hash,
    )
    known_by = {"email": MEMBER, "name": "Ben Brook", "password_hash": password_hash}
    colleague = enrol(session, admin.account_id, group=Group.MEMBER, **known_by)
    for sample in SAMPLES:
        _fill(session, sample, admin, colleague)
    _close_former_account(session, password_hash)
    return True


def _fill(session: Session, sample: Sample, admin: Membership, colleague: Membership) -> None:
    company_name, website, address = sample.company
    contact_name, email, phone, position = sample.contact
    account_id = admin.account_id
    company = Company(account_id=account_id, name=company_name, website=website, address=address)
    contact = Contact(account_id=account_id, name=contact_name, email=email, phone=phone, position=position)
    session.add_all([company, contact])
    session.flush()
    about = {"contact_id": contact.id, "company_id": company.id}
    card = create_card(session, by=admin, kind=sample.kind, name=sample.name, **about)
    for label, value in sample.fields.items():
        _set(session, card, admin, label, value)
    for text in sample.notes:
        add_note(session, card, by=colleague, text=text)
    for days, text in enumerate(sample.tasks, start=2):
        add_task(session, card, by=admin, text=text, due_on=(now() + timedelta(days=days)).date())
    for author, text in zip((admin, colleague), sample.chat, strict=True):
        say(session, card, by=author, text=text)


def _set(session: Session, card: Card, by: Membership, label: str, value: str) -> None:
    defined = {field.label: str(field.id) for field in fields_of(session, card)}
    if label in defined:
        edit_fields(session, card, by=by, values={defined[label]: value})
    else:
        edit_fields(session, card, by=by, values={}, new_label=label, new_value=value)


def _close_former_account(session: Session, password_hash: str) -> None:
    former = found_account(
        session,
        slug=CLOSED_SLUG,
        name="Harbour Light, sail lofts",
        admin_email=FORMER,
        admin_name="Fay Former",
        password_hash=password_hash,
    )
    former.account.closed_at = former.deleted_at = now()
    former.status = MembershipStatus.DELETED
