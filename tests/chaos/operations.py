"""All that drivers do, and how often each is chosen; what becomes possible later is one line more."""

from tests.chaos.cards import create, grant, read, revoke, talk
from tests.chaos.driver import Operation
from tests.chaos.seats import accept, cancel, invite, remove, resend, undo

OPERATIONS: dict[str, tuple[int, Operation]] = {
    "invite": (16, invite),
    "accept": (18, accept),
    "resend": (3, resend),
    "cancel": (3, cancel),
    "grant": (20, grant),
    "talk": (12, talk),
    "read": (8, read),
    "revoke": (8, revoke),
    "remove": (8, remove),
    "undo": (5, undo),
    "create card": (2, create),
}
