"""Put what a contact answers by mail on the card (R32)."""

from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage

from models import Database
from models.visible import plain
from workflows.receive import receive
from workflows.tokens import message_answered


class Replies:
    """Takes mail in; what answers none of our messages, or was sent by a machine, is left alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, recipients: Sequence[str], content: bytes) -> None:
        """Take one mail in, as it came over the wire."""
        answered = {found for each in recipients if (found := message_answered(each)) is not None}
        if not answered:
            return
        try:
            mail = message_from_bytes(content, policy=policy.default)
            is_of_machine, text = mail.get("Auto-Submitted", "no").lower() != "no", _own_words(mail)
        except RecursionError:
            # Parts within parts without an end are no answer.
            return
        if is_of_machine or not text:
            return
        with self._database.transaction() as session:
            for message_id in sorted(answered):
                receive(session, message_id, text=text)


def _own_words(mail: EmailMessage) -> str:
    """Return the plain text of a mail without the lines that it quotes."""
    part = mail.get_body(("plain",))
    try:
        text = plain(str(part.get_content())) if part else ""
    except (LookupError, ValueError):
        return ""
    # There are charsets that make halves of characters, which no database keeps.
    text = text.encode(errors="replace").decode()
    return "\n".join(line for line in text.splitlines() if not line.startswith(">")).strip()
