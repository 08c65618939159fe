"""Say in words that people read what is the evidence of a finding."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

# In the order in which they are said; what is for programs alone is not among them.
WORDS = {
    "person": "{}",
    "invitee": "{}",
    "to_address": "to {}",
    "card": "on “{}”",
    "file_name": "the list “{}”",
    "actor": "of the kind “{}”",
    "granted_at": "granted {}",
    "signed_in_at": "signed in {}",
    "seen_at": "last seen {}",
    "created_at": "made {}",
    "requested_at": "asked for {}",
    "confirmed_at": "confirmed {}",
    "queued_at": "queued {}",
    "sending_at": "sending since {}",
    "ring_at": "due since {}",
    "deleted_at": "deleted {}",
    "card_deleted_at": "the card was deleted {}",
    "closed_at": "the account was closed {}",
    "ends_at": "end date {}",
    "expires_at": "expiry {}",
    "attempts": "tried {} times",
    "last_error": "at last “{}”",
}
LONGEST = 120


def evidence_in_words(evidence: Mapping[str, Any], zone: tzinfo) -> str:
    """Return a line that says whom and what a finding is about, and since when."""
    known = {name: value for name, value in evidence.items() if value is not None}
    return ", ".join(words.format(_said(name, known[name], zone)) for name, words in WORDS.items() if name in known)


def _said(name: str, value: object, zone: tzinfo) -> str:
    # By its name alone: somebody may have called a card by a day.
    if not name.endswith("_at"):
        # Of a traceback the last line is the error.
        said = str(value).strip().rpartition("\n")[2] if name == "last_error" else str(value)
        return " ".join(said.split())[:LONGEST]
    at = datetime.fromisoformat(str(value)).astimezone(zone)
    return f"{at.day} {at:%b %Y, %H:%M}"
