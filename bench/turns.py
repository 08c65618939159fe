"""Single invitations of one account while another imports very many: how long each waits, beside the limit.

All are wanted by the workflow that the form calls, and go by real worker processes, a clock and a relay to a mail
sink; a wait is from the wish to the commit that says the mail was sent.
"""

import statistics

import click
from sqlalchemy import func, select

from bench.place import READY, place
from jobs.bell import Bell
from jobs.broker import connect
from jobs.live import Live
from jobs.supervisor import work_commands
from models import Database, Job, JobStatus, Membership, now, settings
from tests.people import Person, make_team
from tests.process import until
from workflows.invite import invite

LIMIT_SECONDS = 2.0
AT_ONCE = 100
UNDER_WAY = 200


def bring_in(database: Database, admin: Person, count: int) -> int:
    """Invite very many, a hundred in a transaction; return the account's id."""
    for begin in range(0, count, AT_ONCE):
        with database.transaction() as session:
            by = session.get_one(Membership, admin.membership_id)
            for number in range(begin, min(begin + AT_ONCE, count)):
                invite(session, by=by, email=f"import-{number}@people.example", name="Ida Import", group="free")
    return by.account_id


def wait_of_one(database: Database, admin: Person, number: int) -> float:
    """Invite one person; return the seconds until their mail is sent."""
    with database.transaction() as session:
        by = session.get_one(Membership, admin.membership_id)
        invite(session, by=by, email=f"single-{number}@people.example", name="Sam Single", group="free")
        job = session.scalars(select(Job).where(Job.account_id == by.account_id).order_by(Job.id.desc())).first()
        assert job is not None
        wanted = job.id

    def sent() -> Job | None:
        with database.reading() as session:
            seen = session.get_one(Job, wanted)
            return seen if seen.status is JobStatus.DONE else None

    done = until(sent, what="a single invitation", within=60)
    assert done.finished_at is not None
    return (done.finished_at - done.created_at).total_seconds()


def left(database: Database, account_id: int) -> int:
    """Return how many jobs of the account wait."""
    with database.reading() as session:
        waiting = select(func.count(Job.id)).where(Job.account_id == account_id, Job.status == JobStatus.WAITING)
        return session.scalars(waiting).one()


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Invitations of the import.")
@click.option("--singles", default=20, show_default=True, help="Invitations of the other account.")
@click.option(
    "--database", "kind", type=click.Choice(["postgresql", "sqlite"]), default="postgresql", show_default=True
)
def main(count: int, singles: int, kind: str) -> None:
    """Measure, and print the longest wait beside the limit. Exits with 1 if that is more than 1."""
    with place(kind) as here:
        database = Database(settings().database)
        large, small = make_team(database), make_team(database)
        account_id = bring_in(database, large.admin, count)
        # From here on it rings as a web process does.
        database.on_commit(Bell(database, connect(settings().broker), Live(settings().redis)))
        with here.running(*work_commands(settings()).values(), ready=READY, count=settings().worker_processes):
            until(lambda: left(database, account_id) < count - UNDER_WAY, what="the import to be under way", within=120)
            began, before = now(), left(database, account_id)
            waits = [wait_of_one(database, small.admin, number) for number in range(singles)]
            rate = (before - (after := left(database, account_id))) / (now() - began).total_seconds()
            assert after > 0, f"the import of {count} ended before the single invitations did: too few"
        database.close()
    longest = max(waits) / LIMIT_SECONDS
    print(f"{kind}: import of {count}, {after} of them still waiting in the end, {rate:.0f}/s")
    print(f"single invitations: median {statistics.median(waits):.2f} s, longest {max(waits):.2f} s")
    print(f"longest wait / limit of {LIMIT_SECONDS:.0f} s: {longest:.2f}")
    raise SystemExit(longest > 1)


if __name__ == "__main__":
    main()
