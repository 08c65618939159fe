"""The choice of a language, before and after signing in."""

from flask import Blueprint, redirect
from flask.typing import ResponseReturnValue

from models.language import speak
from webapp.access import acting, needs
from webapp.forms import LanguageForm
from webapp.language import keep_on
from webapp.sign_in import own_path
from workflows.choose import choose_language
from workflows.permissions import Action

pages = Blueprint("languages", __name__)


@pages.post("/language")
@needs(Action.SIGN_IN)
def choose() -> ResponseReturnValue:
    """Speak this language from now on, in mails as well; none chosen is the account's."""
    sent = LanguageForm.read()
    with acting() as found:
        if found.user is not None:
            choose_language(found.session, found.user.id, language=sent.language)
    if found.user is None and sent.language:
        speak(sent.language)
        keep_on()
    return redirect(own_path(sent.next) or "/", 303)
