"""The operator's pages in a real browser, with much to show on little room."""

from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, expect

from models import Group, Job, JobStatus, now
from tests.databases import on_one_database
from tests.inviting import fresh
from tests.people import make_person
from tests.stack import OPERATOR, Stack
from tests.test_pages_in_chromium import Window, chromium

__all__ = ["chromium"]
LINES = "".join(f'  File "mail.py", line {number}\n' for number in range(12))
TRACE = f"Traceback (most recent call last):\n{LINES}ValueError: {'stumbled over a stone ' * 10}\n"


@on_one_database
def test_r73_the_operators_pages_fit_every_screen(stack: Stack, chromium: Browser, tmp_path: Path) -> None:  # noqa: F811
    team = stack.account()
    operator = make_person(stack.database, team.id, OPERATOR, "Olga Operator", Group.MEMBER)
    with stack.database.transaction() as session:
        dead = {"status": JobStatus.DEAD, "attempts": 12, "last_error": TRACE, "arguments": {"sweep_id": 123456}}
        jobs = [Job(actor="sweep", account_id=team.id, **dead) for _ in range(3)]
        tried = Job(actor="sweep", attempts=2, last_error=TRACE, not_before=now() + timedelta(hours=1))
        session.add_all([*jobs, tried])
    stack.client(team.admin).post(f"{team.path}/settings/users", email=fresh("noor"), group="free")
    window = Window(chromium, stack, tmp_path)
    window.sign_in(operator.email, operator.password)

    window.page.goto("/ops/jobs")
    window.page.get_by_label("What to pause").select_option("purge")
    window.page.get_by_role("button", name="Pause", exact=True).click()
    window.picture("jobs")
    window.page.get_by_role("button", name="Resume").click()
    window.page.get_by_role("checkbox", name=f"Job {jobs[0].id}", exact=True).check()
    window.page.locator(f"#error-{jobs[0].id} summary").click()
    window.picture("jobs-ticked")
    window.page.goto(f"/ops/jobs/{jobs[0].id}")
    window.picture("job")
    window.page.get_by_role("button", name="Discard").click()
    expect(window.page.locator(f'tr[data-job-id="{jobs[1].id}"]')).to_be_visible()
    expect(window.page.locator(f'tr[data-job-id="{jobs[0].id}"]')).to_have_count(0)
    window.page.get_by_role("link", name="Invitations").click()
    window.picture("invitations")
    assert window.complaints == []
    window.page.goto("/ops/jobs?state=dead&kind=sweep")
    window.page.get_by_role("button", name="Discard all dead").click()
    expect(window.page.locator('[data-count="dead"]')).to_have_text("0")
