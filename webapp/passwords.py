"""Pages behind mailed links: a first password, a forgotten one. Opening them changes nothing (R10)."""

from collections.abc import Callable

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models import AttemptKind, Link, LinkPurpose, User
from webapp.access import database, needs
from webapp.errors import answers_on
from webapp.forms import ForgotForm, PasswordForm
from webapp.language import keep_on, speak_as_kept, speak_to
from webapp.origin import know_browser, source
from webapp.visit import first_account
from workflows.activate import activate, ask_reset, find_link, reset_password
from workflows.address import normalise
from workflows.passwords import hash_password
from workflows.permissions import Action
from workflows.refusals import AlreadyRegistered, BadInput, Refusal
from workflows.throttle import begin_attempt

pages = Blueprint("passwords", __name__)
Finish = Callable[[Session, PasswordForm, str], User]


@pages.get("/activate/<token>")
@needs(Action.SIGN_IN)
def activation(token: str) -> ResponseReturnValue:
    """Show the form that sets a new person's password."""
    return _show(token, LinkPurpose.ACTIVATE)


@pages.post("/activate/<token>")
@needs(Action.SIGN_IN)
def set_first(token: str) -> ResponseReturnValue:
    """Set it, and lead to the sign-in page."""
    return _finish(
        token,
        LinkPurpose.ACTIVATE,
        lambda session, sent, made: activate(session, token, password_hash=made, name=sent.name),
    )


@pages.get("/password/reset/<token>")
@needs(Action.SIGN_IN)
def reset(token: str) -> ResponseReturnValue:
    """Show the form that sets another password."""
    return _show(token, LinkPurpose.RESET)


@pages.post("/password/reset/<token>")
@needs(Action.SIGN_IN)
def set_another(token: str) -> ResponseReturnValue:
    """Set it; every session of this person has ended then."""
    return _finish(
        token, LinkPurpose.RESET, lambda session, _, made: reset_password(session, token, password_hash=made)
    )


def _forgot(refusal: Refusal | None = None) -> str:
    return render_template("pages/forgot.html", refusal=refusal)


@pages.get("/password/forgot")
@needs(Action.SIGN_IN)
def forgot() -> str:
    """Show the form that asks for a link."""
    return _forgot()


@pages.post("/password/forgot")
@needs(Action.SIGN_IN)
@answers_on(_forgot)
def ask() -> ResponseReturnValue:
    """Ask for a link. The answer is the same whether anybody has this address."""
    address = normalise(ForgotForm.read().email)
    with database().transaction() as session:
        begin_attempt(session, AttemptKind.RESET, address, source=source())
        ask_reset(session, address)
    return redirect("/password/asked", 303)


@pages.get("/password/asked")
@needs(Action.SIGN_IN)
def asked() -> str:
    """Say what happens next."""
    return render_template("pages/asked.html")


def _show(token: str, purpose: LinkPurpose, refusal: Refusal | None = None) -> ResponseReturnValue:
    with database().reading() as session:
        link = find_link(session, token, purpose)
        user, invitation = link.user, link.invitation
        called = invitation.membership.name if invitation else ""
        _speak(session, link)
    if purpose is LinkPurpose.ACTIVATE and user.is_registered:
        return _already(AlreadyRegistered())
    filled = {"email": user.email, "name": called}
    shown = render_template("pages/password.html", purpose=purpose, refusal=refusal, **filled)
    return shown, refusal.status if refusal else 200


def _finish(token: str, purpose: LinkPurpose, finish: Finish) -> ResponseReturnValue:
    with database().reading() as session:
        _speak(session, find_link(session, token, purpose))
    try:
        sent = PasswordForm.read()
        made = hash_password(sent.password, sent.password_confirm)
        with database().transaction() as session:
            user = finish(session, sent, made)
    except BadInput as refusal:
        return _show(token, purpose, refusal)
    except AlreadyRegistered as refusal:
        return _already(refusal)
    answer = redirect("/login?welcome=1", 303)
    keep_on()
    # Whoever reads the mailbox is no stranger.
    know_browser(answer, user.id)
    return answer


def _speak(session: Session, link: Link) -> None:
    """Speak to whoever was mailed the link, whoever else is signed in here."""
    if link.invitation is None:
        first_account(session, link.user)
    else:
        speak_to(link.user, link.invitation.membership.account)
    if link.user.language is None:
        speak_as_kept()


def _already(refusal: AlreadyRegistered) -> ResponseReturnValue:
    shown = render_template("pages/refused.html", sentence=refusal.sentence, status=refusal.status, may_sign_in=True)
    return shown, refusal.status
