"""Where somebody is signed in, to be ended one by one or all at once, and the change of their password."""

from flask import Blueprint, flash, redirect, render_template
from flask import session as cookie
from flask.typing import ResponseReturnValue

from models import AttemptKind, UserSession
from models.language import gettext
from webapp.access import acting, database, here, needs
from webapp.errors import answers_on
from webapp.forms import ChangeForm
from webapp.origin import known_browser, source
from webapp.visit import SECRET, Here
from workflows.activate import change_password
from workflows.leave import end_sessions
from workflows.passwords import hash_password, password_matches
from workflows.permissions import Action
from workflows.refusals import Refusal, SignInFirst, WrongPassword
from workflows.sign_in import credentials, end_own_session, sessions_of
from workflows.throttle import begin_attempt, refuse, succeed

pages = Blueprint("sign_ins", __name__, url_prefix="/sign-ins")


def _page(refusal: Refusal | None = None) -> str:
    found = here()
    mine = sessions_of(found.session, found.me.id)
    return render_template("pages/sign_ins.html", refusal=refusal, mine=mine, this=_own(found))


@pages.get("")
@needs(Action.KEEP_SIGN_INS)
def listed() -> str:
    """List where this person is signed in."""
    return _page()


@pages.post("/<number:session_id>/end")
@needs(Action.KEEP_SIGN_INS)
def end(session_id: int) -> ResponseReturnValue:
    """End one of the own sessions."""
    with acting() as found:
        end_own_session(found.session, session_id, user_id=found.me.id)
        is_here = session_id == _own(found)
    return redirect("/login" if is_here else "/sign-ins", 303)


@pages.post("/end")
@needs(Action.KEEP_SIGN_INS)
def end_others() -> ResponseReturnValue:
    """End all of them but this one."""
    with acting() as found:
        end_sessions(found.session, UserSession.user_id == found.me.id, UserSession.id != _own(found))
    return redirect("/sign-ins", 303)


@pages.post("/password")
@needs(Action.KEEP_SIGN_INS)
@answers_on(_page)
def change() -> ResponseReturnValue:
    """Change the password; this session goes on under another secret, and all others end."""
    sent, email = ChangeForm.read(), here().me.email
    made = hash_password(sent.password, sent.password_confirm)
    with database().transaction() as session:
        user_id, present = credentials(session, email)
        browser = known_browser(user_id)
        tried = begin_attempt(session, AttemptKind.SIGN_IN, email, source=source(), browser=browser)
    if not password_matches(present, sent.password_current):
        with database().transaction() as session:
            refuse(session, tried)
        raise WrongPassword
    with acting() as found:
        succeed(found.session, tried, user_id=found.me.id, password_hash=present)
        if found.user_session is None:
            raise SignInFirst
        secret = change_password(found.session, found.user_session, password_hash=made)
    cookie.clear()
    cookie.permanent = True
    cookie[SECRET] = secret
    flash(gettext("Your password is changed. Everywhere else you are signed out."))
    return redirect("/sign-ins", 303)


def _own(found: Here) -> int:
    return found.user_session.id if found.user_session else 0
