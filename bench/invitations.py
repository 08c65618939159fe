"""Invitations from the first bell to the last mail, beside a bare Dramatiq actor that writes nothing down.

Both read the same rows by the same statement, render the same templates and send by the same code, in as many processes
and threads, on one PostgreSQL that syncs every commit, one Valkey and one mail sink. Ours claims the job besides,
holds what it read, decides, stores the link, and writes down the delivery, its audit event and the end of the job;
the clock and the relay run beside it, as they do in use.
"""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import click
from dramatiq.broker import MessageProxy
from sqlalchemy import func, select, update

from bench.place import READY, Place, place
from bench.wire import Tap
from jobs.broker import connect, ring
from jobs.supervisor import work_commands
from models import Database, Job, JobStatus, Membership, now, settings
from models.job import HEAD_START
from tests.people import Person, make_team
from tests.process import until
from workflows.invite import invite

WARM_UP = 40
COUNTED = 50
PATIENCE = 240
Bell = Callable[[int, int], object]


def record(database: Database, admin: Person, count: int, *, about: str) -> list[tuple[int, int]]:
    """Invite people, each in a transaction of its own; return the ids of jobs and deliveries."""
    before = _last_job(database)
    for number in range(count):
        with database.transaction() as session:
            by = session.get_one(Membership, admin.membership_id)
            invite(session, by=by, email=f"{about}-{number}@people.example", name="Nora New", group="free")
    with database.transaction() as session:
        made = session.execute(select(Job.id, Job.arguments).where(Job.id > before).order_by(Job.id)).all()
        # Nobody is to ring for them before the clock runs.
        session.execute(update(Job).where(Job.id > before).values(ring_at=now() + timedelta(days=1)))
    return [(job_id, arguments["delivery_id"]) for job_id, arguments in made]


def send(here: Place, work: list[tuple[int, int]], commands: list[list[str]], ready: int, bell: Bell) -> float:
    """Return mails a second, from the first bell for warmed-up processes to the last mail at the sink."""
    with here.running(*commands, ready=READY, count=ready):
        _send_all(here, work[:WARM_UP], bell)
        return (len(work) - WARM_UP) / _send_all(here, work[WARM_UP:], bell)


def _send_all(here: Place, work: list[tuple[int, int]], bell: Bell) -> float:
    here.sink.forget()
    with here.database.transaction() as session:
        # As if recorded just now: the relay leaves the bell its head start.
        ids = [job_id for job_id, _ in work]
        session.execute(update(Job).where(Job.id.in_(ids), Job.ring_at.is_not(None)).values(ring_at=now() + HEAD_START))
    began = time.monotonic()
    for job_id, delivery_id in work:
        bell(job_id, delivery_id)
    until(lambda: here.sink.people.value >= len(work), what="the last mail", within=PATIENCE)
    took = here.sink.last_at.value - began
    until(lambda: here.sink.count.value >= len(work), what="the sink to count", within=1)
    assert here.sink.count.value == len(work), f"{here.sink.count.value} mails to {len(work)} people"
    return float(took)


def ours(here: Place, work: list[tuple[int, int]]) -> float:
    """Measure Guestlist, and see that it has written everything down."""
    broker = connect(settings().broker)
    commands = list(work_commands(settings()).values())
    rate = send(here, work, commands, settings().worker_processes, lambda job, _: ring(broker, job, "deliver"))
    with here.database.reading() as session:
        ids = [job_id for job_id, _ in work]
        done = select(func.count(Job.id)).where(Job.id.in_(ids), Job.status == JobStatus.DONE)
        assert session.scalar(done) == len(work)
    return rate


def bare(here: Place, work: list[tuple[int, int]]) -> float:
    """Measure the bare actor."""
    from bench.bare import send as actor  # noqa: PLC0415

    with here.database.transaction() as session:
        # Its mails are nobody else's to send: our relay would ring for them later.
        ids = [job_id for job_id, _ in work]
        session.execute(update(Job).where(Job.id.in_(ids)).values(status=JobStatus.DONE, ring_at=None))
    processes, threads = str(settings().worker_processes), str(settings().worker_threads)
    command = [sys.executable, "-m", "dramatiq", "bench.bare:broker", "--processes", processes, "--threads", threads]
    return send(here, work, [command], settings().worker_processes, lambda _, delivery: actor.send(delivery))


def count_traffic(admin: Person) -> None:
    """Print what one invitation costs the database, on either side, in a process that has warmed up."""
    import worker  # noqa: PLC0415
    from jobs.mail import deliver  # noqa: PLC0415

    web, jobs = Database(settings().database), worker.database
    taps = Tap(web), Tap(jobs)
    for about in ("cold", "warm"):
        with taps[0].counting() as recording:
            work = record(web, admin, COUNTED, about=about)
        with taps[1].counting() as carrying_out:
            for job_id, _ in work:
                message = MessageProxy(deliver.message(job_id))
                worker.doorbell.emit_before("process_message", message)
                deliver(job_id)
                worker.doorbell.emit_after("process_message", message)
    print(f"recording one:    {recording.each(COUNTED)}")
    print(f"carrying out one: {carrying_out.each(COUNTED)}")


def _last_job(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.coalesce(func.max(Job.id), 0))) or 0


@click.command()
@click.option("--count", default=2000, show_default=True, help="Invitations in each round.")
@click.option("--rounds", default=4, show_default=True)
def main(count: int, rounds: int) -> None:
    """Measure, and print the ratio."""
    with place() as here:
        admin = make_team(here.database).admin
        count_traffic(admin)
        pairs, recorded = [], []
        for number in range(rounds):
            began = time.monotonic()
            # Mails of their own for each: who comes second would find links that the first has stored.
            work = record(here.database, admin, 2 * (count + WARM_UP), about=f"round-{number}")
            recorded.append(len(work) / (time.monotonic() - began))
            order = (ours, bare) if number % 2 == 0 else (bare, ours)
            halves = work[: count + WARM_UP], work[count + WARM_UP :]
            rates = {measure.__name__: measure(here, half) for measure, half in zip(order, halves, strict=True)}
            pairs.append((rates["ours"], rates["bare"]))
            print(
                f"round {number + 1}: ours {rates['ours']:.0f}/s, bare {rates['bare']:.0f}/s, first {order[0].__name__}"
            )
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    print(f"recorded beforehand, one after the other: {statistics.median(recorded):.0f}/s")
    print(f"ours / bare, median of {rounds} pairs of {count} invitations: {ratio:.2f}")


if __name__ == "__main__":
    main()
