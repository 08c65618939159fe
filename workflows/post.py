"""Put a mail in the queue: its record and its job, in the caller's transaction."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from models import Template, enqueue, insert_or_hold, settings
from models.delivery import DIGEST


def post(
    session: Session,
    *,
    to: str,
    template: Template | None,
    account_id: int | None = None,
    not_before: datetime | None = None,
    **about: int | None,
) -> None:
    """Queue one mail, unless the same digest is queued already.

    `about` names the rows that it is about: membership_id, invitation_id, card_id, message_id.
    """
    mail_id = f"<{uuid4()}@{settings().mail_domain}>"
    values = {"to_address": to, "template": template, "account_id": account_id, "mail_id": mail_id, **about}
    # One that is queued already is held: whoever is about to send it sends what this transaction adds, too.
    mail = insert_or_hold(session, DIGEST, **values)
    if mail.mail_id == mail_id:
        enqueue(session, "deliver", account_id=account_id, not_before=not_before, delivery_id=mail.id)
