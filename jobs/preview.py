"""`guestlist mail preview`: writes every mail with sample content, so that people can look at them."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import click

from jobs.render import render
from models import Template, now, settings
from models.language import ENGLISH, LANGUAGES
from workflows.checks import CHECKS
from workflows.compose import Letter

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Of a phone and of a desk, by day and by night; the number is Chromium's for the scheme.
WIDTHS = (390, 1280)
SCHEMES = {"light": 1, "dark": 0}
HEIGHT = 1000
SECONDS = 60


ACCOUNT, READER = "Berg Carpentry", "noor@haddad-roofs.example"
TOKEN = "a-token-of-forty-three-characters-as-in-mail"  # noqa: S105
Context = dict[str, Any]


class Entry(NamedTuple):
    """One message in a digest."""

    author: str
    author_address: str
    card: str
    text: str


@click.group()
def mail() -> None:
    """Mails: look at them."""


@mail.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--language", type=click.Choice(list(LANGUAGES)), default=ENGLISH, show_default=True)
def preview(directory: Path, language: str) -> None:
    """Write all mails into DIRECTORY as HTML and text, and as pictures where Chromium is installed."""
    directory.mkdir(parents=True, exist_ok=True)
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    for name, letter in samples():
        mail = render(replace(letter, language=language))
        (directory / f"{name}.html").write_text(str(mail.html_body), encoding="utf-8")
        (directory / f"{name}.txt").write_text(f"Subject: {mail.subject}\n\n{mail.text_body}", encoding="utf-8")
        for width, scheme in product(WIDTHS, SCHEMES) if browser else ():
            taken = directory / f"{name}-{width}-{scheme}.png"
            picture(str(browser), directory / f"{name}.html", taken, width, scheme)
        click.echo(f"{directory / name}  {mail.subject}")
    if browser is None:
        click.echo("Without Chromium there are no pictures.")


def samples() -> Iterator[tuple[str, Letter]]:
    """Yield every mail in each of its forms, with the name of that form."""
    yield from _of_invitations()
    yield from _of_access()
    yield from _of_talk()


def _of_invitations() -> Iterator[tuple[str, Letter]]:
    asked: Context = {
        "inviter": "Ada Berg",
        "inviter_address": "ada@berg.example",
        "account": ACCOUNT,
        "login": READER,
        "is_guest": True,
    }
    week, half = _within(timedelta(days=7)), _within(timedelta(days=4))
    new, existing = _link("activate/", TOKEN), _link("login?next=%2Fnotifications")
    yield _sample(Template.INVITATION_NEW, link=new, **asked, **week)
    yield _sample(Template.INVITATION_EXISTING, link=existing, **asked, **week)
    yield _sample(Template.REMINDER, "new", link=new, is_new=True, **asked, **half)
    yield _sample(Template.REMINDER, "existing", link=existing, is_new=False, **asked, **half)
    reset: Context = {"login": READER, "hours": 2, "expires_at": now() + timedelta(hours=2)}
    yield _sample(Template.PASSWORD_RESET, link=_link("password/reset/", TOKEN), **reset)
    yield _sample(Template.PASSWORD_CHANGED, link=_link("password/forgot"), login=READER, changed_at=now())


def _of_access() -> Iterator[tuple[str, Letter]]:
    ending: Context = {"account": ACCOUNT, "guest": "Noor Haddad", "ends_at": now() + timedelta(days=7), "days": 7}
    yield _sample(Template.ACCESS_ENDING, "guest", is_guest=True, link=_link("notifications#access"), **ending)
    to_sponsor = _link("a/berg/settings/users/12/end")
    yield _sample(Template.ACCESS_ENDING, "sponsor", is_guest=False, link=to_sponsor, **ending)
    ended: Context = {"account": ACCOUNT, "guest": "Noor Haddad", "ended_at": now(), "link": _link("a/berg/removals/7")}
    for because in ("end", "review", "dormant"):
        yield _sample(Template.ACCESS_ENDED, because, because=because, **ended)
    guests = [("Noor Haddad", 3, now() - timedelta(days=4)), ("Tomas Eriksen", 1, now() - timedelta(days=96))]
    review: Context = {"account": ACCOUNT, "due_at": now() + timedelta(days=14), "link": _link("a/berg/reviews")}
    yield _sample(Template.ACCESS_REVIEW, "one", guests=guests[:1], count=1, more=0, does_end=False, **review)
    yield _sample(Template.ACCESS_REVIEW, "many", guests=guests, count=9, more=7, does_end=True, **review)
    breaches = [(CHECKS["grant_without_live_membership"].breach, 2), (CHECKS["session_without_membership"].breach, 1)]
    found: Context = {"account": ACCOUNT, "breaches": breaches, "count": 3, "mended": 1, "is_account": True}
    yield _sample(Template.FINDINGS, link=_link("a/berg/sweeps/7"), **found)


def _of_talk() -> Iterator[tuple[str, Letter]]:
    said = Entry(
        "Ada Berg",
        "ada@berg.example",
        "Bakery on the canal",
        "Noor, could you look at the rafters? The plan is in the notes.",
    )
    more = Entry("Max Lind", "max@berg.example", "", "Thank you, that helps a lot.")
    center = {"account": ACCOUNT, "link": _link("notifications"), "unsubscribe": _link("unsubscribe/", TOKEN)}
    yield _sample(Template.NOTIFICATION, "one", entries=[said], count=1, more=0, **center)
    yield _sample(Template.NOTIFICATION, "many", entries=[said, more], count=14, more=12, **center)
    words = "Good morning,\n\nmay we come by on Friday to measure the oven room?\n\nKind regards"
    to_contact = {"account": ACCOUNT, "contact": "Hannah Kuiper", "author": "Noor Haddad", "author_address": READER}
    yield _sample(Template.CONTACT_MESSAGE, text=words, **to_contact)


def _within(time: timedelta) -> Context:
    return {"expires_at": now() + time, "days": time.days}


def _link(path: str, token: str = "") -> str:
    return f"{settings().base_url}/{path}{token}"


def _sample(template: Template, form: str = "", **context: Any) -> tuple[str, Letter]:  # noqa: ANN401
    name = f"{template}-{form}" if form else str(template)
    return name, Letter(template, READER, f"<{name}@{settings().mail_domain}>", context)


def picture(browser: str, page: Path, to: Path, width: int, scheme: str) -> None:
    """Write what a page looks like on a screen of a width, by day or by night, as a PNG. Exits where there is none."""
    # As root there is no sandbox to be had; the pages are our own.
    looks = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{HEIGHT}")
    colours = f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}"
    command = [browser, *looks, colours, f"--screenshot={to.resolve()}", page.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603
    if not to.exists():
        sys.exit(f"guestlist: {browser}: {(done.stderr or 'no picture').strip().splitlines()[-1]}")
