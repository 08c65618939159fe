"""A recorded job is carried out once, whatever happens to workers, broker and messages."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, update

from jobs.bell import Bell
from jobs.broker import SOCKET_TIMEOUT, connect, ring
from jobs.ledger import Ledger, Overtaken
from jobs.live import Live
from models import AuditEvent, Database, Event, Job, JobStatus, enqueue, now
from models.job import HEAD_START
from models.settings import PREFIX, load
from tests.conftest import DATABASES, Create
from tests.process import Process, until

ATTEMPTS = 3
NEVER = "0 0 1 1 *"
HURRY = {
    "job_attempts": ATTEMPTS,
    "job_pause_seconds": 0.1,
    "job_lease_seconds": 5,
    "relay_seconds": 0.1,
    **dict.fromkeys(("sweep_access_cron", "sweep_invitations_cron", "sweep_work_cron", "expire_cron"), NEVER),
}
numbers = count(1)


class Yard:
    """One worker, a relay and a Valkey, as processes of their own; the test is who records jobs."""

    def __init__(self, database_url: str, home: Path) -> None:
        self.settings = load(data_dir=home, database_url=database_url, **HURRY)
        self.database = Database(database_url)
        self.ledger = Ledger(self.database, self.settings)
        self.broker = connect(self.settings.broker)
        self.bell = Bell(self.database, self.broker, Live(self.settings.redis))
        self.database.on_commit(self.bell)
        env = {**os.environ, f"{PREFIX}DATA_DIR": str(home), f"{PREFIX}DATABASE_URL": database_url}
        env |= {PREFIX + name.upper(): str(value) for name, value in HURRY.items()}
        env |= {"PYTHONPATH": str(Path(__file__).parent.parent), "dramatiq_restart_delay": "200"}
        commands = {
            "valkey": ["jobs.embedded"],
            "worker": ["dramatiq", "tests.job_actors", "--processes", "1", "--threads", "3", "--skip-logging"],
            "clock": ["worker"],
        }
        self.processes = {
            name: Process(sys.executable, "-m", *command, env=env, log=home / f"{name}.log")
            for name, command in commands.items()
        }

    def start(self, *names: str) -> None:
        for name in names:
            self.processes[name].start()

    def close(self) -> None:
        self.bell.close()
        for each in reversed(self.processes.values()):
            each.stop()
        self.database.engine.dispose()

    def want(self, actor: str, **known: object) -> Job:
        with self.database.transaction() as session:
            return enqueue(session, actor, number=next(numbers), **known)

    def ended(self, job: Job, *, within: float = 60) -> Job:
        """Wait until the job is done or dead; return it as it is then."""

        def look() -> Job | None:
            seen = self.see(job)
            return seen if seen.status in (JobStatus.DONE, JobStatus.DEAD) else None

        return until(look, what=f"the end of {job.actor}", within=within)

    def see(self, job: Job) -> Job:
        with self.database.reading() as session:
            return session.get_one(Job, job.id)

    def effects(self, job: Job, event: Event = Event.CARD_CREATED) -> int:
        mine = select(func.count(AuditEvent.id)).where(
            AuditEvent.object_id == job.arguments["number"], AuditEvent.event == event
        )
        with self.database.reading() as session:
            return session.scalar(mine) or 0


@pytest.fixture(scope="module", params=DATABASES)
def yard(
    request: pytest.FixtureRequest, create: Callable[[str], Create], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    running = Yard(create(request.param)("jobs"), tmp_path_factory.mktemp("yard"))
    running.start("valkey")
    try:
        until(running.settings.valkey_socket.exists, what="Valkey", within=60)
        running.start("worker", "clock")
        # Not before it has done something is the worker known to be there.
        running.ended(running.want("note"))
        yield running
    finally:
        running.close()


def test_a_job_is_done_soon_after_its_commit(yard: Yard) -> None:
    done = yard.ended(yard.want("note"))

    assert (done.status, done.attempts, done.ring_at) == (JobStatus.DONE, 1, None)
    assert done.finished_at - done.created_at < HEAD_START


def test_g3_five_messages_do_a_job_once(yard: Yard) -> None:
    jobs = [yard.want("note") for _ in range(20)]
    for _ in range(4):
        for job in jobs:
            ring(yard.broker, job.id, job.actor)
    for job in jobs:
        yard.ended(job)
    until(lambda: yard.broker.do_qsize("default") == 0, what="every message to be taken")

    assert [yard.effects(job) for job in jobs] == [1] * len(jobs)
    assert {yard.see(job).attempts for job in jobs} == {1}


def test_g2_a_killed_worker_leaves_its_job_to_the_relay(yard: Yard) -> None:
    job = yard.want("linger")
    until(lambda: yard.see(job).status == JobStatus.RUNNING, what="the job to run", within=60)
    yard.processes["worker"].kill()
    assert yard.effects(job) == 0
    yard.start("worker")

    done = yard.ended(job)
    assert (done.status, done.attempts, yard.effects(job)) == (JobStatus.DONE, 2, 1)


def test_g2_an_emptied_broker_loses_nothing(yard: Yard) -> None:
    yard.processes["worker"].stop()
    jobs = [yard.want("note") for _ in range(20)]
    until(lambda: yard.broker.depth() >= len(jobs), what="the bell")
    yard.broker.client.flushall()
    with yard.database.transaction() as session:
        session.execute(update(Job).where(Job.id.in_([job.id for job in jobs])).values(ring_at=now()))
    yard.start("worker")

    assert [yard.ended(job).status for job in jobs] == [JobStatus.DONE] * len(jobs)
    assert [yard.effects(job) for job in jobs] == [1] * len(jobs)


def test_g2_a_restarted_broker_finds_its_workers_again(yard: Yard) -> None:
    yard.processes["valkey"].kill()
    started = time.monotonic()
    job = yard.want("note")
    assert time.monotonic() - started < SOCKET_TIMEOUT
    with yard.database.transaction() as session:
        session.execute(update(Job).where(Job.id == job.id).values(ring_at=now()))
    yard.start("valkey")

    assert yard.ended(job).status == JobStatus.DONE


def test_a_failing_job_is_tried_again_then_dead_and_its_workflow_told(yard: Yard) -> None:
    dead = yard.ended(yard.want("stumble"))

    assert (dead.status, dead.attempts, dead.ring_at) == (JobStatus.DEAD, ATTEMPTS, None)
    assert dead.last_error.endswith(f"ValueError: stumbled over {dead.arguments['number']}\n")
    assert yard.effects(dead) == 0
    assert yard.effects(dead, Event.DELIVERY_FAILED) == 1


def test_a_refusal_is_never_tried_again(yard: Yard) -> None:
    dead = yard.ended(yard.want("refuse"))

    assert (dead.status, dead.attempts) == (JobStatus.DEAD, 1)
    assert yard.effects(dead, Event.DELIVERY_FAILED) == 1


def test_trouble_that_does_not_count_uses_up_no_attempt(yard: Yard) -> None:
    done = yard.ended(yard.want("wait_out"))

    assert (done.status, done.attempts, yard.effects(done)) == (JobStatus.DONE, 1, 1)


def test_a_job_goes_on_batch_by_batch(yard: Yard) -> None:
    done = yard.ended(yard.want("go_on"))

    assert (done.status, done.attempts, yard.effects(done)) == (JobStatus.DONE, 1, 4)
    assert done.finished_at - done.created_at < HEAD_START


def test_what_is_yielded_runs_outside_any_transaction(yard: Yard) -> None:
    done = yard.ended(yard.want("fetch"))

    assert (done.status, done.attempts, yard.effects(done)) == (JobStatus.DONE, 1, 2)


def test_what_takes_too_long_is_interrupted_within_its_lease(yard: Yard) -> None:
    done = yard.ended(yard.want("dawdle"))

    assert (done.status, done.attempts, yard.effects(done)) == (JobStatus.DONE, 2, 1)
    assert "TimeLimitExceeded" in done.last_error


def test_a_job_whose_actor_is_gone_is_dead_not_lost(yard: Yard) -> None:
    dead = yard.ended(yard.want("vanished"))

    assert (dead.status, dead.last_error) == (JobStatus.DEAD, "There is no actor 'vanished'.")


def test_a_delayed_job_waits_for_its_time(yard: Yard) -> None:
    job = yard.want("note", not_before=now() + timedelta(seconds=1))
    ring(yard.broker, job.id, job.actor)

    assert yard.ended(job).started_at >= job.not_before - timedelta(seconds=1)


def test_two_relays_ring_for_each_job_once(database: Database) -> None:
    ledger = Ledger(database, load(**HURRY))
    with database.transaction() as session:
        jobs = [enqueue(session, "note", number=number) for number in range(200)]
        for job in jobs:
            job.ring_at = now()

    def look(_: int) -> list[int]:
        with database.transaction() as session:
            return [job_id for job_id, _ in ledger.overdue(session, 30)]

    with ThreadPoolExecutor(2) as relays:
        rung = [job_id for looked in relays.map(look, range(40)) for job_id in looked]

    assert sorted(rung) == [job.id for job in jobs]


def test_g3_an_overtaken_worker_changes_nothing(database: Database) -> None:
    ledger = Ledger(database, load(**HURRY))
    with database.transaction() as session:
        job = enqueue(session, "note", number=1)
    stale = ledger.claim(job.id)
    with database.transaction() as session:
        session.execute(update(Job).values(ring_at=now()))
        assert ledger.release(session, 10) == [("note", {"number": 1}, JobStatus.WAITING)]
    fresh = ledger.claim(job.id)

    for end in (ledger.finish, ledger.go_on, lambda session, claim: ledger.fail(session, claim, ValueError())):
        with pytest.raises(Overtaken), database.transaction() as session:
            end(session, stale)
    with database.transaction() as session:
        ledger.finish(session, fresh)
    assert ledger.claim(job.id) is None


def test_a_job_that_kills_its_workers_is_dead_in_the_end(database: Database) -> None:
    ledger = Ledger(database, load(**HURRY))
    with database.transaction() as session:
        job = enqueue(session, "note", number=1)
    seen = []
    for _ in range(ATTEMPTS):
        assert ledger.claim(job.id)
        with database.transaction() as session:
            session.execute(update(Job).values(ring_at=now()))
            seen += [status for _, _, status in ledger.release(session, 10)]

    assert seen == [JobStatus.WAITING] * (ATTEMPTS - 1) + [JobStatus.DEAD]


def test_pauses_double_to_an_hour(database: Database) -> None:
    ledger = Ledger(database, load(job_attempts=100, job_pause_seconds=5))
    with database.transaction() as session:
        job = enqueue(session, "note", number=1)
    pauses = []
    for _ in range(13):
        claim = ledger.claim(job.id)
        with database.transaction() as session:
            ledger.fail(session, claim, ValueError())
        with database.transaction() as session:
            waiting = session.get_one(Job, job.id)
            pauses.append((waiting.not_before - now()).total_seconds())
            waiting.not_before = now()

    for number, pause in enumerate(pauses):
        assert pause == pytest.approx(min(5 * 2**number, 3600), rel=0.21)


def test_a_commit_never_waits_for_a_silent_broker(database: Database, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        url = f"unix://{tmp_path / 's'}"
        bell = Bell(database, connect(url), Live(url))
        database.on_commit(bell)
        started = time.monotonic()
        for number in range(10):
            with database.transaction() as session:
                enqueue(session, "note", number=number)
        assert time.monotonic() - started < SOCKET_TIMEOUT
    bell.close()


def test_tidy_forgets_what_killed_workers_had_fetched(yard: Yard) -> None:
    client = yard.broker.client
    long_ago = (time.time() - 7200) * 1000
    client.zadd("dramatiq:__heartbeats__", {"gone": long_ago})
    client.sadd("dramatiq:__acks__.gone.default", "m1")
    client.hset("dramatiq:default.msgs", "m1", "{}")
    yard.broker.tidy()

    assert client.zscore("dramatiq:__heartbeats__", "gone") is None
    assert not client.exists("dramatiq:__acks__.gone.default")
    assert not client.hexists("dramatiq:default.msgs", "m1")


def test_the_supervisor_raises_the_fallen_and_ends_them_all(tmp_path: Path) -> None:
    program = "from jobs.supervisor import supervise; supervise({'a': ['sleep', '600'], 'b': ['sleep', '600']})"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    supervisor = Process(sys.executable, "-c", program, env=env, log=tmp_path / "log").start()
    children = until(lambda: len(supervisor.tree()) == 2 and supervisor.tree(), what="two children")
    children[0].kill()
    again = until(lambda: [each for each in _alive(supervisor.tree()) if each not in children], what="a third")
    assert supervisor.stop(within=20) == 0

    until(lambda: not _alive([*children, *again]), what="all children to end")


def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    program = "from jobs.supervisor import supervise; supervise({'a': ['sleep', '600']})"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    supervisor = Process(sys.executable, "-c", program, env=env, log=tmp_path / "log").start()
    children = until(lambda: [each for each in supervisor.tree() if each.name() == "sleep"], what="the child")
    supervisor.inner.send_signal(signal.SIGKILL)
    supervisor.inner.wait()

    until(lambda: not _alive(children), what="the child to end")


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
