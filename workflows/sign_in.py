"""Sign a person in and out. Sessions live in the database, and can be ended one by one or all."""

import secrets
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, exists, literal, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session, contains_eager, joinedload

from models import (
    Account,
    Event,
    Invitation,
    Membership,
    User,
    UserSession,
    now,
    record,
    record_each,
    settings,
)
from models.base import BigId
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


def was_signed_out(session: Session, secret: str) -> bool:
    """Return whether a cookie's secret stands for a session that is over, of somebody who has an account still."""
    user_id = session.scalar(select(UserSession.user_id).where(UserSession.digest == digest(secret)))
    return user_id is not None and bool(memberships_of(session, user_id))


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
    end_sessions(session, UserSession.id == user_session_id)


def end_own_session(session: Session, user_session_id: int, *, user_id: int) -> None:
    """End one of a person's own sessions. Raises NotFound for any other."""
    own = select(UserSession.id).where(UserSession.id == user_session_id, UserSession.user_id == user_id)
    if session.scalar(own) is None:
        raise NotFound
    end_session(session, user_session_id)


def end_sessions(session: Session, *which: ColumnElement[bool]) -> None:
    """End all of these sessions that are open."""
    at = now()
    session.execute(update(UserSession).where(UserSession.ended_at.is_(None), *which).values(ended_at=at))
    ended = select(UserSession.id, literal(None, BigId)).where(UserSession.ended_at == at, *which)
    record_each(session, Event.SESSIONS_ENDED, ended)


def memberships_of(session: Session, user_id: int) -> list[Membership]:
    """Return the person's memberships that are in force now, by the name of their account."""
    mine = in_force().where(Membership.user_id == user_id).order_by(Account.name, Membership.id)
    return list(session.scalars(mine.options(contains_eager(Membership.account))))


def in_force() -> Select[Membership]:
    """Select the memberships that give access now, with Account joined."""
    of = select(Membership).join(Membership.account)
    return of.where(Membership.is_live(now()), Account.closed_at.is_(None))


def has_nothing_left(user_id: InstrumentedAttribute[int], *held: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL for: this user holds no such membership, and is no operator, who may sign in without any."""
    holds = exists().where(Membership.user_id == user_id, *held).correlate_except(Membership)
    operators = select(User.id).where(User.email.in_(settings().operators))
    return ~holds & user_id.not_in(operators)


def pending_invitations_of(session: Session, user_id: int) -> list[Invitation]:
    """Return the invitations that this person could accept now."""
    mine = select(Invitation).where(Invitation.id.in_(acceptable().where(Membership.user_id == user_id)))
    account = joinedload(Invitation.membership).joinedload(Membership.account)
    inviter = joinedload(Invitation.inviter).joinedload(Membership.user)
    return list(session.scalars(mine.order_by(Invitation.id).options(account, inviter)))


def is_unseen(session: Session, user_session: UserSession, membership: Membership | None) -> bool:
    """Return whether `touch` would note anything now, so that most requests need not write."""
    mine = [membership] if membership else memberships_of(session, user_session.user_id)
    noted = [user_session.seen_at, *(each.seen_at for each in mine)]
    return any(seen_at is None or seen_at < now() - SEEN_EVERY for seen_at in noted)


def touch(session: Session, user_session: UserSession, membership: Membership | None) -> None:
    """Note that the person was here, at most every few minutes: in the account at hand, else in all of theirs."""
    at = now()
    stale = at - SEEN_EVERY
    mine = Membership.id == membership.id if membership else Membership.user_id == user_session.user_id
    unseen = or_(Membership.seen_at.is_(None), Membership.seen_at < stale)
    # Waits for nobody: what somebody else holds at the moment is noted the next time.
    held = select(Membership.id).where(mine, Membership.is_live(at), unseen)
    held = held.with_for_update(key_share=True, skip_locked=True).correlate(None)
    session.execute(update(Membership).where(Membership.id.in_(held)).values(seen_at=at))
    here = update(UserSession).where(UserSession.id == user_session.id, UserSession.seen_at < stale)
    session.execute(here.values(seen_at=at))


def is_operator(user: User) -> bool:
    """Return whether the person is a platform operator, by the settings."""
    return user.email in settings().operators
