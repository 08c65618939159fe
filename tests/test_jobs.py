"""A recorded job is carried out once, and what fails is tried again, given up, or put off."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, update

from guestlist import cli
from jobs.broker import ring
from models import Event, Job, JobStatus, Pause, enqueue, now
from models.job import HEAD_START
from tests.process import until
from tests.yard import ATTEMPTS, Yard


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


def test_r73_a_dead_letter_tells_its_arguments_and_traceback_and_is_replayed_or_discarded_by_command(
    yard: Yard,
) -> None:
    dead = [yard.ended(yard.want(actor)) for actor in ("stumble", "vanished")]
    shown = {each["id"]: each for each in json.loads(said(yard, "list", "--state", "dead", "--json"))["jobs"]}
    stumbled, vanished = (shown[job.id] for job in dead)
    assert stumbled["arguments"] == {"number": dead[0].arguments["number"]}
    assert f"ValueError: stumbled over {dead[0].arguments['number']}" in stumbled["last_error"]
    assert "tests/job_actors.py" in stumbled["last_error"]
    assert vanished["last_error"] == "There is no actor 'vanished'."

    ids = [str(job.id) for job in dead]
    assert said(yard, "replay", *ids) == "2 replayed."
    # Nothing has been mended: both are dead again, and neither is lost.
    assert [(yard.ended(job).status, yard.see(job).attempts) for job in dead] == [
        (JobStatus.DEAD, ATTEMPTS),
        (JobStatus.DEAD, 0),
    ]
    assert said(yard, "discard", *ids) == "2 discarded."
    assert {yard.see(job).status for job in dead} == {JobStatus.DISCARDED}


@pytest.mark.parametrize("given", [{}, {"number": "one"}, {"number": 1, "other": 2}], ids=str)
def test_a_job_with_arguments_of_another_kind_is_dead_at_once_and_says_why(
    yard: Yard, given: dict[str, object]
) -> None:
    with yard.database.transaction() as session:
        job = enqueue(session, "note", **given)
    dead = yard.ended(job)
    assert (dead.status, dead.attempts) == (JobStatus.DEAD, 1)
    assert "WrongArguments: ('note', " in dead.last_error
    assert ("other: " if "other" in given else "number: ") in dead.last_error


def test_r73_every_kind_is_paused_and_resumed_by_command(yard: Yard) -> None:
    assert said(yard, "pause") == "Every kind is paused."
    try:
        jobs = [yard.want(actor) for actor in ("note", "go_on")]
        until(lambda: yard.broker.do_qsize("default") == 0, what="every bell to be answered")
        assert "Paused: every kind." in said(yard, "list")
        assert {yard.see(job).attempts for job in jobs} == {0}
    finally:
        assert said(yard, "resume") == "Every kind goes on."
    assert {yard.ended(job).status for job in jobs} == {JobStatus.DONE}


def said(yard: Yard, *arguments: str) -> str:
    """Return what `guestlist jobs` says."""
    done = CliRunner().invoke(cli, ["jobs", *arguments], obj=lambda: yard.database)
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_a_delayed_job_waits_for_its_time(yard: Yard) -> None:
    job = yard.want("note", not_before=now() + timedelta(seconds=1))
    ring(yard.broker, job.id, job.actor)

    assert yard.ended(job).started_at >= job.not_before - timedelta(seconds=1)


def test_r73_what_fails_past_the_deadline_of_its_kind_is_dead(yard: Yard) -> None:
    dead = yard.ended(yard.want("hurry"))

    assert (dead.status, dead.attempts) == (JobStatus.DEAD, 1)
    assert "Lasting" in dead.last_error
    assert yard.effects(dead, Event.DELIVERY_FAILED) == 1


def test_a_paused_kind_waits_and_its_neighbours_do_not(yard: Yard) -> None:
    with yard.database.transaction() as session:
        session.add(Pause(actor="note", paused_by="a test"))
    left = [yard.want("note") for _ in range(3)]
    yard.ended(yard.want("go_on"))
    until(lambda: yard.broker.do_qsize("default") == 0, what="every bell to be answered")
    with yard.database.transaction() as session:
        session.execute(update(Job).where(Job.id.in_([job.id for job in left])).values(ring_at=now()))
    yard.ended(yard.want("fetch"))
    assert {(yard.see(job).status, yard.see(job).attempts) for job in left} == {(JobStatus.WAITING, 0)}

    with yard.database.transaction() as session:
        session.execute(delete(Pause))
    assert {(yard.ended(job).status, yard.see(job).attempts) for job in left} == {(JobStatus.DONE, 1)}
