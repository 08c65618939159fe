"""The plainest way to send the same mails: a Dramatiq actor that reads, renders and sends, and writes nothing down."""

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from jobs import mailer
from models import Database, now, settings
from workflows.compose import compose_invitation
from workflows.deliver import FOUND

broker = RedisBroker(url=settings().broker, namespace="bare")
database = Database(settings().database)


@dramatiq.actor(broker=broker)
def send(delivery_id: int) -> None:
    """Send the mail of one invitation."""
    at = now()
    with database.reading() as session:
        row = session.connection().execute(FOUND, {"delivery_id": delivery_id, "at": at}).one()
        letter = compose_invitation(session, row, at=at).letter
    mailer.send(letter)
