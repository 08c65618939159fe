"""One table decides who may do what; pages, routes and documentation are made from it (SPEC section 4)."""

from enum import StrEnum

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from models import Card, Grant, Group, Membership, MembershipStatus, now
from workflows.refusals import AccessEnded, Forbidden, NotFound, Refusal


class Role(StrEnum):
    """What somebody is, seen from one account and, where there is one, one card."""

    ANONYMOUS = "anonymous"
    PERSON = "person"
    GUEST = "guest"
    PARTICIPANT = "participant"
    MEMBER = "member"
    ADMIN = "admin"
    OPERATOR = "operator"


class Action(StrEnum):
    """What can be done."""

    SIGN_IN = "sign_in"
    CHECK_HEALTH = "check_health"
    READ_DEV_MAIL = "read_dev_mail"
    USE_NOTIFICATIONS = "use_notifications"
    JOIN = "join"
    KEEP_SIGN_INS = "keep_sign_ins"
    READ_CARD = "read_card"
    CHAT = "chat"
    WRITE_CONTACT = "write_contact"
    READ_DIRECT = "read_direct"
    WRITE_DIRECT = "write_direct"
    BROWSE = "browse"
    CREATE_CARD = "create_card"
    EDIT_FIELDS = "edit_fields"
    WRITE_NOTES = "write_notes"
    USE_TASKS = "use_tasks"
    GRANT = "grant"
    REVOKE_GRANT = "revoke_grant"
    READ_CONTACT = "read_contact"
    EDIT_CONTACT = "edit_contact"
    DELETE_CARD = "delete_card"
    INVITE = "invite"
    SET_END = "set_end"
    ASK_EXTENSION = "ask_extension"
    REVIEW = "review"
    REVIEW_ALL = "review_all"
    REMOVE = "remove"
    AUDIT = "audit"
    SWEEP = "sweep"
    OPERATE = "operate"


_EVERYBODY = frozenset(Role)
_PEOPLE = _EVERYBODY - {Role.ANONYMOUS}
_STAFF = frozenset({Role.MEMBER, Role.ADMIN})
_ON_CARD = _STAFF | {Role.PARTICIPANT}
_ADMINS = frozenset({Role.ADMIN})

TABLE: dict[Action, frozenset[Role]] = {
    Action.SIGN_IN: _EVERYBODY,
    Action.CHECK_HEALTH: _EVERYBODY,
    Action.READ_DEV_MAIL: _EVERYBODY,
    Action.USE_NOTIFICATIONS: _PEOPLE,
    Action.JOIN: _PEOPLE,
    Action.KEEP_SIGN_INS: _PEOPLE,
    Action.READ_CARD: _ON_CARD,
    Action.CHAT: _ON_CARD,
    Action.WRITE_CONTACT: _ON_CARD,
    Action.READ_DIRECT: _ON_CARD | {Role.GUEST},
    Action.WRITE_DIRECT: _ON_CARD | {Role.GUEST},
    Action.BROWSE: _STAFF,
    Action.CREATE_CARD: _STAFF,
    Action.EDIT_FIELDS: _STAFF,
    Action.WRITE_NOTES: _STAFF,
    Action.USE_TASKS: _STAFF,
    Action.GRANT: _STAFF,
    Action.REVOKE_GRANT: _STAFF,
    Action.READ_CONTACT: _STAFF,
    Action.EDIT_CONTACT: _STAFF,
    Action.DELETE_CARD: _STAFF,
    Action.INVITE: _ADMINS,
    Action.SET_END: _ADMINS,
    Action.ASK_EXTENSION: frozenset({Role.GUEST, Role.PARTICIPANT}),
    Action.REVIEW: _STAFF,
    Action.REVIEW_ALL: _ADMINS,
    Action.REMOVE: _ADMINS,
    Action.AUDIT: _ADMINS,
    Action.SWEEP: _ADMINS,
    Action.OPERATE: frozenset({Role.OPERATOR}),
}

# What documentation prints.
SENTENCES: dict[Action, str] = {
    Action.SIGN_IN: "sign in, activate, reset a password, unsubscribe",
    Action.CHECK_HEALTH: "ask whether the service is well",
    Action.READ_DEV_MAIL: "read the embedded mail server's mail, while it is in use",
    Action.USE_NOTIFICATIONS: "use the own notification center and choose an account",
    Action.JOIN: "accept an invitation addressed to oneself",
    Action.KEEP_SIGN_INS: "see and end the own sign-ins, change the own password",
    Action.READ_CARD: "see all fields and notes of the card",
    Action.CHAT: "write in the card's internal chat",
    Action.WRITE_CONTACT: "write to the card's contact",
    Action.READ_DIRECT: "read the own direct chats, also with people who were removed since",
    Action.WRITE_DIRECT: "write in direct chat",
    Action.BROWSE: "open lists of leads, customers, contacts and companies",
    Action.CREATE_CARD: "create a lead or customer",
    Action.EDIT_FIELDS: "edit a card's fields",
    Action.WRITE_NOTES: "write notes",
    Action.USE_TASKS: "see and set tasks",
    Action.GRANT: "give guests access to a card",
    Action.REVOKE_GRANT: "take a guest's access to a card away",
    Action.READ_CONTACT: "see fields of contacts and companies",
    Action.EDIT_CONTACT: "create and edit contacts and companies",
    Action.DELETE_CARD: "delete a card",
    Action.INVITE: "see users, invite, resend and cancel",
    Action.SET_END: "set until when a guest has access",
    Action.ASK_EXTENSION: "ask for more time than the own end date gives",
    Action.REVIEW: "keep or end the access of guests whom one invited, in a review",
    Action.REVIEW_ALL: "the same of every guest",
    Action.REMOVE: "delete users, and undo that",
    Action.AUDIT: "read the audit record",
    Action.SWEEP: "run sweeps and repair findings",
    Action.OPERATE: "see, replay, discard and pause the jobs of all accounts, and see what was detected of invitees",
}


def may(role: Role, action: Action) -> bool:
    """Return whether the table allows it. What the table does not know is refused (G7)."""
    return role in TABLE.get(action, frozenset())


def permit(session: Session, by: Membership, action: Action, *, card: Card | None = None) -> Role:
    """Return the role in which `by` may do this in their account, on `card` where one is given.

    Raises AccessEnded for a membership that is over, NotFound for a card they cannot see, else Forbidden.
    """
    if not is_in_force(by):
        raise AccessEnded
    if card is not None and (card.account_id != by.account_id or card.deleted_at is not None):
        raise NotFound
    role = role_on(session, by, card)
    if card is not None and not may(role, Action.READ_CARD):
        raise NotFound
    if not may(role, action):
        raise Forbidden
    return role


def is_permitted(session: Session, by: Membership, action: Action, *, card: Card | None = None) -> bool:
    """Return whether `permit` would let them."""
    try:
        permit(session, by, action, card=card)
    except Refusal:
        return False
    return True


def is_in_force(membership: Membership) -> bool:
    """Return whether the membership gives any access now: active, within its end date, its account open."""
    ends_at = membership.ends_at
    return (
        membership.status is MembershipStatus.ACTIVE
        and (ends_at is None or ends_at > now())
        and membership.account.closed_at is None
    )


def role_on(session: Session, membership: Membership, card: Card | None = None) -> Role:
    """Return the membership's role; a guest is a participant where they hold an open grant on the card."""
    if membership.group is not Group.FREE:
        return Role(membership.group.value)
    return Role.PARTICIPANT if card is not None and participates(session, membership, card) else Role.GUEST


def participates(session: Session, membership: Membership, card: Card) -> bool:
    """Return whether the membership holds a grant on the card that is open now."""
    held = select(Grant.id).where(Grant.membership_id == membership.id, Grant.card_id == card.id, Grant.is_open(now()))
    return bool(session.scalar(select(exists(held))))
