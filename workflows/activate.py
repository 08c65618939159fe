"""Set a password: by a mailed link the first, or another after it was forgotten (R10); or knowing the present one."""

from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models import Delivery, Event, Link, LinkPurpose, Membership, Template, User, UserSession, now, record, settings
from models.visible import one_line
from workflows.join import accept, is_acceptable
from workflows.leave import end_sessions
from workflows.post import post
from workflows.refusals import AlreadyRegistered, LinkDead
from workflows.sign_in import renew_session
from workflows.tokens import digest
from workflows.turn import take_turn

LONGEST_TOKEN = 200
RESETS = 5


def find_link(session: Session, token: str, purpose: LinkPurpose) -> Link:
    """Return the open link that a token stands for, changing nothing. Raises LinkDead."""
    if not token or len(token) > LONGEST_TOKEN:
        raise LinkDead
    link = session.scalars(select(Link).where(Link.digest == digest(token), Link.purpose == purpose)).one_or_none()
    if link is None or link.used_at or link.revoked_at or link.expires_at <= now():
        raise LinkDead
    # Whoever reads the mailbox that was theirs before proves nothing.
    if link.address != link.user.email:
        raise LinkDead
    if link.invitation_id is not None and not is_acceptable(session, link.invitation_id):
        raise LinkDead
    return link


def activate(session: Session, token: str, *, password_hash: str, name: str = "") -> User:
    """Consume an invitation's link: the mailbox is proved, the password set, the account joined.

    Binds the invited address, whoever else is signed in. Raises LinkDead, AlreadyRegistered.
    """
    link = find_link(session, token, LinkPurpose.ACTIVATE)
    if link.user.is_registered:
        raise AlreadyRegistered
    _consume(session, link)
    first = update(User).where(User.id == link.user_id, User.password_hash.is_(None))
    proved = {"password_hash": password_hash, "mailbox_proved_at": now(), "name": one_line(name)}
    if not session.execute(first.values(**proved).returning(User.id)).all():
        raise AlreadyRegistered
    record(session, Event.PASSWORD_SET, link.user_id, outcome="activated")
    if link.invitation_id is None or not accept(session, link.invitation_id):
        raise LinkDead
    return session.get_one(User, link.user_id, populate_existing=True)


def ask_reset(session: Session, email: str) -> None:
    """Queue the mail of a reset link. Whether anybody is registered there is for the worker to find.

    The statements are the same for every address, so that their time tells nothing. Where RESETS links were asked
    for that would still live, no other is needed: nobody fills a mailbox by this form.
    """
    take_turn(session, f"resets to {email}")
    living = Delivery.queued_at > now() - timedelta(hours=settings().reset_hours)
    asked = select(func.count()).where(Delivery.to_address == email, living)
    if session.scalars(asked.where(Delivery.template == Template.PASSWORD_RESET)).one() < RESETS:
        post(session, to=email, template=Template.PASSWORD_RESET)


def reset_password(session: Session, token: str, *, password_hash: str) -> User:
    """Consume a reset link: the password changes, every session of the person ends. Raises LinkDead."""
    link = find_link(session, token, LinkPurpose.RESET)
    _consume(session, link)
    _replace(session, link.user, password_hash, outcome="reset")
    return link.user


def change_password(session: Session, user_session: UserSession, *, password_hash: str) -> str:
    """Change the password of whoever is signed in, and return the secret of their session, which is another too.

    Whoever calls has checked the present password, and holds the person's row since.
    """
    _replace(session, user_session.user, password_hash, outcome="changed", apart_from=user_session.id)
    return renew_session(session, user_session.id)


def _replace(session: Session, user: User, password_hash: str, *, outcome: str, apart_from: int = 0) -> None:
    """Put another password in the place of one; what the one before opened is closed, and its owner is told."""
    user.password_hash = password_hash
    session.execute(
        update(Link)
        .where(Link.user_id == user.id, Link.purpose == LinkPurpose.RESET)
        .where(Link.used_at.is_(None), Link.revoked_at.is_(None))
        .values(revoked_at=now())
    )
    end_sessions(session, UserSession.user_id == user.id, UserSession.id != apart_from)
    record(session, Event.PASSWORD_SET, user.id, outcome=outcome)
    post(session, to=user.email, template=Template.PASSWORD_CHANGED)


def _consume(session: Session, link: Link) -> None:
    # Every verb that ends or accepts an invitation takes the membership's row first.
    if link.invitation_id is not None:
        of = select(Membership.id).where(Membership.user_id == link.user_id).order_by(Membership.id)
        session.execute(of.with_for_update(key_share=True))
    used = (
        update(Link)
        .where(Link.id == link.id, Link.used_at.is_(None), Link.revoked_at.is_(None), Link.expires_at > now())
        .values(used_at=now())
        .returning(Link.id)
    )
    if not session.execute(used).all():
        raise LinkDead
