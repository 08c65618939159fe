"""No job is lost to a killed worker, to an emptied, restarted or silent broker, or to what others put into it."""

import json
import socket
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from jobs.bell import Bell
from jobs.broker import SOCKET_TIMEOUT, connect
from jobs.live import Live
from models import Database, Job, JobStatus, enqueue, now
from tests.process import until
from tests.yard import THREADS, Yard


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


def test_g2_a_worker_asked_to_end_finishes_what_it_can_and_hands_back_the_rest(yard: Yard) -> None:
    short, long = yard.want("doze"), yard.want("dawdle")
    for job in (short, long):
        until(lambda job=job: yard.see(job).status == JobStatus.RUNNING, what=f"{job.actor} to run")
    yard.processes["worker"].stop()

    assert (yard.see(short).status, yard.effects(short)) == (JobStatus.DONE, 1)
    assert (yard.see(long).status, yard.see(long).attempts, yard.effects(long)) == (JobStatus.WAITING, 0, 0)
    yard.start("worker")
    done = yard.ended(long)
    assert (done.status, done.attempts, yard.effects(done)) == (JobStatus.DONE, 1, 1)


def test_g2_messages_that_are_no_bells_stop_nobody(yard: Yard) -> None:
    job = yard.want("note", not_before=now() + timedelta(seconds=2))
    bell = {"queue_name": "default", "actor_name": "note", "args": [job.id], "kwargs": {}, "options": {}}
    bell |= {"message_id": "poison", "message_timestamp": 0}
    mine = {"options": {"redis_message_id": "poison"}}
    poison = [
        "not JSON",
        "[1, 2]",
        "{}",
        "\udcff".encode("utf-8", "surrogateescape"),
        *(
            json.dumps(bell | changed)
            for changed in (
                {},
                mine | {"queue_name": "elsewhere"},
                mine | {"args": []},
                mine | {"args": ["one"]},
                mine | {"args": [None, 2]},
                mine | {"kwargs": {"number": 1}},
                mine | {"actor_name": "nobody"},
                mine | {"actor_name": "nobody", "args": []},
            )
        ),
    ]
    for number, message in enumerate(poison * THREADS):
        yard.broker.client.hset("dramatiq:default.msgs", f"poison-{number}", message)
        yard.broker.client.rpush("dramatiq:default", f"poison-{number}")
    neighbours = [yard.want("note") for _ in range(2 * THREADS)]

    assert {yard.ended(each).status for each in [*neighbours, job]} == {JobStatus.DONE}
    assert yard.see(job).attempts == 1
    worker = yard.processes["worker"]
    assert worker.is_running
    assert worker.has_said("cannot be read")
    assert worker.has_said("names no job")
