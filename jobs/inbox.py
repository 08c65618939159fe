"""Takes in what comes back by mail to the addresses that our mails name: answers (R32), and notices (R72)."""

from collections.abc import Sequence

from jobs.notices import notice_in
from jobs.words import Letter, read
from models import Database
from workflows.bounce import bounce, delay
from workflows.receive import receive
from workflows.tokens import delivery_bounced, digest, message_answered

LARGEST_MAIL = 10 * 1024 * 1024


class Inbox:
    """Takes mail in; what is not addressed to one of our messages or mails is left alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def knows(self, address: str) -> bool:
        """Return whether one of our mails has named this address."""
        return message_answered(address) is not None or delivery_bounced(address) is not None

    def take(self, sender: str | None, recipients: Sequence[str], content: bytes) -> None:
        """Take one mail in, as it came over the wire; its Return-Path names the sender where the envelope does not.

        Taking the same mail again changes nothing. Raises Unreadable.
        """
        if not any(map(self.knows, recipients)):
            return
        mail = read(content)
        for each in recipients:
            message_id, delivery_id = message_answered(each), delivery_bounced(each)
            if delivery_id is not None:
                self._note(delivery_id, mail)
            elif message_id is not None and not mail.is_of_machine(mail.return_path if sender is None else sender):
                self._thread(message_id, mail)

    def _note(self, delivery_id: int, mail: Letter) -> None:
        notice = notice_in(mail)
        if notice is not None:
            with self._database.transaction() as session:
                (bounce if notice.is_final else delay)(session, delivery_id, words=notice.words)

    def _thread(self, message_id: int, mail: Letter) -> None:
        text, left_out = mail.own_words, mail.attachments
        if text or left_out:
            once = digest(f"{message_id}\0{mail.id}\0{text}")
            with self._database.transaction() as session:
                receive(session, message_id, text=text, left_out=left_out, once=once)
