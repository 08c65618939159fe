"""Hold those who try passwords to a limit, without letting a stranger lock anybody out."""

from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from models import Attempt, AttemptKind, Event, User, now, record, settings
from models.language import N_, gettext, ngettext
from workflows.refusals import SignInRefused, TooMany
from workflows.tokens import digest
from workflows.turn import take_turn

# What a browser in which the person has been before may try, whatever strangers do meanwhile.
TRIES_PER_BROWSER = 10
INSTEAD = {
    AttemptKind.SIGN_IN: N_("or ask for a new password, and sign in from the page it leads to"),
    AttemptKind.RESET: N_("what was asked for before may have come by mail already"),
}


def begin_attempt(session: Session, kind: AttemptKind, email: str, *, source: str, browser: str | None = None) -> int:
    """Record a try before it is heard, and return its id. Raises TooMany, alike for known and unknown addresses.

    A browser that is known to be the person's counts by itself; all others count by the network address that they
    come from, and by the person they try to be.
    """
    about = {"source": source, "person": digest(email), "browser": digest(browser) if browser else None}
    take_turn(session, f"{kind} from {source}", f"{kind} as {about['person']}")
    if not _is_own_way(session, about["browser"]):
        _hold(session, kind, settings().tries_per_address, Attempt.source == source)
        _hold(session, kind, settings().tries_per_person, Attempt.person == about["person"])
        about["browser"] = None
    attempt = Attempt(kind=kind, **about)
    session.add(attempt)
    session.flush()
    return attempt.id


def succeed(session: Session, attempt_id: int, *, user_id: int, password_hash: str) -> None:
    """Forget a try that was right. Raises SignInRefused where the password was changed while it was looked at."""
    # Whoever changes the password holds this row, and ends every session that they find.
    held = select(User.password_hash).where(User.id == user_id).with_for_update(key_share=True)
    if session.scalar(held) != password_hash:
        raise SignInRefused
    session.execute(delete(Attempt).where(Attempt.id == attempt_id))


def refuse(session: Session, attempt_id: int) -> None:
    """Record that a try was wrong (R70). What was typed as an address is not kept: it may be a password."""
    record(session, Event.SIGN_IN_REFUSED, attempt_id, source=session.get_one(Attempt, attempt_id).source)


def forget_attempts(session: Session) -> None:
    """Forget the tries that count no more."""
    session.execute(delete(Attempt).where(Attempt.at <= now() - _lately()))


def _is_own_way(session: Session, browser: str | None) -> bool:
    return browser is not None and _count(session, Attempt.browser == browser) < TRIES_PER_BROWSER


def _hold(session: Session, kind: AttemptKind, limit: int, which: ColumnElement[bool]) -> None:
    if _count(session, Attempt.browser.is_(None), Attempt.kind == kind, which) >= limit:
        raise TooMany(
            ngettext(
                "Too many tries. Wait %(num)s minute; %(instead)s.",
                "Too many tries. Wait %(num)s minutes; %(instead)s.",
                settings().tries_minutes,
                instead=gettext(INSTEAD[kind]),
            )
        )


def _count(session: Session, *which: ColumnElement[bool]) -> int:
    return session.scalars(select(func.count()).where(Attempt.at > now() - _lately(), *which)).one()


def _lately() -> timedelta:
    return timedelta(minutes=settings().tries_minutes)
