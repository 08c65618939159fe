"""How fast jobs go (R73) and what sweeps found (R63), as pictures, beside a table that says the same."""

import re
import secrets
from datetime import timedelta
from xml.etree import ElementTree

import httpx
import pytest

from models import Database, Finding, Group, Job, JobStatus, Severity, Sweep, now
from tests.browser import Browser
from tests.people import PASSWORD, Team, make_person, make_team
from tests.stack import OPERATOR, Stack
from tests.test_watching import NOWHERE
from webapp import create_app

A_SECOND, A_MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def team(stack: Stack) -> Team:
    return stack.account()


@pytest.fixture
def operator(stack: Stack, team: Team) -> Browser:
    return stack.client(make_person(stack.database, team.id, OPERATOR, "Olga Operator", Group.MEMBER))


def test_r73_the_jobs_of_the_last_hour_are_counted_and_timed_by_minute(stack: Stack, operator: Browser) -> None:
    kind, at = f"kind-{secrets.token_hex(4)}", now().replace(second=30, microsecond=0)
    ten, five = at - 10 * A_MINUTE, at - 5 * A_MINUTE
    with stack.database.transaction() as session:
        ended = [(ten, each, JobStatus.DONE) for each in range(1, 21)]
        ended += [(five, 0.5, JobStatus.DONE), (five, 300, JobStatus.DEAD), (five, 1, JobStatus.DISCARDED)]
        ended += [(at - 70 * A_MINUTE, 1, JobStatus.DONE)]
        for finished_at, took, status in ended:
            about = {"due_at": finished_at - took * A_SECOND, "finished_at": finished_at, "status": status}
            session.add_all([Job(actor=kind, **about), Job(actor=f"not-{kind}", **about)])

    page = operator.get(f"/ops/jobs?kind={kind}").text
    assert table(page, "minute") == [
        [f"{five:%H:%M}", "1", "1", "0.5 s", "5 min"],
        [f"{ten:%H:%M}", "20", "0", "10 s", "19 s"],
    ]
    assert "In the last hour 21 jobs were done, and 1 died" in page
    throughput, latency = pictures(operator, page)
    assert {"20", "1"} <= values(throughput)
    assert {"10 s", "19 s", "0.5 s", "5 min"} <= values(latency)
    of_both = pictures(operator, operator.get(f"/ops/jobs?kind=not-{kind}").text)
    assert values(of_both[0]) == values(throughput)
    with stack.database.transaction() as session:
        session.query(Job).where(Job.actor.in_((kind, f"not-{kind}"))).delete()
    assert "No job of this kind ended in the last hour." in operator.get(f"/ops/jobs?kind={kind}").text


def test_r63_the_history_of_sweeps_shows_findings_time_and_rows(stack: Stack, team: Team) -> None:
    other, at = stack.account(), now()
    severities = {Severity.HIGH: 2, Severity.MEDIUM: 0, Severity.LOW: 31}
    with stack.database.transaction() as session:
        own = Sweep(account_id=team.id, started_at=at - 15 * A_MINUTE, finished_at=at, rows=12345)
        every = Sweep(started_at=at - 3 * A_SECOND, finished_at=at, rows=54321)
        session.add_all([own, every, Sweep(account_id=other.id, finished_at=at), Sweep(account_id=team.id)])
        found = [(own, team, each) for each, count in severities.items() for _ in range(count)]
        for number, (sweep, of, severity) in enumerate([*found, (every, other, Severity.HIGH)]):
            about = {"check": "grant_past_end", "object_id": 10**9 + number, "evidence": {}, "repaired_at": at}
            session.add(Finding(sweep=sweep, account_id=of.id, severity=severity, **about))
        session.flush()
        ids = {own.id: ["2", "0", "31", "12345", "15 min"], every.id: ["0", "0", "0", "—", "3 s"]}

    admin = stack.client(team.admin)
    page = admin.get(f"{team.path}/sweeps").text
    rows = dict(zip(re.findall(r'data-sweep-id="(\d+)"', page), table(page, "sweep-id"), strict=True))
    assert {id: rows[str(id)][1:] for id in ids} == ids
    assert "found 33 breaches, 2 of them of high severity" in page
    assert page.count("12345 rows in 15 min") == 1
    findings, taken = pictures(admin, page)
    assert {"2", "31"} <= values(findings)
    assert {"15 min", "3 s"} <= values(taken)


def test_r63_before_the_first_sweep_and_without_findings_there_is_a_sentence(database: Database) -> None:
    team, browser = make_team(database), Browser("http://127.0.0.1")
    browser.http = httpx.Client(
        transport=httpx.WSGITransport(create_app(NOWHERE, database)), base_url="http://127.0.0.1"
    )
    browser.sign_in(team.admin.email, PASSWORD)

    assert "No sweep is over yet" in browser.get(f"{team.path}/sweeps").text
    with database.transaction() as session:
        session.add(Sweep(account_id=team.id, finished_at=now()))
    page = browser.get(f"{team.path}/sweeps").text
    assert "They found nothing." in page
    assert len(pictures(browser, page)) == 1


def table(page: str, name: str) -> list[list[str]]:
    """Return the cells of each row that says of which minute or sweep it is."""
    rows = re.findall(rf'<tr data-{name}="[^"]*">(.*?)</tr>', page, re.DOTALL)
    return [[re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]


def pictures(browser: Browser, page: str) -> list[ElementTree.Element]:
    """Return the charts of a page, for a desk, after a look at those for a telephone: nothing in them runs or loads."""
    page = page[page.index("<main") :]
    wide, narrow = (re.findall(rf'<{name}="([^"]*)"', page) for name in ("img src", "source [^>]*srcset"))
    assert len(wide) == len(narrow)
    drawn = [drawing(browser, path.replace("&amp;", "&")) for path in narrow + wide]
    assert {each.get("viewBox") for each in drawn} == {"0 0 350 220", "0 0 560 250"}
    return drawn[len(narrow) :]


def drawing(browser: Browser, path: str) -> ElementTree.Element:
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8"), path
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    root = ElementTree.fromstring(answer.content)  # noqa: S314
    assert root.tag == f"{SVG}svg"
    names = [name.lower() for each in root.iter() for name in (str(each.tag), *each.keys())]
    assert not [name for name in names if "script" in name or "href" in name or name.startswith("on")]
    assert "prefers-color-scheme" in answer.text
    return root


def values(drawn: ElementTree.Element) -> set[str]:
    """Return what the parts of a chart say they are."""
    return {str(each.text) for each in drawn.iter(f"{SVG}desc")}
