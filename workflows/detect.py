"""Detect whether an invitee is registered: present or past, in any account (R3)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Detection:
    """The decision, and the reason that operators read."""

    is_registered: bool
    reason: str


def detect(*, has_password: bool, mailbox_proved_at: datetime | None) -> Detection:
    """Decide from the one row that a person has over all accounts, those deleted included.

    Somebody invited before who never set a password is not registered: else they could never get in.
    """
    if mailbox_proved_at is None:
        return Detection(False, "this mailbox was never proved")
    if not has_password:
        return Detection(False, "no password was ever set")
    return Detection(True, f"mailbox proved and password set since {mailbox_proved_at:%Y-%m-%d %H:%M} UTC")
