"""Who is asking, and whether the table lets them: one guard before every view, and again in every write."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Flask, current_app, g, request
from flask import session as cookie
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from models import (
    Account,
    Card,
    CardKind,
    Database,
    Event,
    Membership,
    MembershipStatus,
    User,
    UserSession,
    now,
    record,
)
from workflows.permissions import Action, Role, is_in_force, may, permit, role_on
from workflows.refusals import AccessEnded, Forbidden, NotAddressable, NotFound, NotWritable, Refusal
from workflows.sign_in import SEEN_EVERY, find_session, is_operator, memberships_of, pending_invitations_of, touch

View = TypeVar("View", bound=Callable[..., object])
SECRET = "secret"  # noqa: S105  (the name of a field)
SHIPPED = frozenset({"static", "bootstrap.static"})
IN_PATH = ("slug", "kind", "card_id")
KINDS = {"leads": CardKind.LEAD, "customers": CardKind.CUSTOMER}
DENIALS = (Forbidden, AccessEnded, NotFound, NotAddressable, NotWritable)


class SignInFirst(Refusal):
    """Sign in first."""


@dataclass(frozen=True)
class Here:
    """Who is asking, and what the address names, as read in `session`."""

    session: Session
    role: Role
    user: User | None = None
    user_session: UserSession | None = None
    membership: Membership | None = None
    card: Card | None = None

    @property
    def me(self) -> User:
        """The person who is signed in. Raises SignInFirst."""
        if self.user is None:
            raise SignInFirst
        return self.user

    @property
    def by(self) -> Membership:
        """The person's membership of the account in the address. Raises NotFound."""
        if self.membership is None:
            raise NotFound
        return self.membership

    @property
    def on(self) -> Card:
        """The card in the address. Raises NotFound."""
        if self.card is None:
            raise NotFound
        return self.card

    def may(self, action: Action | str) -> bool:
        """Return whether the table allows the action to this role; pages show nothing that it refuses."""
        return may(self.role, action if isinstance(action, Action) else Action[action])


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
        yield _enter(session)


@contextmanager
def acting() -> Iterator[Here]:
    """Open the one transaction of a write, in which all of it is read, and the right checked, again."""
    with database().transaction() as session:
        yield _enter(session)


def database() -> Database:
    """Return the application's database."""
    return cast(Database, current_app.extensions["guestlist"])


def note_refusal(refusal: Refusal) -> None:
    """Record that somebody signed in was refused on an account (R70), in a transaction of its own."""
    user_id, account_id = g.get("user_id"), g.get("account_id")
    if not isinstance(refusal, DENIALS) or user_id is None or account_id is None:
        return
    card_id = g.path.get("card_id")
    outcome = type(refusal).__name__
    with database().transaction() as session:
        by = session.get(Membership, g.get("membership_id") or 0)
        about = {"path": request.path[:200], "method": request.method, "user": user_id}
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
    if request.method == "POST":
        # A write opens its own transaction, and slow work before it must hold nothing open.
        opened.close()
    else:
        g.opened = opened
    _touch(found.membership)


def _close(_: BaseException | None) -> None:
    if "opened" in g:
        g.pop("opened").close()


def _touch(membership: Membership | None) -> None:
    if membership is not None and (membership.seen_at is None or membership.seen_at < now() - SEEN_EVERY):
        with database().transaction() as session:
            touch(session, membership)


def _enter(session: Session) -> Here:
    """Return the visitor, if the table lets them do what the view is for. Raises what refuses them."""
    action = getattr(current_app.view_functions[request.endpoint or ""], "action", None)
    if action is None:
        raise Forbidden
    user_session = _session_of(session, action)
    user = user_session.user if user_session else None
    # Ids alone: a refused write rolls back, and its rows can be read no more.
    g.user_id = user.id if user else None
    if user is None and not may(Role.ANONYMOUS, action):
        raise SignInFirst
    if "slug" in g.path:
        g.here = _in_account(session, cast(UserSession, user_session), action, **g.path)
    else:
        g.here = Here(session, _role_of(session, user, action), user, user_session)
    return cast(Here, g.here)


def _session_of(session: Session, action: Action) -> UserSession | None:
    secret = cookie.get(SECRET)
    found = find_session(session, secret) if isinstance(secret, str) else None
    if found is None and secret is not None and not may(Role.ANONYMOUS, action):
        raise AccessEnded
    return found


def _role_of(session: Session, user: User | None, action: Action) -> Role:
    role = Role.ANONYMOUS if user is None else Role.OPERATOR if is_operator(user) else Role.PERSON
    if not may(role, action):
        raise Forbidden
    if user is not None and role is Role.PERSON and not may(Role.ANONYMOUS, action):
        # Somebody without any account left is nobody here, though their session may outlive it by a moment.
        invited = action is Action.JOIN and pending_invitations_of(session, user.id)
        if not memberships_of(session, user.id) and not invited:
            raise AccessEnded
    return role


def _in_account(
    session: Session, user_session: UserSession, action: Action, *, slug: str, kind: str = "", card_id: int = 0
) -> Here:
    user = user_session.user
    membership = _membership_of(session, user, slug)
    card = None
    if card_id and is_in_force(membership):
        card = session.get(Card, card_id)
        if card is None or card.kind is not KINDS[kind]:
            raise NotFound
    permit(session, membership, action, card=card)
    return Here(session, role_on(session, membership, card), user, user_session, membership, card)


def _membership_of(session: Session, user: User, slug: str) -> Membership:
    """Return the person's present membership of the account, or the last one that ended. Raises NotFound."""
    g.account_id = session.scalar(select(Account.id).where(Account.slug == slug))
    own = select(Membership).join(Membership.account).where(Account.slug == slug, Membership.user_id == user.id)
    is_over = Membership.status == MembershipStatus.DELETED
    newest = own.order_by(is_over, Membership.id.desc()).limit(1).options(contains_eager(Membership.account))
    membership = session.scalars(newest).one_or_none()
    g.membership_id = membership.id if membership else None
    if membership is None or membership.status is MembershipStatus.INVITED:
        raise NotFound
    return membership
