"""One guard before every view, and the same look again in the transaction of every write."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, request

from models import Database, Event, Membership, record
from webapp.origin import source
from webapp.visit import Here, enter, greet
from workflows.permissions import Action
from workflows.refusals import (
    AccessEnded,
    Forbidden,
    LinkDead,
    NotAddressable,
    NotFound,
    NotWritable,
    Refusal,
    StaleForm,
    TooMany,
)
from workflows.sign_in import is_unseen, touch

View = TypeVar("View", bound=Callable[..., object])
SHIPPED = frozenset({"static", "bootstrap.static"})
IN_PATH = ("slug", "kind", "card_id")
# What is recorded of anybody: a link that is dead, and what was tried too often.
TRIALS = (LinkDead, TooMany)
DENIALS = (Forbidden, AccessEnded, NotFound, NotAddressable, NotWritable, StaleForm, *TRIALS)


def needs(action: Action) -> Callable[[View], View]:
    """Name the action that a view carries out. The guard refuses views that name none (G7)."""

    def name(view: View) -> View:
        view.action = action  # type: ignore[attr-defined]
        return view

    return name


def guard_views(app: Flask, database: Database) -> None:
    """Put the guard before every view of the application."""
    app.extensions["guestlist"] = database
    app.url_value_preprocessor(_take_path)
    app.url_defaults(_give_path)
    app.before_request(_guard)
    app.teardown_request(_close)


def here() -> Here:
    """Return who is asking, as last read. Raises Forbidden where nobody looked."""
    found: Here | None = g.get("here")
    if found is None:
        raise Forbidden
    return found


@contextmanager
def looking() -> Iterator[Here]:
    """Open a reading session in which the visitor, account and card are read, and the right checked."""
    with database().reading() as session:
        yield enter(session)


@contextmanager
def acting() -> Iterator[Here]:
    """Open the one transaction of a write, in which all of it is read, and the right checked, again."""
    with database().transaction() as session:
        yield enter(session)


@contextmanager
def greeting() -> Iterator[None]:
    """Read who was refused, for the bar of the page that says so: themselves and their accounts, and nothing else."""
    g.pop("here", None)
    with database().reading() as session:
        greet(session)
        yield


def database() -> Database:
    """Return the application's database."""
    return cast(Database, current_app.extensions["guestlist"])


def note_refusal(refusal: Refusal) -> None:
    """Record that somebody was refused, on an account if it names one (R70), in a transaction of its own."""
    user_id, account_id = g.get("user_id"), g.get("account_id")
    if not isinstance(refusal, DENIALS if user_id else TRIALS):
        return
    card_id = g.path.get("card_id")
    outcome = type(refusal).__name__
    # The rule and not the address, which may hold a mailed token.
    path = str(request.url_rule) if "token" in (request.view_args or {}) else request.path[:200]
    with database().transaction() as session:
        by = session.get(Membership, g.get("membership_id") or 0)
        about = {"path": path, "method": request.method, "user": user_id, **({} if user_id else {"source": source()})}
        record(session, Event.ACCESS_REFUSED, card_id, account_id=account_id, by=by, outcome=outcome, **about)


def _take_path(_: str | None, values: dict[str, Any] | None) -> None:
    """Keep what the address says about account and card for the guard, so that views need not carry it."""
    g.path = {name: values.pop(name) for name in IN_PATH if name in values} if values else {}


def _give_path(endpoint: str, values: dict[str, Any]) -> None:
    for name, value in g.get("path", {}).items():
        if name not in values and current_app.url_map.is_endpoint_expecting(endpoint, name):
            values[name] = value


def _guard() -> None:
    if request.endpoint is None or request.endpoint in SHIPPED:
        return
    opened = ExitStack()
    found = opened.enter_context(looking())
    seen = found.user_session
    is_news = seen is not None and is_unseen(found.session, seen, found.membership)
    if request.method == "POST":
        # A write opens its own transaction, and slow work before it must hold nothing open.
        opened.close()
    else:
        g.opened = opened
    if seen is not None and is_news:
        with database().transaction() as session:
            touch(session, seen, found.membership)


def _close(_: BaseException | None) -> None:
    if "opened" in g:
        g.pop("opened").close()
