"""Delivering mails in this process, as the actor does, to a real mail server."""

import re
from email.message import EmailMessage

from sqlalchemy import select

from jobs import mailer
from models import (
    Database,
    Delivery,
    DeliveryStatus,
    write,
)
from workflows.deliver import prepare, settle

BASE = "https://guests.example"
NEW = "new@partner.example"


def deliver(database: Database, delivery_id: int) -> DeliveryStatus:
    """Do what the actor does, and return what became of the mail."""
    with database.transaction() as session:
        letter = prepare(session, delivery_id)
    if letter is not None:
        outcome = mailer.send(letter)
        with database.transaction() as session:
            write(session, *settle(delivery_id, outcome, letter))
    return row(database, delivery_id).status


def row(database: Database, delivery_id: int) -> Delivery:
    with database.reading() as session:
        return session.get_one(Delivery, delivery_id)


def newest(database: Database) -> int:
    with database.reading() as session:
        return session.scalars(select(Delivery.id).order_by(Delivery.id.desc()).limit(1)).one()


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def link_in(mail: EmailMessage, path: str) -> str:
    """Return the token of the one link to a path, which both parts of the mail hold."""
    found = set(re.findall(rf"{BASE}{path}/([\w.-]+)", part(mail, "plain")))
    assert found and found <= set(re.findall(rf"{BASE}{path}/([\w.-]+)", part(mail, "html")))
    return found.pop()
