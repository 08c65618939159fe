"""Signing in and out, and the way onward from the front door."""

from functools import partial
from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request
from flask import session as cookie
from flask.typing import ResponseReturnValue

from models import AttemptKind, Membership
from models.visible import plain
from webapp.access import acting, database, here, needs
from webapp.errors import answers_on
from webapp.forms import SignInForm
from webapp.language import keep_on
from webapp.origin import know_browser, known_browser, source
from webapp.visit import SECRET
from workflows.address import normalise
from workflows.passwords import password_matches
from workflows.permissions import Action
from workflows.refusals import BadAddress, NoAccount, Refusal, SignInRefused
from workflows.sign_in import credentials, end_session, memberships_of, pending_invitations_of, start_session
from workflows.throttle import begin_attempt, refuse, succeed

pages = Blueprint("sign_in", __name__)


@pages.get("/")
@needs(Action.SIGN_IN)
def onward() -> ResponseReturnValue:
    """Lead to where this person works: the only account's leads, a guest's notifications, or the choice."""
    found = here()
    if found.user is None:
        return redirect("/login", 303)
    mine = memberships_of(found.session, found.me.id)
    return redirect(_first_page(mine, is_invited=bool(pending_invitations_of(found.session, found.me.id))), 303)


def _form(refusal: Refusal | None = None) -> str:
    asked = request.form if request.method == "POST" else request.args
    return render_template("pages/sign_in.html", refusal=refusal, onto=own_path(asked.get("next", "")))


@pages.get("/login")
@needs(Action.SIGN_IN)
def form() -> str:
    """Show the sign-in form."""
    return _form()


@pages.post("/login")
@needs(Action.SIGN_IN)
@answers_on(_form)
def sign_in() -> ResponseReturnValue:
    """Check address and password, which takes as long and says the same for everybody who may not come in."""
    sent = SignInForm.read()
    with database().reading() as session:
        user_id, password_hash = credentials(session, _normal(sent.email))
    try:
        with database().transaction() as session:
            browser = known_browser(user_id)
            tried = begin_attempt(session, AttemptKind.SIGN_IN, _normal(sent.email), source=source(), browser=browser)
        is_right = password_matches(password_hash, sent.password)
        cookie[SECRET] = _let_in(user_id if is_right else None, password_hash, tried)
    except SignInRefused as refusal:
        return _form(refusal), refusal.status
    answer = redirect(own_path(sent.next) or "/", 303)
    know_browser(answer, user_id or 0)
    return answer


@pages.post("/logout")
@needs(Action.SIGN_IN)
def sign_out() -> ResponseReturnValue:
    """End this session, here and in the database."""
    with acting() as found:
        if found.user_session is not None:
            end_session(found.session, found.user_session.id)
    keep_on()
    # The token stays: a second click on the same page is the same as the first.
    cookie.pop(SECRET, None)
    return redirect("/login", 303)


def _let_in(user_id: int | None, password_hash: str, attempt_id: int) -> str:
    """Return the secret of a new session, which takes the place of the one before. Raises SignInRefused for nobody."""
    if user_id is None:
        with database().transaction() as session:
            refuse(session, attempt_id)
        raise SignInRefused
    before = here().user_session
    agent = plain(request.headers.get("User-Agent", ""))
    was_right = partial(succeed, user_id=user_id, password_hash=password_hash)
    try:
        with database().transaction() as session:
            if before is not None:
                end_session(session, before.id)
            secret = start_session(session, user_id, agent=agent)
            was_right(session, attempt_id)
    except NoAccount:
        # The password was right: nobody tries to guess here.
        with database().transaction() as session:
            was_right(session, attempt_id)
        raise
    cookie.clear()
    cookie.permanent = True
    return secret


def own_path(typed: str) -> str:
    """Return the path if it leads to a page of ours, whatever a browser makes of it; else nothing."""
    is_plain = typed.isprintable() and "\\" not in typed and len(typed) < 2000  # noqa: PLR2004
    if not is_plain or not typed.startswith("/") or typed.startswith("//"):
        return ""
    parts = urlsplit(typed)
    return "" if parts.scheme or parts.netloc else typed


def _first_page(mine: list[Membership], *, is_invited: bool) -> str:
    if is_invited or not mine:
        return "/accounts"
    if all(each.is_guest for each in mine):
        return "/notifications"
    return f"/a/{mine[0].account.slug}/leads" if len(mine) == 1 else "/accounts"


def _normal(email: str) -> str:
    try:
        return normalise(email)
    except BadAddress:
        return ""
