"""Lists of people to invite: files as spreadsheets write them, an admin who sends them, and what the pages say."""

import csv
import html
import re
from dataclasses import dataclass
from io import StringIO

import httpx
from sqlalchemy.orm import Session

from models import Import, Membership
from tests.inviting import Admin
from tests.process import until
from workflows.enlist import take_in
from workflows.examine import COLUMNS, examine
from workflows.tabulate import read_table

ROW = re.compile(r'<tr data-line="(\d+)" data-email="([^"]*)" data-result="(\w+)">(.*?)</tr>', re.DOTALL)
REASON = re.compile(r'<span class="reason">(.*?)</span>', re.DOTALL)
STATUS = re.compile(r'id="import"[^>]*data-status="(\w+)"')
ALERT = re.compile(r'role="alert"[^>]*>(.*?)</p>', re.DOTALL)


@dataclass(frozen=True)
class Result:
    """What the page of an import says of one row."""

    line: int
    email: str
    result: str
    reason: str


class Importer(Admin):
    """An admin who sends lists."""

    def send(self, content: str | bytes, *, name: str = "people.csv") -> httpx.Response:
        sent = content.encode() if isinstance(content, str) else content
        return self.browser.post(f"{self.page}/import", files={"file": (name, sent, "text/csv")})

    def check(self, content: str | bytes) -> str:
        """Send a list, and return the path of the page that shows it."""
        answer = self.send(content)
        assert answer.status_code == httpx.codes.SEE_OTHER, said(answer)
        return str(answer.headers["Location"])

    def confirm(self, path: str) -> httpx.Response:
        return self.browser.post(f"{self.page}/import", confirm=path.rpartition("/")[2])

    def stop(self, path: str) -> httpx.Response:
        return self.browser.post(f"{path}/cancel")

    def run(self, content: str | bytes) -> str:
        """Send a list, confirm it, wait until it is through, and return the path of its page."""
        path = self.check(content)
        assert self.confirm(path).status_code == httpx.codes.SEE_OTHER
        self.ends(path)
        return path

    def ends(self, path: str, status: str = "done", *, within: float = 30) -> None:
        until(lambda: self.status(path) == status, what=f"the import to be {status}", within=within)

    def status(self, path: str) -> str:
        found = STATUS.search(self.browser.get(path).text)
        assert found, path
        return found[1]

    def results(self, path: str) -> dict[int, Result]:
        """Return what the first page says of each row, by line."""
        return {each.line: each for each in results_on(self.browser.get(path).text)}

    def table(self, path: str) -> list[dict[str, str]]:
        """Return the rows of the results for download."""
        answer = self.browser.get(f"{path}/results.csv")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))


def results_on(page: str) -> list[Result]:
    return [_result(*found) for found in ROW.findall(page)]


def said(answer: httpx.Response) -> str:
    """Return what an answer says is wrong."""
    found = ALERT.search(answer.text)
    return html.unescape(found[1]) if found else f"{answer.status_code}: {answer.text[:500]}"


def people(*addresses: str, group: str = "free") -> str:
    """Return a list of these addresses."""
    return "\n".join(["email,name,group", *(f"{each},,{group}" for each in addresses), ""])


def listed(session: Session, by: Membership, *addresses: str) -> Import:
    """Keep a list of these addresses, looked at and not confirmed."""
    rows = examine(read_table(people(*addresses).encode(), columns=COLUMNS, most=len(addresses)))
    found = take_in(session, rows, file_name="people.csv", by=by)
    session.flush()
    return found


def _result(line: str, email: str, result: str, body: str) -> Result:
    reason = REASON.search(body)
    return Result(int(line), html.unescape(email), result, html.unescape(reason[1]) if reason else "")
