"""Faults reach Sentry and spans a collector, with the request's id, and without secrets or people."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import text

from models import Database
from models.settings import PREFIX
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited
from tests.people import PASSWORD
from tests.process import until
from tests.receiver import Receiver, receiver
from tests.stack import Stack
from tests.terminal import clean_env, refusal
from tests.test_house import ROOT

CANARY = "canary of seven words in a row"
EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
A_TOKEN = "c4n4ry-Jx9_Qm2Lw7Zt5Rb8Nc3Vd6Kf1Hp0"
BROKEN = f"""
# Its one argument stands in a variable, and stays there.
import logging, sys
from models import settings
from models.audit import request_id
from models.reports import begin_reports

begin_reports(settings(), "web")
request_id.set("from-the-edge")

def stumble(held):
    raise ValueError("over nora@people.example, postgresql://x:{A_TOKEN}@db/x and /activate/{A_TOKEN}")

try:
    stumble(sys.argv[1])
except ValueError:
    about = {{"fields": {{"to": "nora@people.example"}}}}
    logging.getLogger("webapp").exception("mail to %s waits", "nora@people.example", extra=about)
"""


@pytest.fixture(scope="module")
def told(stack: Stack) -> Iterator[Receiver]:
    """What the stack's web and workers tell while it is there."""
    with receiver() as running:
        chosen = {f"{PREFIX}SENTRY_DSN": running.dsn, f"{PREFIX}OTEL_ENDPOINT": running.url}
        try:
            start_again(stack, **chosen, OTEL_BSP_SCHEDULE_DELAY="100")
            yield running
        finally:
            start_again(stack)


def start_again(stack: Stack, **env: str) -> None:
    for name in ("web", "work"):
        stack.process(name).stop()
        stack.process(name).start(**env)
    stack.wait_for_web()
    stack.wait_for_work()


def test_an_invitation_is_one_trace_through_web_job_and_mail(stack: Stack, told: Receiver) -> None:
    admin, asked = Admin(stack, stack.account()), uuid4().hex
    admin.browser.http.headers["X-Request-Id"] = asked
    admin.invite(email := fresh())
    assert stack.mails(email)

    def steps() -> dict[str, tuple[str, str, str]]:
        """Return of each step of the trace its service, its own id and that of the step around it."""
        of = [(service, span) for service, span in told.spans() if span.trace_id.hex() == asked]
        return {span.name: (service, span.span_id.hex(), span.parent_span_id.hex()) for service, span in of}

    names = ("POST /a/<slug:slug>/settings/users", "deliver", "mail")
    until(lambda: steps().keys() >= set(names), what="three steps")
    web, job, mail = (steps()[name] for name in names)
    assert [each[0] for each in (web, job, mail)] == ["guestlist-web", "guestlist-worker", "guestlist-worker"]
    assert (web[2], job[2], mail[2]) == ("", "", job[1])
    known = {each.key for _, span in told.spans() for each in span.attributes}
    assert known == {
        "guestlist.request_id", "guestlist.job_id", "guestlist.attempt",
        "http.request.method", "http.route", "http.response.status_code",
    }  # fmt: skip
    assert not leaked(told, email, admin.browser.http.cookies["guestlist"], PASSWORD)


def test_a_fault_of_web_and_worker_is_reported_without_secrets_or_people(stack: Stack, told: Receiver) -> None:
    admin, asked = Admin(stack, stack.account()), f"edge-{uuid4().hex}"
    path, email = invited(stack, admin, nora := fresh()), fresh()
    with elsewhere(stack.database, "links"):
        assert activate(stack, path, password=CANARY).status_code == 500
        admin.browser.http.headers["X-Request-Id"] = asked
        assert admin.invite(email).status_code == 303

        def event(part: str, **about: str) -> dict[str, object] | None:
            wanted = ({"part": part} | about).items()
            return next(
                (each for each in told.events() if "exception" in each and wanted <= each["tags"].items()), None
            )

        web = until(lambda: event("web"), what="the fault of the web")
        worker = until(lambda: event("worker", request=asked), what="the fault of the worker")
    assert web["logentry"] == {"message": "POST /activate/<token> failed"}
    for each in (web, worker):
        (*_, error) = each["exception"]["values"]
        assert error["type"] in {"OperationalError", "ProgrammingError"}
        assert "links" in error["value"]
        assert error["stacktrace"]["frames"]
        assert not {"request", "user", "extra", "breadcrumbs"} & each.keys()
    assert worker["tags"]["job"].startswith("deliver ")

    assert stack.mails(email)
    browser = stack.client()
    browser.sign_in(nora, CANARY)
    activate(stack, path)
    browser.sign_in(nora, NEW_PASSWORD)
    cookies = [each.http.cookies["guestlist"] for each in (browser, admin.browser)]
    secrets = [path.rpartition("/")[2], *cookies, CANARY, CANARY.replace(" ", "+"), PASSWORD, NEW_PASSWORD]
    secrets += [(stack.home / "secret.key").read_text(), nora, email, admin.team.admin.email]
    assert not leaked(told, *secrets)


def test_what_a_fault_says_is_told_without_addresses_tokens_and_variables() -> None:
    with receiver() as told:
        env = clean_env(SENTRY_DSN=told.dsn)
        subprocess.run([sys.executable, "-c", BROKEN, CANARY], cwd=ROOT, env=env, check=True, timeout=60)
        (event,) = told.events()
        assert event["logentry"] == {"message": "mail to … waits"}
        assert event["exception"]["values"][0]["value"] == "over … … and /activate/…"
        assert event["tags"] == {"part": "web", "request": "from-the-edge", "job": ""}
        assert not leaked(told, "nora@", A_TOKEN, CANARY)


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ({"sentry_dsn": "https://key@sentry.example/1"}, ("sentry_sdk", "sentry-sdk")),
        ({"otel_endpoint": "http://collector.example:4318"}, (EXPORTER, "opentelemetry-exporter-otlp-proto-http")),
    ],
)
def test_a_package_that_is_not_installed_is_one_line(
    choose: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    chosen: dict[str, str],
    missing: tuple[str, str],
) -> None:
    module, package = missing
    monkeypatch.setitem(sys.modules, module, None)
    choose(**chosen)
    assert refusal(capsys, "web").startswith(
        f"guestlist: {PREFIX}{next(iter(chosen)).upper()}: needs the package {package}; README.md says"
    )


def test_what_watches_is_not_even_imported_where_no_setting_names_it() -> None:
    look = "import sys, worker, guestlist; print(sys.modules.keys() & {'sentry_sdk', 'opentelemetry.exporter'})"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=clean_env(), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "set()\n"


@contextmanager
def elsewhere(database: Database, table: str) -> Iterator[None]:
    """Let a table be away for a while, as only a fault could."""
    with database.engine.begin() as raw:
        raw.execute(text(f"ALTER TABLE {table} RENAME TO {table}_elsewhere"))
    try:
        yield
    finally:
        with database.engine.begin() as raw:
            raw.execute(text(f"ALTER TABLE {table}_elsewhere RENAME TO {table}"))


def leaked(told: Receiver, *secrets: str) -> list[str]:
    """Return which of these are in anything that was received, shortened."""
    return [secret[:8] for secret in secrets if secret.encode() in told.everything()]
