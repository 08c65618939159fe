"""An admin at Settings, Users, the people who find something in their mail, and what is written down meanwhile."""

import html
import re
import secrets
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import httpx
from sqlalchemy import select

from models import Base, Group, Invitation
from tests.people import Person, Team, make_person
from tests.process import until
from tests.stack import Stack

NEW_PASSWORD = "four words nobody guesses"
ROW = re.compile(r"<tr\b[^>]*\bdata-email=[^>]*>")
DATA = re.compile(r'\bdata-([\w-]+)="([^"]*)"')
LINK = re.compile(r"https?://[^\s\"'<>]+")
# A visit alone writes these.
UNTOLD = {"audit_events", "user_sessions"}
UNTOLD_COLUMNS = {"seen_at"}


@dataclass(frozen=True)
class Row:
    """One row of Settings, Users, by what it carries for programs."""

    email: str
    status: str
    invitation_id: int
    membership_id: int


class Admin:
    """An admin of a team, signed in, at Settings, Users."""

    def __init__(self, stack: Stack, team: Team, person: Person | None = None) -> None:
        self.team, self.page = team, f"{team.path}/settings/users"
        self.browser = stack.client(person or team.admin)

    def invite(self, email: str, *, group: str = "free", name: str = "", **fields: str) -> httpx.Response:
        return self.browser.post(self.page, email=email, group=group, name=name, **fields)

    def resend(self, email: str) -> httpx.Response:
        return self.browser.post(f"{self.team.path}/settings/invitations/{self.row(email).invitation_id}/resend")

    def cancel(self, email: str) -> httpx.Response:
        return self.browser.post(f"{self.team.path}/settings/invitations/{self.row(email).invitation_id}/cancel")

    def delete(self, *membership_ids: int) -> httpx.Response:
        ids = [str(each) for each in membership_ids]
        return self.browser.post(f"{self.page}/delete", ids=ids, confirm="yes")

    def rows(self) -> dict[str, Row]:
        return rows_on(self.browser.get(self.page).text)

    def row(self, email: str) -> Row:
        return self.rows()[email]

    def sees(self, email: str, status: str, *, within: float = 20) -> Row:
        """Wait until the row of this address has come to a status."""
        until(lambda: self.row(email).status == status, what=f"{email} to be {status}", within=within)
        return self.row(email)


def rows_on(page: str) -> dict[str, Row]:
    """Return the rows of a page of users, by address."""
    found = [dict(DATA.findall(row)) for row in ROW.findall(page)]
    return {html.unescape(each["email"]): _row(each) for each in found}


def second_admin(stack: Stack, team: Team) -> Person:
    """Give the team another admin."""
    return make_person(stack.database, team.id, fresh("bea"), "Bea Admin", Group.ADMIN)


def fresh(name: str = "nora") -> str:
    """Return an address that nobody has used before."""
    return f"{name}-{secrets.token_hex(5)}@people.example"


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Return what a mail says, as text or as HTML."""
    part = mail.get_body((kind,))
    assert part is not None, f"{mail['Subject']} has no {kind} part"
    return str(part.get_content())


def links_of(mail: EmailMessage) -> set[str]:
    """Return every address that a reader of either part could follow."""
    return set(LINK.findall(text_of(mail))) | set(map(html.unescape, LINK.findall(text_of(mail, "html"))))


def token_path(mail: EmailMessage) -> str:
    """Return the path of the page that the mail's token opens: of activation, or of a reset."""
    paths = {httpx.URL(link).path for link in links_of(mail)}
    return next(path for path in paths if path.startswith(("/activate/", "/password/reset/")))


def invited(stack: Stack, admin: Admin, email: str, **fields: str) -> str:
    """Invite somebody new, and return the path of the page behind the link in their mail."""
    before = len(stack.mails_now(email))
    answer = admin.invite(email, **fields)
    assert answer.status_code == 303, answer.text
    return token_path(stack.mails(email, count=before + 1, template="invitation-new")[-1])


def activate(stack: Stack, path: str, *, name: str = "", password: str = NEW_PASSWORD) -> httpx.Response:
    """Send the form of the activation page, as somebody who is not signed in."""
    return stack.client().post(path, password=password, password_confirm=password, name=name)


def invitation(stack: Stack, invitation_id: int) -> Invitation:
    """Return what is written down about an invitation."""
    with stack.database.reading() as session:
        return session.get_one(Invitation, invitation_id)


def picture(stack: Stack, *teams: Team) -> dict[str, list[Any]]:
    """Return all that is written down of these accounts, and of all users: the same again means nothing was changed."""
    ids, taken = [team.id for team in teams], {}
    with stack.database.reading() as session:
        for name, table in sorted(Base.metadata.tables.items()):
            columns = [column for column in table.columns if column.name not in UNTOLD_COLUMNS]
            if name == "users":
                taken[name] = list(session.execute(select(*columns).order_by(table.c.id)))
            elif "account_id" in table.columns and name not in UNTOLD:
                of = select(*columns).where(table.c.account_id.in_(ids)).order_by(table.c.id)
                taken[name] = list(session.execute(of))
    return taken


def _row(carried: dict[str, str]) -> Row:
    numbers = (int(carried.get(name) or 0) for name in ("invitation-id", "membership-id"))
    return Row(html.unescape(carried["email"]), carried["status"], *numbers)
