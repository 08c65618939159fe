"""A platform operator sees the jobs of all accounts, replays and discards dead letters, and pauses kinds of jobs."""

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from guestlist import cli
from models import AuditEvent, Delivery, DeliveryStatus, Event, Group, Job, JobStatus, Pause, now
from tests.browser import Browser
from tests.inviting import fresh
from tests.people import Team, make_person
from tests.process import until
from tests.stack import OPERATOR, Stack
from tests.test_house import enqueued
from workflows.operate import KINDS

TRACE = 'Traceback (most recent call last):\n  File "mail.py"\n<script>ValueError: stumbled</script>\n'


@pytest.fixture
def team(stack: Stack) -> Team:
    return stack.account()


@pytest.fixture
def operator(stack: Stack, team: Team) -> Browser:
    return stack.client(make_person(stack.database, team.id, OPERATOR, "Olga Operator", Group.MEMBER))


def test_r73_a_dead_letter_is_seen_with_its_traceback_replayed_and_takes_effect(
    stack: Stack, team: Team, operator: Browser
) -> None:
    email = invited(stack, team)
    first, job = stack.mails(email)[0], killed(stack, email)

    page = operator.get("/ops/jobs?state=dead&kind=deliver").text
    assert f'data-job-id="{job}"' in page
    assert f"delivery_id {see(stack, job).arguments['delivery_id']}" in page
    assert "&lt;script&gt;ValueError: stumbled" in page
    assert f'data-job-id="{job}"' not in operator.get("/ops/jobs?state=dead&kind=sweep").text
    assert TRACE.splitlines()[1].strip() in operator.get(f"/ops/jobs/{job}").text.replace("&#34;", '"')

    answer = operator.post("/ops/jobs/replay", ids=[job], state="dead")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/ops/jobs?state=dead")
    again = stack.mails(email, count=2)[1]
    assert again["Message-ID"] == first["Message-ID"]
    until(lambda: see(stack, job).status is JobStatus.DONE, what="the job to end")
    assert recorded(stack, Event.JOB_REPLAYED, job) == [(team.id, OPERATOR)]


def test_r73_dead_letters_are_discarded_together_and_once(stack: Stack, team: Team, operator: Browser) -> None:
    jobs = planted(stack, team, 3)

    assert operator.post("/ops/jobs/discard", ids=jobs).status_code == 303
    assert {see(stack, job).status for job in jobs} == {JobStatus.DISCARDED}
    assert [recorded(stack, Event.JOB_DISCARDED, job) for job in jobs] == [[(team.id, OPERATOR)]] * 3
    for path in ("replay", "discard"):
        answer = operator.post(f"/ops/jobs/{path}", ids=jobs[:1])
        assert (answer.status_code, "is not a dead letter" in answer.text) == (409, True)
    assert operator.post("/ops/jobs/replay").status_code == 422
    assert {see(stack, job).status for job in jobs} == {JobStatus.DISCARDED}


def test_r73_a_paused_kind_waits_until_it_is_resumed(stack: Stack, team: Team, operator: Browser) -> None:
    assert operator.post("/ops/jobs/pause", kind="deliver").status_code == 303
    try:
        assert "is paused since" in operator.get("/ops/jobs").text
        # A restart does not end a pause.
        stack.process("work").stop()
        stack.process("work").start()
        stack.wait_for_work()
        email = invited(stack, team)
        job = job_of(stack, email)
        swept = stack.client(team.admin).post(f"{team.path}/sweeps").headers["Location"]
        until(lambda: "data-finished" in stack.client(team.admin).get(swept).text, what="another kind of job")
        assert (see(stack, job).status, see(stack, job).attempts) == (JobStatus.WAITING, 0)
        assert stack.mails_now(email) == []
    finally:
        assert operator.post("/ops/jobs/resume", kind="deliver").status_code == 303
    assert stack.mails(email)
    assert operator.post("/ops/jobs/pause", kind="delivver").status_code == 422


def test_r6_operators_alone_see_what_was_detected_and_why(stack: Stack, team: Team, operator: Browser) -> None:
    known = stack.guest(stack.account()).email
    new = invited(stack, team)
    invited(stack, team, known)
    for email in (new, known):
        stack.mails(email)

    seen = {email: decision(operator.get("/ops/invitations").text, email) for email in (new, known)}
    assert seen == {new: "new", known: "registered"}
    page = operator.get(f"/ops/invitations?q={new}").text
    assert "this mailbox was never proved" in page
    assert known not in page
    assert "this mailbox was never proved" in operator.get(f"/ops/jobs/{job_of(stack, new)}").text
    for person in (team.admin, team.member):
        browser = stack.client(person)
        for path in ("/ops/invitations", f"/ops/jobs/{job_of(stack, new)}", "/ops/jobs"):
            assert browser.get(path).status_code == 403
        if person is team.admin:
            for path in ("settings/users", "audit", "sweeps"):
                assert "mailbox" not in browser.get(f"{team.path}/{path}").text


def test_r73_the_command_line_lists_replays_and_discards(stack: Stack, team: Team) -> None:
    replayed, dropped = planted(stack, team, 2)
    listed = stack.guestlist("jobs", "list", "--state", "dead", "--kind", "expire", "--json")
    assert listed.returncode == 0, listed.stderr
    shown: dict[int, Any] = {job["id"]: job for job in json.loads(listed.stdout)["jobs"]}
    assert shown[replayed]["last_error"] == TRACE

    assert stack.guestlist("jobs", "replay", str(replayed)).stdout == "1 replayed.\n"
    until(lambda: see(stack, replayed).status is JobStatus.DONE, what="the job to end")
    refused = stack.guestlist("jobs", "replay", str(replayed))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert said(stack, "jobs", "discard", "--all", "--kind", "expire") == (0, "1 discarded.")
    assert see(stack, dropped).status is JobStatus.DISCARDED


def test_r73_the_command_line_pauses_resumes_and_says_what_is_wrong(stack: Stack) -> None:
    assert said(stack, "jobs", "pause", "sweep") == (0, "sweep is paused.")
    assert "Paused: sweep." in said(stack, "jobs", "list")[1]
    assert said(stack, "jobs", "resume", "sweep") == (0, "sweep goes on.")
    with stack.database.reading() as session:
        assert session.scalars(select(Pause)).all() == []
    for misuse in (["replay"], ["replay", "--all", "1"], ["discard", "one"], ["pause", "delivver"], ["list", "--x"]):
        assert said(stack, "jobs", *misuse)[0] == 2, misuse
    for command in ("list", "replay", "discard", "pause", "resume"):
        assert said(stack, "jobs", command, "--help")[0] == 0


def test_operators_know_every_kind_of_job() -> None:
    assert set(KINDS) == {actor for _, actor, _ in enqueued()}


def invited(stack: Stack, team: Team, email: str = "") -> str:
    email = email or fresh("noor")
    answer = stack.client(team.admin).post(f"{team.path}/settings/users", email=email, group="free")
    assert answer.status_code == 303
    return email


def killed(stack: Stack, email: str) -> int:
    """Let the job that sent this mail be dead, as if every attempt had failed."""
    job_id = job_of(stack, email)
    until(lambda: see(stack, job_id).status is JobStatus.DONE, what="the mail's job to end")
    with stack.database.transaction() as session:
        dead = {"status": JobStatus.DEAD, "attempts": 3, "last_error": TRACE}
        session.execute(update(Job).where(Job.id == job_id).values(**dead))
        failed = {"status": DeliveryStatus.FAILED, "ended_at": now()}
        session.execute(update(Delivery).where(Delivery.to_address == email).values(**failed))
    return job_id


def planted(stack: Stack, team: Team, count: int) -> list[int]:
    with stack.database.transaction() as session:
        dead = {"status": JobStatus.DEAD, "last_error": TRACE, "finished_at": now()}
        jobs = [Job(actor="expire", account_id=team.id, **dead) for _ in range(count)]
        session.add_all(jobs)
    return [job.id for job in jobs]


def job_of(stack: Stack, email: str) -> int:
    mails = select(Delivery.id).where(Delivery.to_address == email)
    with stack.database.reading() as session:
        mine = Job.arguments["delivery_id"].as_integer().in_(mails)
        return session.scalars(select(Job.id).where(Job.actor == "deliver", mine)).one()


def test_what_is_no_kind_of_job_is_answered(operator: Browser) -> None:
    assert operator.get("/ops/jobs?kind=%00&state=%00").status_code == 200
    assert operator.post("/ops/jobs/pause", kind="deliver\x00").status_code == 422


def see(stack: Stack, job_id: int) -> Job:
    with stack.database.reading() as session:
        return session.get_one(Job, job_id)


def recorded(stack: Stack, event: Event, job_id: int) -> list[tuple[int | None, str]]:
    lines = select(AuditEvent).where(AuditEvent.event == event, AuditEvent.object_id == job_id)
    with stack.database.reading() as session:
        return [(line.account_id, line.details["operator"]) for line in session.scalars(lines)]


def decision(page: str, email: str) -> str:
    found = re.search(rf'data-email="{re.escape(email)}" data-decision="(\w*)"', page)
    return found[1] if found else ""


def said(stack: Stack, *arguments: str) -> tuple[int, str]:
    """Run a command in this process, which spares the start of another; return its exit status and what it said."""
    done = CliRunner().invoke(cli, arguments, obj=lambda: stack.database)
    return done.exit_code, done.output.strip()
