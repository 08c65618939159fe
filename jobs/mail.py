"""The actor that delivers mails."""

from collections.abc import Callable, Generator
from datetime import timedelta

from sqlalchemy.orm import Session

from jobs import mailer
from jobs.durable import durable
from models import Writes
from workflows.compose import Letter
from workflows.deliver import Outcome, give_up, prepare, settle


# As long as mail servers try among themselves.
@durable(within=timedelta(days=5), on_dead=give_up, throws=(mailer.MailTrouble,))
def deliver(session: Session, *, delivery_id: int) -> Generator[Callable[[], Outcome], Outcome, list[Writes] | None]:
    """Send one mail, if it is still wanted, between two transactions."""
    letter = prepare(session, delivery_id)
    if letter is None:
        return None
    outcome = yield _sending(letter)
    return settle(delivery_id, outcome, letter)


def _sending(letter: Letter) -> Callable[[], Outcome]:
    return lambda: mailer.send(letter)
