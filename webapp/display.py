"""What every page can show: the visitor, the product, times, and the files that style it."""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Flask, current_app, g, request
from flask_wtf.csrf import generate_csrf
from sqlalchemy import func, select

from models import Card, CardKind, Membership, Notification, Settings, now
from webapp.visit import Here
from workflows.notify import unread_count

PLURALS = {CardKind.LEAD: "leads", CardKind.CUSTOMER: "customers"}


def show_pages(app: Flask) -> None:
    """Give templates what they share."""
    app.context_processor(_shared)
    app.add_template_filter(_when, "when")
    app.add_template_filter(_zoned, "zoned")
    app.add_template_filter(_initials, "initials")
    app.add_template_filter(address_of, "address_of")
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


def _shared() -> dict[str, Any]:
    found: Here | None = g.get("here")
    return {
        "here": found,
        "membership": found.membership if found else None,
        "settings": product(),
        "csrf_token": generate_csrf,
        "unread": lambda: unread_count(found.session, found.me.id) if found and found.user else 0,
        "latest": lambda: _latest(found),
        "typed": _typed,
        "is_removed": _is_removed,
    }


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
    return moment.astimezone(found.membership.account.zone) if found and found.membership else moment


def _when(moment: datetime) -> str:
    """Return a moment as people say it: the time today, the day this year, else the date."""
    local, today = _zoned(moment), _zoned(now())
    if local.date() == today.date():
        return f"{local:%H:%M}"
    day = f"{local.day} {local:%b}"
    return f"{day}, {local:%H:%M}" if local.year == today.year else f"{day} {local.year}"


def _initials(name: str) -> str:
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def _version(folder: Path) -> str:
    """Return a name for the present state of the static files, so that browsers keep them until it changes."""
    digest = sha256()
    for path in sorted(folder.glob("*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
