"""A request's id leads from the form that was sent to the mail that arrived, by way of every line in between."""

import json
import logging
import re
from contextvars import copy_context
from uuid import uuid4

import pytest
from sqlalchemy import select

from models import AuditEvent, Database, Job, Settings
from models.audit import request_id
from models.logs import Lines, PlainLines, job_at_hand
from tests.inviting import fresh
from tests.process import until
from tests.stack import Stack
from webapp import create_app

MALFORMED = ("short", "x" * 65, "with a space", "line\x0bbreak", "<script>alert(1)</script>", "übergröße-1")


def test_r70_an_invitation_is_followed_from_the_form_to_the_mail(stack: Stack) -> None:
    team, email, asked = stack.account(), fresh(), f"edge-{uuid4().hex}"
    admin = stack.client(team.admin)
    admin.http.headers["X-Request-Id"] = asked
    answer = admin.post(f"{team.path}/settings/users", email=email, name="", group="free")
    assert answer.headers["X-Request-Id"] == asked

    mail = stack.mails(email)[0]
    assert mail["X-Guestlist-Request"] == asked
    stack.idle()
    with stack.database.reading() as session:
        jobs = session.scalars(select(Job).where(Job.request_id == asked)).all()
        events = set(session.scalars(select(AuditEvent.event).where(AuditEvent.request_id == asked)))
    assert [job.actor for job in jobs] == ["deliver"]
    assert {"invitation.made", "delivery.sent"} <= {str(each) for each in events}
    worker = until(lambda: lines(stack, "work", asked), what="the worker's line")
    assert {line["job"] for line in worker} == {f"deliver {jobs[0].id}"}
    assert [line["message"] for line in lines(stack, "web", asked)] == ["POST /a/<slug:slug>/settings/users 303"]


@pytest.mark.parametrize("given", MALFORMED)
def test_r70_what_is_no_id_is_not_taken_for_one(database: Database, given: str) -> None:
    page = (
        create_app(Settings(base_url="http://127.0.0.1"), database)
        .test_client()
        .get("/nowhere", headers={"X-Request-Id": given})
    )
    made = page.headers["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert f"<code>{made}</code>" in page.text
    assert given not in page.text


def test_a_fault_is_found_by_the_id_on_its_page(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings(base_url="http://127.0.0.1"), database)
    with database.engine.begin() as raw:
        raw.exec_driver_sql("ALTER TABLE user_sessions RENAME TO elsewhere")
        raw.exec_driver_sql("ALTER TABLE links RENAME TO nowhere")
    caplog.handler.setFormatter(Lines())
    page = app.test_client().get("/activate/x", headers={"X-Request-Id": "from-the-edge"})
    assert page.status_code == 500
    assert "from-the-edge" in page.text
    faults = [json.loads(line) for line in caplog.text.splitlines()]
    assert {line["request"] for line in faults} == {"from-the-edge"}
    assert any("traceback" in line for line in faults)


def test_lines_are_json_for_programs_and_plain_for_people() -> None:
    record = logging.LogRecord("jobs.mail", logging.WARNING, "", 0, "mail to %s\nwaits", ("“Zoë”",), None)

    def written() -> tuple[str, str]:
        job_at_hand.set("deliver 42")
        request_id.set("from-the-edge")
        return Lines().format(record), PlainLines().format(record)

    line, plain = copy_context().run(written)
    assert "\n" not in line
    told = {"message": "mail to “Zoë”\nwaits", "level": "warning", "logger": "jobs.mail"}
    assert told | {"job": "deliver 42", "request": "from-the-edge"} == {
        name: said for name, said in json.loads(line).items() if name != "at"
    }
    assert plain.endswith("WARNING jobs.mail  mail to “Zoë”\nwaits  (deliver 42 from-the-edge)")


def lines(stack: Stack, process: str, request: str) -> list[dict[str, str]]:
    """Return the lines about a request that a process has written."""
    written = (stack.home / f"{process}.log").read_text().splitlines()
    return [json.loads(line) for line in written if request in line]
