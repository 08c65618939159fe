"""One account with one of everything, everybody who may come by, and every route that they may try."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import httpx
from sqlalchemy import select

from models import (
    Group,
    Message,
    MessageKind,
    Notification,
    UserSession,
    settings,
)
from tests.browser import Browser
from tests.people import Person, Team, make_person
from tests.stack import OPERATOR, Stack
from tests.things import Making, Things
from webapp import create_app
from workflows.permissions import Action, Role
from workflows.sign_in import start_session

# What contacts and companies are called in an address, and in the things of an account.
SORTS = {"contacts": "contact_id", "companies": "company_id"}
# Style sheets and scripts are for everybody, and are not asked for by an action.
FILES = {"static", "bootstrap.static"}
VISITORS = (
    "anonymous",
    "stranger",
    "guest without grant",
    "guest with grant",
    "member",
    "admin",
    "admin of another account",
    "operator",
)


@dataclass(frozen=True)
class Route:
    """One method of one address of the application, and the action that it names."""

    endpoint: str
    method: str
    action: Action
    arguments: frozenset[str]
    sort: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {self.sort}".rstrip()

    def role_of(self, visitor: str) -> Role | None:
        """Return what the visitor is here; None is nobody, in an account that is not theirs."""
        if visitor == "anonymous":
            return Role.ANONYMOUS
        if "slug" not in self.arguments:
            return Role.OPERATOR if visitor == "operator" else Role.PERSON
        on_card = Role.PARTICIPANT if "card_id" in self.arguments else Role.GUEST
        roles = {"guest without grant": Role.GUEST, "guest with grant": on_card}
        return roles.get(visitor) or {"member": Role.MEMBER, "admin": Role.ADMIN}.get(visitor)


class World:
    """A team, another team, and a browser for each visitor."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.team, self.other = stack, stack.account(), stack.account()
        self.app = create_app(settings(), stack.database)
        self._browsers: dict[str, Browser] = {}
        self.people = {
            "stranger": self.other.member,
            "guest without grant": stack.guest(self.team),
            "guest with grant": stack.guest(self.team, name="Greta Granted"),
            "member": self.team.member,
            "admin": self.team.admin,
            "admin of another account": self.other.admin,
            "operator": make_person(stack.database, self.other.id, OPERATOR, "Olga Operator", Group.MEMBER),
        }

    def routes(self) -> Iterator[Route]:
        """Yield every method of every route."""
        for rule in self.app.url_map.iter_rules():
            if rule.endpoint not in FILES:
                action = self.app.view_functions[rule.endpoint].action
                for method, sort in product(sorted(rule.methods), SORTS if "sort" in rule.arguments else [""]):
                    yield Route(rule.endpoint, method, action, frozenset(rule.arguments), sort)

    def things(self, team: Team | None = None) -> Things:
        """Make one of everything in an account, for nobody to work on while it is looked at."""
        owner = team or self.team
        readers = [self.people["guest with grant"].membership_id] if owner is self.team else []
        return Making(self.stack.database, owner, readers).things

    def send(self, visitor: str, route: Route, things: Things, *, slug: str = "") -> httpx.Response:
        """Do what the route is for, with a valid form, on these things."""
        browser, path = self.browser(visitor), self.path(visitor, route, things, slug=slug)
        if route.method != "POST":
            return browser.http.request(route.method, path)
        answer = browser.post(path, **self._form(visitor, route, things))
        if route.endpoint.startswith("sign_in."):
            del self._browsers[visitor]
        return answer

    def browser(self, visitor: str) -> Browser:
        if visitor not in self._browsers:
            self._browsers[visitor] = self.stack.client(self.people.get(visitor))
        return self._browsers[visitor]

    def path(self, visitor: str, route: Route, things: Things, *, slug: str = "") -> str:
        """Return the address of a route, about these things."""
        values: dict[str, Any] = {
            **things.ids,
            "slug": slug or self.team.slug,
            "kind": "leads",
            "token": "no-such-token",
        }
        is_of_guests = route.endpoint.startswith(("talk.", "ends."))
        values["membership_id"] = things.guest_id if is_of_guests else things.colleague_id
        values |= {"sort": route.sort, "known_id": things.ids.get(SORTS.get(route.sort, ""))}
        if "name" in route.arguments:
            values["name"] = self.mail
        if "notification_id" in route.arguments and visitor in self.people:
            values["notification_id"] = self.notification_of(self.people[visitor])
        if "session_id" in route.arguments:
            values["session_id"] = self.session_of(self.people.get(visitor, self.team.member))
        wanted = {name: values[name] for name in route.arguments}
        return str(self.app.url_map.bind("").build(route.endpoint, wanted, method=route.method))

    def _form(self, visitor: str, route: Route, things: Things) -> dict[str, Any]:
        ids, who = things.ids, self.people.get(visitor, self.team.member)
        return {
            "cards.create": {"name": "New", "contact_id": ids["contact_id"], "company_id": ids["company_id"]},
            "cards.edit": {"name": "Changed", "new_label": "Changed", "new_value": "Changed"},
            "contacts.create": {"name": "New", "email": "new@contact.example", "website": "https://new.example"},
            "contacts.edit": {"name": "Changed", "email": "changed@contact.example"},
            "imports.send": {"files": {"file": ("list.csv", f"email,name,group\n{who.email},,free\n")}},
            "notifications.read_all": {"newest": 1},
            "passwords.ask": {"email": who.email},
            "removals.delete": {"ids": [things.guest_id], "confirm": "yes"},
            "sign_in.sign_in": {"email": who.email, "password": who.password},
            "users.add": {"email": f"{secrets.token_hex(6)}@people.example", "group": "free"},
        }.get(route.endpoint, {"text": "Changed"})

    @cached_property
    def mail(self) -> str:
        """The name of a mail that the embedded server keeps."""
        self.stack.client().post("/password/forgot", email=self.team.member.email)
        self.stack.mails(self.team.member.email)
        found = re.search(r"/dev/mail/([^\"/]+)\.eml", self.stack.client().get("/dev/mail").text)
        assert found
        return found[1]

    def session_of(self, person: Person) -> int:
        """Sign this person in somewhere else, and return the session's id."""
        with self.stack.database.transaction() as session:
            start_session(session, person.user_id)
            newest = select(UserSession.id).where(UserSession.user_id == person.user_id)
            return session.scalars(newest.order_by(UserSession.id.desc()).limit(1)).one()

    def notification_of(self, person: Person) -> int:
        """Make a notification of this person, and return its id."""
        with self.stack.database.transaction() as session:
            mine = {"account_id": person.account_id, "author_id": person.membership_id}
            message = Message(kind=MessageKind.DIRECT, recipient_id=person.membership_id, text="Hello", **mine)
            session.add(message)
            session.flush()
            told = Notification(account_id=person.account_id, membership_id=person.membership_id, message_id=message.id)
            session.add(told)
            session.flush()
            return told.id
