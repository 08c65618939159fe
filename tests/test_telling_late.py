"""A notification whose transaction ends after a younger one's has been told is told all the same, and once (R22)."""

from sqlalchemy.orm import Session

from models import Message, MessageKind, Notification
from tests.listening import Stream, listening, resuming
from tests.people import Person
from tests.stack import Stack


def test_r22_what_is_committed_late_is_told_once(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser = stack.client(guest)
    with listening(browser) as stream:
        with stack.database.transaction() as slow:
            older = plant(slow, guest)
            younger = plant_beside(stack, guest)
            if younger:
                stream.wait("notification", within=10, id=younger)
        stream.wait("notification", within=10, id=older)
        last = plant_later(stack, guest, stream)
    assert told(stream) == [each for each in (younger, older, last) if each]


def test_r22_a_resumed_stream_tells_what_was_committed_late(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browser = stack.client(guest)
    with stack.database.transaction() as slow:
        older = plant(slow, guest)
        younger = plant_beside(stack, guest)
    with resuming(browser, younger or older - 1) as stream:
        stream.wait("notification", within=10, id=older)
        last = plant_later(stack, guest, stream)
    assert told(stream) == [older, last]


def plant(session: Session, person: Person) -> int:
    """Notify a person of a word to themselves, in the transaction at hand; return the notification's id."""
    mine = {"account_id": person.account_id, "author_id": person.membership_id}
    message = Message(kind=MessageKind.DIRECT, recipient_id=person.membership_id, text="Hello", **mine)
    session.add(message)
    session.flush()
    entry = Notification(account_id=person.account_id, membership_id=person.membership_id, message_id=message.id)
    session.add(entry)
    session.flush()
    return entry.id


def plant_beside(stack: Stack, person: Person) -> int:
    """Do so in a transaction that ends while another is open; 0 on SQLite, where nobody writes beside others."""
    if not stack.database.is_postgresql:
        return 0
    with stack.database.transaction() as session:
        return plant(session, person)


def plant_later(stack: Stack, person: Person, stream: Stream) -> int:
    """Do so, and wait until it was told: by then there was time to tell something twice."""
    with stack.database.transaction() as session:
        last = plant(session, person)
    stream.wait("notification", within=10, id=last)
    return last


def told(stream: Stream) -> list[int]:
    return [event.data["id"] for event in stream.events if event.name == "notification"]
