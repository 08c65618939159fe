"""Who has no account left to enter, and what then ends: their sessions and the links they were mailed (R53, R54)."""

from sqlalchemy import ColumnElement, Select, exists, literal, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from models import Event, Link, Membership, User, UserSession, now, record_each, settings
from models.base import BigId

OPEN_LINK = Link.used_at.is_(None) & Link.revoked_at.is_(None)


def leave_nothing(session: Session, users: Select[int]) -> None:
    """End the sessions and links of those among the users, selected by id, whom no account is left to.

    What people hold is counted nowhere: it would tell whether they were known before (R6).
    """
    alone = [
        column.in_(users) & has_nothing_left(column, Membership.is_wanted(now()))
        for column in (Link.user_id, UserSession.user_id)
    ]
    session.execute(update(Link).where(alone[0], OPEN_LINK).values(revoked_at=now()))
    end_sessions(session, alone[1])


def has_nothing_left(user_id: InstrumentedAttribute[int], *held: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL for: this user holds no such membership, and is no operator, who may sign in without any."""
    holds = exists().where(Membership.user_id == user_id, *held).correlate_except(Membership)
    operators = select(User.id).where(User.email.in_(settings().operators))
    return ~holds & user_id.not_in(operators)


def end_sessions(session: Session, *which: ColumnElement[bool]) -> None:
    """End all of these sessions that are open."""
    at = now()
    session.execute(update(UserSession).where(UserSession.ended_at.is_(None), *which).values(ended_at=at))
    ended = select(UserSession.id, literal(None, BigId)).where(UserSession.ended_at == at, *which)
    record_each(session, Event.SESSIONS_ENDED, ended)
