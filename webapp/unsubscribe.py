"""One-click unsubscribe (RFC 8058): the link in the mail, or the mail program itself, asks for silence."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from models import User
from webapp.access import database, needs
from webapp.visit import first_account
from workflows.notify import mute
from workflows.permissions import Action
from workflows.refusals import LinkDead
from workflows.tokens import read_unsubscribe

pages = Blueprint("unsubscribe", __name__)


@pages.get("/unsubscribe/<token>")
@needs(Action.SIGN_IN)
def form(token: str) -> str:
    """Ask, and change nothing: mail scanners open every link."""
    _whose(token)
    return render_template("pages/unsubscribe.html", is_done=False)


@pages.post("/unsubscribe/<token>")
@needs(Action.SIGN_IN)
def silence(token: str) -> ResponseReturnValue:
    """Send no more notification mails to the person whose link it is."""
    user_id = _whose(token)
    with database().transaction() as session:
        mute(session, user_id)
    return render_template("pages/unsubscribe.html", is_done=True)


def _whose(token: str) -> int:
    user_id = read_unsubscribe(token)
    if user_id is None:
        raise LinkDead
    with database().reading() as session:
        if (user := session.get(User, user_id)) is not None:
            first_account(session, user)
    return user_id
