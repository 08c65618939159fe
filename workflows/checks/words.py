"""Say in words that people read what is the evidence of a finding."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from babel.dates import format_date, format_time

from models.language import N_, gettext, locale

# In the order in which they are said; what is for programs alone is not among them.
WORDS = {
    "person": "{}",
    "invitee": "{}",
    "to_address": N_("to {}"),
    "card": N_("on “{}”"),
    "file_name": N_("the list “{}”"),
    "actor": N_("of the kind “{}”"),
    "granted_at": N_("granted {}"),
    "signed_in_at": N_("signed in {}"),
    "seen_at": N_("last seen {}"),
    "created_at": N_("made {}"),
    "requested_at": N_("asked for {}"),
    "confirmed_at": N_("confirmed {}"),
    "queued_at": N_("queued {}"),
    "sending_at": N_("sending since {}"),
    "ring_at": N_("due since {}"),
    "deleted_at": N_("deleted {}"),
    "card_deleted_at": N_("the card was deleted {}"),
    "closed_at": N_("the account was closed {}"),
    "ends_at": N_("end date {}"),
    "expires_at": N_("expiry {}"),
    "attempts": N_("tried {} times"),
    "last_error": N_("at last “{}”"),
}
LONGEST = 120


def evidence_in_words(evidence: Mapping[str, Any], zone: tzinfo) -> str:
    """Return a line that says whom and what a finding is about, and since when."""
    known = {name: value for name, value in evidence.items() if value is not None}
    return ", ".join(
        gettext(words).format(_said(name, known[name], zone)) for name, words in WORDS.items() if name in known
    )


def _said(name: str, value: object, zone: tzinfo) -> str:
    # By its name alone: somebody may have called a card by a day.
    if not name.endswith("_at"):
        # Of a traceback the last line is the error.
        said = str(value).strip().rpartition("\n")[2] if name == "last_error" else str(value)
        return " ".join(said.split())[:LONGEST]
    at = datetime.fromisoformat(str(value)).astimezone(zone)
    return f"{format_date(at, locale=locale())}, {format_time(at, 'short', locale=locale())}"
