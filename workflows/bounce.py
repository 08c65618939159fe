"""Take note of what mail servers report about a mail that has left: it came back, or is late (R72)."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models import Account, Delivery, DeliveryStatus, Event, NewsKind, announce, now, record
from models.language import gettext, speaking
from workflows.receive import receive

LONGEST_WORDS = 500
TOLD = (Delivery.account_id, Delivery.invitation_id, Delivery.message_id, Delivery.to_address)
LEFT = (DeliveryStatus.SENDING, DeliveryStatus.SENT)


def bounce(session: Session, delivery_id: int, *, words: str) -> bool:
    """Mark a mail that has left as bounced, with the server's words; return False where it has not, or is already."""
    came_back = update(Delivery).where(Delivery.id == delivery_id, Delivery.status.in_(LEFT))
    ended = {"status": DeliveryStatus.BOUNCED, "ended_at": now(), "last_error": words[:LONGEST_WORDS]}
    row = session.execute(came_back.values(**ended).returning(*TOLD)).one_or_none()
    if row is None:
        return False
    record(session, Event.DELIVERY_BOUNCED, delivery_id, account_id=row.account_id, outcome=words[:200])
    if row.invitation_id is not None:
        announce(session, NewsKind.USERS, account_id=row.account_id)
    if row.message_id is not None:
        # Whoever wrote to a contact reads it where they wrote.
        with speaking(session.get_one(Account, row.account_id).language):
            said = gettext("[This mail did not reach %(address)s: %(words)s]", address=row.to_address, words=words)
        receive(session, row.message_id, text=said)
    return True


def delay(session: Session, delivery_id: int, *, words: str) -> None:
    """Record that a mail which has left is late. It may still arrive: nothing else changes."""
    left = session.execute(
        select(Delivery.account_id).where(Delivery.id == delivery_id, Delivery.status.in_(LEFT))
    ).one_or_none()
    if left is not None:
        record(session, Event.DELIVERY_DELAYED, delivery_id, account_id=left.account_id, outcome=words[:200])
