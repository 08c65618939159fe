"""Who is asking: the visitor, the account and the card in the address, and the right to what the view does."""

from dataclasses import dataclass
from typing import cast

from flask import current_app, g, request
from flask import session as cookie
from sqlalchemy import select
from sqlalchemy.orm import Session, contains_eager

from models import Account, Card, CardKind, Membership, MembershipStatus, User, UserSession
from models.language import ENGLISH
from webapp.language import speak_in, speak_to
from workflows.permissions import Action, Role, is_in_force, may, permit
from workflows.refusals import AccessEnded, Forbidden, NotFound, SignedOut, SignInFirst
from workflows.sign_in import find_session, is_operator, memberships_of, pending_invitations_of, was_signed_out

SECRET = "secret"  # noqa: S105  (the name of a field)
KINDS = {"leads": CardKind.LEAD, "customers": CardKind.CUSTOMER}


@dataclass(frozen=True)
class Here:
    """Who is asking, and what the address names, as read in `session`."""

    session: Session
    role: Role
    user: User | None = None
    user_session: UserSession | None = None
    membership: Membership | None = None
    card: Card | None = None
    # The one in the address; where there is none, the first that is open to them.
    account: Account | None = None

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


def enter(session: Session) -> Here:
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
        account = first_account(session, user) if user else None
        g.here = Here(session, _role_of(session, user, action), user, user_session, account=account)
    if action is Action.OPERATE:
        # Who operates reads what programs say, all of it in English.
        speak_in(ENGLISH)
    return cast(Here, g.here)


def greet(session: Session) -> None:
    """Let the page at hand know who looks at it, if they are signed in and some account is open to them."""
    secret = cookie.get(SECRET)
    found = find_session(session, secret) if isinstance(secret, str) else None
    if found is not None and (account := first_account(session, found.user)):
        g.here = Here(session, Role.PERSON, found.user, found, account=account)


def first_account(session: Session, user: User) -> Account | None:
    """Return the first of the accounts that are open to this person, and speak its language, or the one they chose."""
    mine = memberships_of(session, user.id)
    account = mine[0].account if mine else None
    speak_to(user, account)
    return account


def _session_of(session: Session, action: Action) -> UserSession | None:
    secret = cookie.get(SECRET)
    found = find_session(session, secret) if isinstance(secret, str) else None
    if found is None and secret is not None and not may(Role.ANONYMOUS, action):
        raise SignedOut if isinstance(secret, str) and was_signed_out(session, secret) else AccessEnded
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
    role = permit(session, membership, action, card=card)
    return Here(session, role, user, user_session, membership, card, membership.account)


def _membership_of(session: Session, user: User, slug: str) -> Membership:
    """Return the person's present membership of the account, or the last one that ended. Raises NotFound."""
    g.account_id = session.scalar(select(Account.id).where(Account.slug == slug))
    own = select(Membership).join(Membership.account).where(Account.slug == slug, Membership.user_id == user.id)
    is_over = Membership.status == MembershipStatus.DELETED
    newest = own.order_by(is_over, Membership.id.desc()).limit(1).options(contains_eager(Membership.account))
    membership = session.scalars(newest).one_or_none()
    g.membership_id = membership.id if membership else None
    speak_to(user, membership.account if membership else None)
    if membership is None or membership.status is MembershipStatus.INVITED:
        raise NotFound
    return membership
