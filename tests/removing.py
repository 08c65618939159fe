"""What stories about taking access away share: guests with cards, forms of removal, and looks for access left open."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import httpx
from sqlalchemy import func, insert, literal, select

from models import (
    Card,
    CardKind,
    Database,
    Delivery,
    DeliveryStatus,
    Grant,
    Invitation,
    InvitationStatus,
    Link,
    Membership,
    MembershipStatus,
    Message,
    MessageKind,
    Notification,
    Template,
    now,
)
from tests.browser import Browser
from tests.people import Lead, Person, Team
from tests.process import until
from tests.stack import Stack
from workflows.post import post

REFUSED = {401, 403, 404}


def a_guest_with_two_cards(stack: Stack) -> tuple[Team, Browser, Person, Lead, Lead]:
    team = stack.account()
    admin, guest = stack.client(team.admin), stack.guest(team)
    oak, elm = stack.card(team, name="Oak table"), stack.card(team, name="Elm chair", kind="customer")
    for card in (oak, elm):
        give(admin, card, guest)
    return team, admin, guest, oak, elm


def queue_a_mail(stack: Stack, guest: Person) -> None:
    """Queue a mail that is due long after the test, once all that was queued before has gone."""
    stack.idle()
    about = {"membership_id": guest.membership_id, "account_id": guest.account_id}
    with stack.database.transaction() as session:
        post(session, to=guest.email, template=Template.NOTIFICATION, not_before=now() + timedelta(hours=1), **about)


def give(browser: Browser, card: Lead, *guests: Person, text: str = "Have a look") -> httpx.Response:
    """Give guests access to a card, by a chat message that addresses them."""
    answer = browser.post(f"{card.path}/chat", text=text, to=[str(guest.membership_id) for guest in guests])
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    return answer


def delete_users(browser: Browser, team: Team, *people: Person) -> httpx.Response:
    """Send the confirmed form that deletes these people from the account."""
    ids = [str(person.membership_id) for person in people]
    return browser.post(f"{team.path}/settings/users/delete", ids=ids, confirm="yes")


def undo(browser: Browser, removed: httpx.Response) -> httpx.Response:
    """Send the form that undoes the removal that an answer leads to."""
    return browser.post(f"{removed.headers['Location']}/undo")


def receipt_of(browser: Browser, answer: httpx.Response, *, within: float = 20) -> dict[str, Any]:
    """Wait for the receipt of the removal that an answer leads to, and return it."""
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    path = f"{answer.headers['Location']}/receipt.json"

    def look() -> dict[str, Any] | None:
        receipt = browser.get(path)
        return receipt.json() if receipt.is_success else None

    return until(look, what="the receipt", within=within) or {}


def at_once(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Do all of it at the same moment, each in a thread of its own; nothing may fail on our side."""
    barrier = Barrier(len(acts))

    def act(each: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait(10)
        return each()

    with ThreadPoolExecutor(len(acts)) as threads:
        answers = list(threads.map(act, acts))
    assert all(answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR for answer in answers), answers
    return answers


def left_open(database: Database, membership_id: int) -> dict[str, int]:
    """Count what still gives somebody anything: nothing does when this is empty."""
    mine = {table: table.membership_id == membership_id for table in (Grant, Notification, Delivery, Invitation)}
    wanted = {
        "membership": (Membership.id == membership_id) & (Membership.status != MembershipStatus.DELETED),
        "grants": mine[Grant] & Grant.revoked_at.is_(None),
        "notifications": mine[Notification],
        "mails": mine[Delivery] & (Delivery.status == DeliveryStatus.QUEUED),
        "invitations": mine[Invitation] & (Invitation.status == InvitationStatus.PENDING),
        "links": Link.invitation_id.in_(select(Invitation.id).where(mine[Invitation]))
        & Link.used_at.is_(None)
        & Link.revoked_at.is_(None),
    }
    with database.reading() as session:
        counts = {name: session.scalar(select(func.count()).where(what)) or 0 for name, what in wanted.items()}
    return {name: count for name, count in counts.items() if count}


def plant_grants(database: Database, team: Team, guest: Person, count: int) -> None:
    """Give a guest very many cards, in two statements."""
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < count))
    kind, values = literal(CardKind.LEAD, Card.kind.type), literal({}, Card.values.type)
    about = (literal(team.id), kind, literal("Planted"), values)
    with database.transaction() as session:
        message = Message(account_id=team.id, kind=MessageKind.CHAT, author_id=team.admin.membership_id, text="All")
        session.add(message)
        session.flush()
        cards = select(*about, literal(now(), Card.created_at.type)).select_from(numbers)
        session.execute(insert(Card).from_select(["account_id", "kind", "name", "values", "created_at"], cards))
        planted = (Card.account_id == team.id) & (Card.name == "Planted")
        columns = ["account_id", "membership_id", "card_id", "message_id", "granted_at"]
        ids = (literal(team.id), literal(guest.membership_id), Card.id, literal(message.id))
        held = select(*ids, literal(now(), Grant.granted_at.type)).where(planted)
        session.execute(insert(Grant).from_select(columns, held))
