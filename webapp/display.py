"""What every page can show: the visitor, the product, times, and the files that style it."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from babel.dates import format_skeleton
from babel.numbers import format_decimal
from flask import Flask, current_app, g, request
from flask_babel import format_date, format_time
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup, escape
from sqlalchemy import func, select

from models import Card, CardKind, Membership, Notification, Settings, now
from models.language import LANGUAGES, N_, gettext, locale, ngettext, spoken
from webapp.labels import word
from webapp.visit import Here
from workflows.notify import unread_count
from workflows.permissions import Action, may, role_on
from workflows.sign_in import memberships_of

WAYS = (
    (N_("Leads"), "/leads", Action.BROWSE),
    (N_("Customers"), "/customers", Action.BROWSE),
    (N_("Contacts"), "/contacts", Action.BROWSE),
    (N_("Companies"), "/companies", Action.BROWSE),
    (N_("Users"), "/settings/users", Action.INVITE),
    (N_("Reviews"), "/reviews", Action.REVIEW_ALL),
    (N_("Audit"), "/audit", Action.AUDIT),
    (N_("Sweeps"), "/sweeps", Action.SWEEP),
)
TAIL = 600
PLURALS = {CardKind.LEAD: "leads", CardKind.CUSTOMER: "customers"}


@dataclass(frozen=True)
class Way:
    """A page that the bar of every page leads to."""

    name: str
    path: str


def show_pages(app: Flask) -> None:
    """Give templates what they share."""
    app.context_processor(_shared)
    app.add_template_filter(when, "when")
    app.add_template_filter(_zoned, "zoned")
    app.add_template_filter(seconds, "seconds")
    app.add_template_filter(format_date, "date")
    app.add_template_filter(word, "word")
    app.add_template_filter(_initials, "initials")
    app.add_template_filter(_breakable, "breakable")
    app.add_template_filter(address_of, "address_of")
    app.add_template_filter(_tail, "tail")
    version = _version(Path(app.static_folder or ""))

    @app.url_defaults
    def fresh(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["v"] = version


def product() -> Settings:
    """Return the settings that the application was made with."""
    settings: Settings = current_app.extensions["settings"]
    return settings


def address_of(card: Card) -> dict[str, Any]:
    """Return what the address of a card's page is made of, beside its account."""
    return {"kind": PLURALS[card.kind], "card_id": card.id}


def when(moment: datetime) -> str:
    """Return a moment as people say it: the time today, the day this year, else the date."""
    local, today = _zoned(moment), _zoned(now())
    if local.date() == today.date():
        return str(format_time(local, "short", rebase=False))
    if local.year != today.year:
        return str(format_date(local, rebase=False))
    return f"{format_skeleton('MMMd', local, locale=locale())}, {format_time(local, 'short', rebase=False)}"


def seconds(count: float) -> str:
    """Return a length of time as people say it, as exact as it matters."""
    if count < 10:  # noqa: PLR2004
        return gettext("%(number)s s", number=format_decimal(float(f"{count:.2g}"), locale=locale()))
    units = ((120, 1, N_("%(number)s s")), (7200, 60, N_("%(number)s min")), (172800, 3600, N_("%(number)s h")))
    for most, length, unit in units:
        if count < most:
            return gettext(unit, number=f"{count / length:.0f}")
    return ngettext("%(num)s day", "%(num)s days", round(count / 86400))


def _shared() -> dict[str, Any]:
    found: Here | None = g.get("here")
    return {
        "here": found,
        "membership": found.membership if found else None,
        "settings": product(),
        "language": spoken(),
        "spoken_here": LANGUAGES,
        "csrf_token": generate_csrf,
        "unread": lambda: unread_count(found.session, found.me.id) if found and found.user else 0,
        "ways": lambda: _ways(found),
        "latest": lambda: _latest(found),
        "typed": _typed,
        "is_removed": _is_removed,
    }


def _ways(found: Here | None) -> list[Way]:
    """Return where the visitor can go: within the account at hand or the only one they have, else to each."""
    if found is None or found.user is None:
        return []
    mine = [found.membership] if found.membership else memberships_of(found.session, found.user.id)
    mine = [each for each in mine if may(role_on(found.session, each), Action.BROWSE)]
    if len(mine) != 1:
        return [Way(each.account.name, f"/a/{each.account.slug}/leads") for each in mine]
    home, role = f"/a/{mine[0].account.slug}", role_on(found.session, mine[0])
    return [Way(gettext(name), home + path) for name, path, action in WAYS if may(role, action)]


def _latest(found: Here | None) -> int:
    """Return the newest notification's id: the page's stream goes on from there, so that nothing falls between."""
    if found is None or found.user is None:
        return 0
    of = select(func.max(Notification.id)).join(Notification.membership).where(Membership.user_id == found.user.id)
    return found.session.scalar(of) or 0


def _typed(form: str, field: str, otherwise: object = "") -> object:
    """Return what was typed into the field of the form that was refused; else what the field shows at first."""
    is_refused = request.method == "POST" and request.endpoint == form
    # No page may hold a NUL, not even to show that it was refused.
    return request.form.get(field, "").replace("\x00", "") if is_refused else otherwise


def _is_removed(membership: Membership | None) -> bool:
    return membership is not None and membership.is_removed


def _zoned(moment: datetime) -> datetime:
    """Return the moment in the time zone of the account at hand."""
    found: Here | None = g.get("here")
    return moment.astimezone(found.account.zone) if found and found.account else moment


def _initials(name: str) -> str:
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _tail(trace: str) -> str:
    """Return the end of a long traceback, which tells the most."""
    return trace if len(trace) <= TAIL else f"… {trace[-TAIL:]}"


def _breakable(address: str) -> Markup:
    """Return an address that a narrow place breaks behind its @ rather than within a word."""
    return escape(address).replace("@", Markup("@<wbr>"))


def _version(folder: Path) -> str:
    """Return a name for the present state of the static files, so that browsers keep them until it changes."""
    digest = sha256()
    for path in sorted(folder.glob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
