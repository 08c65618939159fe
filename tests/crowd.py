"""Many people in an account, in every group and in every state that Settings, Users tells apart."""

from datetime import timedelta
from itertools import cycle, islice, product

from sqlalchemy import insert

from models import (
    Database,
    Delivery,
    DeliveryStatus,
    Group,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    User,
    now,
)
from tests.people import Team

INVITED, ACTIVE, DELETED = MembershipStatus
PENDING, ACCEPTED, CANCELLED, _ = InvitationStatus
STATES = {
    "queued": (INVITED, PENDING, DeliveryStatus.QUEUED),
    "sent": (INVITED, PENDING, DeliveryStatus.SENT),
    "joined": (ACTIVE, ACCEPTED, DeliveryStatus.SENT),
    "bounced": (INVITED, PENDING, DeliveryStatus.BOUNCED),
    "failed": (INVITED, PENDING, DeliveryStatus.FAILED),
    "expired": (INVITED, PENDING, DeliveryStatus.SENT),
    "cancelled": (DELETED, CANCELLED, DeliveryStatus.CANCELLED),
    "removed": (DELETED, ACCEPTED, DeliveryStatus.SENT),
}
KINDS = tuple(product(STATES, Group))


def plant_crowd(database: Database, team: Team, many: int) -> dict[str, tuple[str, Group]]:
    """Seat so many people, whom the team's admin invited; return the state and the group of each address."""
    crowd = {f"n{number}@{team.slug}.example": kind for number, kind in enumerate(islice(cycle(KINDS), many))}
    own, by = {"account_id": team.id}, team.admin.membership_id
    kinds, late = [(group, state, *STATES[state]) for state, group in crowd.values()], now() - timedelta(hours=1)
    with database.transaction() as session:

        def rows(table: type[User | Membership | Invitation], values: list[dict[str, object]]) -> list[int]:
            return list(session.scalars(insert(table).returning(table.id, sort_by_parameter_order=True), values))

        users = rows(User, [{"email": email} for email in crowd])
        seats = [
            {**own, "user_id": user, "group": group, "status": status, "sponsor_id": by}
            for user, (group, _, status, *_) in zip(users, kinds, strict=True)
        ]
        about = zip(rows(Membership, seats), crowd, kinds, strict=True)
        asked = [
            {**own, "membership_id": seat, "inviter_id": by, "email_typed": email, "status": status}
            | {"expires_at": late if state == "expired" else now() + timedelta(days=1)}
            for seat, email, (_, state, _, status, _) in about
        ]
        mailed = zip(rows(Invitation, asked), crowd, kinds, strict=True)
        mails = [
            {**own, "invitation_id": invitation, "to_address": email, "mail_id": f"<{email}>", "status": status}
            for invitation, email, (*_, status) in mailed
        ]
        session.execute(insert(Delivery), mails)
    return crowd
