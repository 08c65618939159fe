"""The languages that people are spoken to in: the sentences, days and moments of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "es": "Español", "pt-BR": "Português (Brasil)", "ru": "Русский"}
CATALOGUES = Path(__file__).parent.parent / "templates" / "translations"
# Of English days, which are written with the day before the month.
BRITISH = "en-GB"
_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


def N_(sentence: str) -> str:
    """Return the sentence as it is: it is translated where it is shown."""
    return sentence


def NN_(one: str, many: str) -> tuple[str, str]:
    """Return the sentence for one thing and the one for many, as they are."""
    return one, many


def known(language: str | None) -> str:
    """Return the language itself, or the one of its family that is spoken here; else English."""
    family = (language or "").replace("_", "-").partition("-")[0].lower()
    return next((each for each in LANGUAGES if each.partition("-")[0] == family), ENGLISH)


def speak(language: str) -> None:
    """Speak this language from here on, in this thread."""
    _spoken.set(known(language))


def spoken() -> str:
    """Return the language that is spoken now."""
    return _spoken.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak this language for a while."""
    before = _spoken.set(known(language))
    try:
        yield
    finally:
        _spoken.reset(before)


def gettext(sentence: str, **values: object) -> str:
    """Return the sentence in the language spoken, its %(named)s places filled where values are given."""
    # Under the empty one a catalogue keeps what it says of itself.
    said = sentences(spoken()).gettext(sentence) if sentence else ""
    return said % values if values else said


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """Return the sentence for this number of things, in the language spoken; %(num)s is the number."""
    return plural(one, many, num) % {"num": num, **values}


def plural(one: str, many: str, num: int) -> str:
    """Return the form of a sentence that goes with this number, its places not filled."""
    return sentences(spoken()).ngettext(one, many, num)


@cache
def sentences(language: str) -> NullTranslations:
    """Return all sentences of a language, read when first wanted; English ones are their own names."""
    if language == ENGLISH:
        return NullTranslations()
    compiled = BytesIO()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language.replace("-", "_")))
    compiled.seek(0)
    return Translations(compiled)


def locale() -> Locale:
    """Return the ways of the language spoken."""
    return _locale(spoken())


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(BRITISH if language == ENGLISH else language, sep="-")


def day(at: date) -> str:
    """Return a day as people read it."""
    return format_date(at, "long", locale())


def moment(at: datetime) -> str:
    """Return a moment as people read it, in its own time zone."""
    return f"{day(at)}, {format_time(at, 'short', locale=locale())} {at:%Z}"
