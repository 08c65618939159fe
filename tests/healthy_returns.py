"""People of a healthy world who came back after a removal, each in a way that looks almost like a breach."""

from datetime import timedelta

from sqlalchemy import update

from models import Database, Membership, now
from tests.people import make_guest
from tests.rows import World, invitation_to, share
from workflows.cascade import advance_removal
from workflows.restore import restore_access
from workflows.revoke import remove
from workflows.undo import undo_removal

LONG_AGO = timedelta(days=200)


def returned(database: Database, world: World) -> None:
    """One whose removal was undone, long quiet, and one who was invited again with what they had."""
    undone, again, quiet = (make_guest(database, world.team) for _ in range(3))
    with database.transaction() as session:
        admin = session.get_one(Membership, world.team.admin.membership_id)
        for each in (undone, again):
            share(session, world, each)
        removals = [remove(session, [each.membership_id], by=admin) for each in (undone, again, quiet)]
        for each in removals:
            assert not advance_removal(session, each.id)
        for each in (removals[0], removals[2]):
            undo_removal(session, each.id, by=admin)
        restore_access(session, invitation_to(session, world.team, again.email).membership, by=admin)
        old = now() - LONG_AGO
        long_quiet = {"created_at": old, "activated_at": old, "seen_at": old}
        session.execute(update(Membership).where(Membership.id == quiet.membership_id).values(**long_quiet))
