"""Which language pages speak: what their reader chose, else what the account speaks, else what the browser asks for."""

from babel.support import NullTranslations
from flask import Flask, request
from flask import session as cookie
from flask_babel import Babel, Domain, refresh

from models import Account, User
from models.language import ENGLISH, LANGUAGES, locale, sentences, speak, spoken

# What somebody chose before they signed in, or was reading when they signed out.
CHOSEN = "language"


class Sentences(Domain):  # type: ignore[misc]
    """What pages say: the sentences that mails are made of, too."""

    def get_translations(self) -> NullTranslations:
        return sentences(spoken())


def speak_languages(app: Flask) -> None:
    """Let every page speak; before anybody is known, as their browser asks."""
    Babel(app, locale_selector=locale)
    app.before_request(Sentences().as_default)
    app.before_request(_hear)
    app.teardown_request(_fall_silent)


def speak_to(user: User | None, account: Account | None) -> None:
    """Speak to a person in an account; where neither is known, go on as before."""
    chosen = (user.language if user else cookie.get(CHOSEN)) or (account.language if account else None)
    if chosen:
        speak_in(chosen)


def speak_in(language: str) -> None:
    """Speak this language from here on."""
    speak(language)
    refresh()


def speak_as_kept() -> None:
    """Speak what this browser's last pages spoke, if any was kept."""
    if CHOSEN in cookie:
        speak_in(cookie[CHOSEN])


def keep_on() -> None:
    """Let this browser's next pages be spoken as this one, before somebody signs in."""
    cookie[CHOSEN] = spoken()


def _hear() -> None:
    speak_in(cookie.get(CHOSEN) or request.accept_languages.best_match(LANGUAGES) or ENGLISH)


def _fall_silent(_: BaseException | None) -> None:
    # What the thread does next has nothing to do with who asked before.
    speak(ENGLISH)
