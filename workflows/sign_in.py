"""Sign a person in and out. Sessions live in the database, and can be ended one by one or all."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, contains_eager

from models import (
    Account,
    Event,
    Invitation,
    Membership,
    User,
    UserSession,
    now,
    record,
    settings,
)
from workflows.join import accept, acceptable
from workflows.passwords import hash_of_nothing
from workflows.refusals import NoAccount, NotFound
from workflows.tokens import digest

# How stale "last seen" may become before a request writes it.
SEEN_EVERY = timedelta(minutes=5)


def credentials(session: Session, email: str) -> tuple[int | None, str]:
    """Return the person's id and password hash; for anybody who cannot sign in, None and a hash of nothing.

    The check of a password thus takes as long for an unknown address as for a known one.
    """
    nothing = hash_of_nothing()
    user = session.scalars(select(User).where(User.email == email)).one_or_none()
    if user is None or not user.is_registered or user.password_hash is None:
        return None, nothing
    return user.id, user.password_hash


def start_session(session: Session, user_id: int, *, agent: str = "") -> str:
    """Begin a session and return the secret for its cookie; invitations that wait for this person are accepted.

    Raises NoAccount where there is nothing this person may open.
    """
    for invitation in pending_invitations_of(session, user_id):
        accept(session, invitation.id)
    user = session.get_one(User, user_id)
    if not memberships_of(session, user_id) and not is_operator(user):
        raise NoAccount
    secret = secrets.token_urlsafe(32)
    lasts_until = now() + timedelta(days=settings().session_days)
    row = UserSession(user_id=user_id, digest=digest(secret), agent=agent[:200], expires_at=lasts_until)
    session.add(row)
    session.flush()
    record(session, Event.SIGNED_IN, row.id)
    return secret


def find_session(session: Session, secret: str) -> UserSession | None:
    """Return the open session that a cookie's secret stands for, with its user."""
    return session.scalars(
        select(UserSession)
        .join(UserSession.user)
        .where(UserSession.digest == digest(secret), UserSession.is_open(now()))
        .options(contains_eager(UserSession.user))
    ).one_or_none()


def renew_session(session: Session, user_session_id: int) -> str:
    """Return another secret for an open session; the one before stands for nothing any more."""
    secret = secrets.token_urlsafe(32)
    session.execute(update(UserSession).where(UserSession.id == user_session_id).values(digest=digest(secret)))
    return secret


def sessions_of(session: Session, user_id: int) -> list[UserSession]:
    """Return where the person is signed in, the last seen first."""
    mine = select(UserSession).where(UserSession.user_id == user_id, UserSession.is_open(now()))
    return list(session.scalars(mine.order_by(UserSession.seen_at.desc(), UserSession.id.desc())))


def end_session(session: Session, user_session_id: int) -> None:
    """End one session. Ending twice is the same as ending once."""
    one = update(UserSession).where(UserSession.id == user_session_id, UserSession.ended_at.is_(None))
    if session.execute(one.values(ended_at=now()).returning(UserSession.id)).all():
        record(session, Event.SESSIONS_ENDED, user_session_id)


def end_own_session(session: Session, user_session_id: int, *, user_id: int) -> None:
    """End one of a person's own sessions. Raises NotFound for any other."""
    own = select(UserSession.id).where(UserSession.id == user_session_id, UserSession.user_id == user_id)
    if session.scalar(own) is None:
        raise NotFound
    end_session(session, user_session_id)


def end_sessions(session: Session, user_id: int, *, apart_from: int = 0) -> None:
    """End every session of a person, but for one if it is named."""
    every = update(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    others = every.where(UserSession.id != apart_from)
    ended = session.execute(others.values(ended_at=now()).returning(UserSession.id)).all()
    for row in ended:
        record(session, Event.SESSIONS_ENDED, row.id)


def memberships_of(session: Session, user_id: int) -> list[Membership]:
    """Return the person's memberships that are in force now, by the name of their account."""
    return list(
        session.scalars(
            select(Membership)
            .join(Membership.account)
            .where(Membership.user_id == user_id, Membership.is_live(now()), Account.closed_at.is_(None))
            .order_by(Account.name, Membership.id)
            .options(contains_eager(Membership.account))
        )
    )


def pending_invitations_of(session: Session, user_id: int) -> list[Invitation]:
    """Return the invitations that this person could accept now."""
    mine = acceptable().where(Membership.user_id == user_id)
    return list(session.scalars(select(Invitation).where(Invitation.id.in_(mine)).order_by(Invitation.id)))


def touch(session: Session, seen: Sequence[Membership | UserSession]) -> None:
    """Note that the person was here, at most every few minutes."""
    for each in seen:
        session.execute(update(type(each)).where(type(each).id == each.id).values(seen_at=now()))


def is_operator(user: User) -> bool:
    """Return whether the person is a platform operator, by the settings."""
    return user.email in settings().operators
