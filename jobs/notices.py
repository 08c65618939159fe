"""Reads the notices in which mail servers say what became of a mail (RFC 3464)."""

from collections.abc import Iterator
from email.message import Message
from typing import NamedTuple

from jobs.words import Letter, header
from models.visible import visible

FAILED, DELAYED = "failed", "delayed"


class Notice(NamedTuple):
    """That a mail came back for good, or that it is still on its way; and the server's words."""

    is_final: bool
    words: str


def notice_in(mail: Letter) -> Notice | None:
    """Return what the mail reports; None where it is no report, or tells nothing of a failure."""
    found = [notice for recipient in _recipients(mail.mail) if (notice := _understood(recipient)) is not None]
    return max(found, default=None)


def _recipients(mail: Message) -> Iterator[Message]:
    """Yield what a report says of each recipient: its blocks after the first, which is about the mail."""
    if mail.get_content_type() == "multipart/report":
        for part in mail.walk():
            if part.get_content_type() == "message/delivery-status":
                blocks = part.get_payload()
                yield from (each for each in blocks if isinstance(each, Message)) if isinstance(blocks, list) else ()


def _understood(recipient: Message) -> Notice | None:
    action, status = (header(recipient, name).lower() for name in ("Action", "Status"))
    if not action:
        action = {"5": FAILED, "4": DELAYED}.get(status[:1], "")
    if action not in (FAILED, DELAYED):
        return None
    kind, mark, words = header(recipient, "Diagnostic-Code").partition(";")
    said = " ".join((words if mark else kind).split()) or status
    return Notice(action == FAILED, visible(said))
