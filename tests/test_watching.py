"""What those who run the product are told: metrics for Prometheus, and what is wrong with which part."""

import json
from datetime import timedelta

from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from guestlist import cli
from models import Database, Delivery, DeliveryStatus, Finding, Job, JobStatus, Settings, Severity, Sweep, Tick, now
from tests.inviting import fresh
from tests.listening import listening
from tests.process import until
from tests.removing import delete_users, receipt_of
from tests.stack import Stack, free_port
from webapp import create_app

Samples = dict[tuple[str, frozenset[str]], float]
A_MINUTE = timedelta(minutes=1)
NOWHERE = Settings(base_url="http://127.0.0.1", redis_url=f"redis://127.0.0.1:{free_port()}")


def test_an_invitation_and_a_removal_are_counted_and_timed(stack: Stack) -> None:
    team = stack.account()
    admin, guest = stack.client(team.admin), stack.guest(team)
    before = read(admin.get("/metrics").text)
    admin.post(f"{team.path}/settings/users", email=(email := fresh()), name="", group="free")
    stack.mails(email)
    with listening(stack.client(guest)) as stream:
        receipt_of(admin, delete_users(admin, team, guest))
        assert stream.ended(within=20)
    stack.idle()

    def gained(name: str, *labels: str) -> float:
        after = read(admin.get("/metrics").text)
        return after[name, frozenset(labels)] - before.get((name, frozenset(labels)), 0)

    assert gained("guestlist_deliveries", "sent") >= 1
    assert gained("guestlist_removals", "done") == 1
    assert gained("guestlist_removal_seconds_count") == 1
    assert until(lambda: gained("guestlist_stream_closed_seconds_count"), what="the closed stream") == 1
    assert 0 < gained("guestlist_stream_closed_seconds_sum") < 20
    assert read(admin.get("/metrics").text)["guestlist_recent_job_seconds_gcount", frozenset({"deliver", "done"})] >= 1


def test_metrics_tell_of_queues_ages_outcomes_durations_findings_and_schedules(database: Database) -> None:
    at = now()
    done = {"actor": "deliver", "status": JobStatus.DONE, "started_at": at - A_MINUTE}
    with database.transaction() as session:
        sweep = Sweep(kind="access", started_at=at - A_MINUTE, finished_at=at - A_MINUTE)
        finding = {"sweep": sweep, "check": "grant_past_end", "severity": Severity.HIGH, "object_id": 1, "evidence": {}}
        session.add_all(
            [
                *(Job(actor="deliver", not_before=at - each * A_MINUTE, ring_at=at) for each in (1, 5)),
                Job(actor="sweep", status=JobStatus.DEAD, started_at=at - 5 * A_MINUTE, finished_at=at),
                Job(**done, finished_at=at - A_MINUTE + timedelta(seconds=0.2)),
                Job(**done, finished_at=at - A_MINUTE + timedelta(seconds=2)),
                Job(
                    actor="deliver",
                    status=JobStatus.DONE,
                    started_at=at - 20 * A_MINUTE,
                    finished_at=at - 19 * A_MINUTE,
                ),
                Job(actor="purge", status=JobStatus.DONE, started_at=at, finished_at=at),
                *(Delivery(to_address="a@x.example", mail_id=f"<{each}>", status=each) for each in DeliveryStatus),
                Finding(**finding),
                Finding(**finding, repaired_at=at),
                Tick(schedule="sweep-work", due_at=at - 60 * A_MINUTE, overdue_at=at - 40 * A_MINUTE),
            ]
        )
    seen = read(create_app(NOWHERE, database).test_client().get("/metrics").text)

    def told(name: str, *labels: str) -> float:
        return seen[f"guestlist_{name}", frozenset(labels)]

    assert told("jobs", "deliver", "waiting") == 2
    assert told("jobs", "sweep", "dead") == 1
    assert 300 <= told("oldest_waiting_job_seconds", "deliver") < 600
    assert told("recent_job_seconds_bucket", "deliver", "done", "0.1") == 0
    assert told("recent_job_seconds_bucket", "deliver", "done", "0.25") == 1
    assert told("recent_job_seconds_bucket", "deliver", "done", "+Inf") == 2
    assert round(told("recent_job_seconds_gsum", "deliver", "done"), 1) == 2.2
    assert told("recent_job_seconds_gcount", "sweep", "dead") == 1
    assert all(told("deliveries", each) == 1 for each in DeliveryStatus)
    assert told("findings", "grant_past_end", "high") == 1
    assert told("findings", "removal_unfinished", "high") == 0
    assert abs(told("schedule_last_success_timestamp_seconds", "purge") - at.timestamp()) < 1
    assert abs(told("schedule_last_success_timestamp_seconds", "sweep-access") - (at - A_MINUTE).timestamp()) < 1
    assert [told("sweep_overdue", kind) for kind in ("access", "invitations", "work")] == [0, 0, 1]


def test_readyz_names_what_is_wrong_by_part(database: Database) -> None:
    client = create_app(NOWHERE, database).test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 200
    away = "Redis does not answer; pages show changes when they are loaded"
    assert answer.json == {
        "status": "impaired", "database": "ok", "live_events": away,
        "workers": "ok", "mail": "ok", "dead_letters": "ok", "sweeps": "ok",
    }  # fmt: skip

    with database.transaction() as session:
        session.add(Job(actor="deliver", not_before=now() - 5 * A_MINUTE, ring_at=now()))
        due_at, overdue_at = now() - 60 * A_MINUTE, now() - 40 * A_MINUTE
        session.add(Tick(schedule="sweep-access", due_at=due_at, overdue_at=overdue_at))
        session.add(Job(actor="expire", status=JobStatus.DEAD))
        tried = {"actor": "deliver", "due_at": now() - 10 * A_MINUTE, "last_error": "MailServerAway: gone"}
        session.add(Job(**tried, not_before=now() + A_MINUTE, ring_at=now() + A_MINUTE))
    wrong = client.get("/readyz").json
    assert "a job is due for 3" in wrong["workers"]
    assert "a mail is tried again for 6" in wrong["mail"]
    assert "`guestlist doctor`" in wrong["mail"]
    assert wrong["dead_letters"].startswith("1 wait")
    assert wrong["sweeps"] == "none has succeeded for twice its period: access"

    with database.engine.begin() as raw:
        raw.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert "guestlist migrate" in answer.json["database"]


def test_readyz_takes_a_long_line_and_a_mail_put_off_for_no_trouble(database: Database) -> None:
    long_ago = now() - 10 * A_MINUTE
    with database.transaction() as session:
        session.add(Job(actor="expire", not_before=long_ago, due_at=long_ago, ring_at=now()))
        session.add(Job(actor="expire", status=JobStatus.DONE, started_at=now(), finished_at=now()))
        session.add(Job(actor="deliver", due_at=long_ago, not_before=now(), ring_at=now(), last_error="451 later"))
        sent = {"status": DeliveryStatus.SENT, "ended_at": now()}
        session.add(Delivery(to_address="a@x.example", mail_id="<1>", **sent))
    answer = create_app(NOWHERE, database).test_client().get("/readyz").json
    assert {answer[part] for part in ("workers", "mail", "dead_letters")} == {"ok"}


def test_r60_a_sweep_that_stopped_being_made_is_a_finding_a_metric_and_named(database: Database) -> None:
    with database.transaction() as session:
        due_at = now() - 60 * A_MINUTE
        session.add(Tick(schedule="sweep-invitations", due_at=due_at, overdue_at=due_at + 30 * A_MINUTE))
    client = create_app(NOWHERE, database).test_client()
    assert client.get("/readyz").json["sweeps"] == "none has succeeded for twice its period: invitations"
    assert read(client.get("/metrics").text)["guestlist_sweep_overdue", frozenset({"invitations"})] == 1
    found = CliRunner().invoke(cli, ["sweep", "--json"], obj=lambda: database)
    assert [(each["check"], each["severity"]) for each in json.loads(found.output)["findings"]] == [
        ("invitations_sweep_overdue", "high")
    ]


def test_r60_missed_runs_that_were_caught_up_are_counted_for_a_day(database: Database) -> None:
    with database.transaction() as session:
        for hours, is_catch_up in ((1, True), (2, True), (3, False), (30, True)):
            session.add(Tick(schedule="purge", due_at=now() - timedelta(hours=hours), is_catch_up=is_catch_up))
    seen = read(create_app(NOWHERE, database).test_client().get("/metrics").text)
    counted = {each: seen["guestlist_schedule_missed_runs", frozenset({each})] for each in ("purge", "expire")}
    assert counted == {"purge": 2, "expire": 0}


def test_readyz_is_no_where_the_database_is_away() -> None:
    away = Database(f"postgresql://nobody:secret@127.0.0.1:{free_port()}/nothing")
    answer = create_app(NOWHERE, away).test_client().get("/readyz")
    assert (answer.status_code, answer.json) == (503, {"status": "unavailable", "database": "does not answer"})


def test_readyz_finds_everything_well_where_it_is(stack: Stack) -> None:
    answer = stack.client().get("/readyz")
    assert (answer.status_code, set(answer.json().values())) == (200, {"ok"})


def read(page: str) -> Samples:
    """Return every sample by its name and the values of its labels."""
    families = text_string_to_metric_families(page)
    return {(each.name, frozenset(each.labels.values())): each.value for family in families for each in family.samples}
