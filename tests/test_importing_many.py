"""The longest list that may be sent: looked at at once, paged, and in nobody's way (R12)."""

import time

from sqlalchemy import event, select

from models import Database, ImportRow, Membership, RowStatus, settings
from tests.importing import Importer, people
from tests.inviting import Admin, fresh
from tests.people import make_team
from tests.process import until
from tests.stack import Stack
from workflows.enlist import take_in
from workflows.examine import COLUMNS, examine
from workflows.tabulate import read_table

PER_PAGE = 100
# Single invitations one after another while a list runs; on an idle machine each has its mail within a second.
SINGLES = 3


def test_r12_a_list_is_looked_at_in_as_many_statements_as_one_row(database: Database) -> None:
    team, elsewhere = make_team(database), make_team(database)
    known, unknown = elsewhere.admin.email, fresh()

    def statements(*addresses: str) -> list[str]:
        said: list[str] = []
        listen = (database.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
        rows = examine(read_table(people(*addresses).encode(), columns=COLUMNS, most=len(addresses)))
        with database.transaction() as session:
            by = session.get_one(Membership, team.admin.membership_id)
            event.listen(*listen)
            take_in(session, rows, file_name="people.csv", by=by)
            event.remove(*listen)
        return said

    assert len(statements(*numbered(3000))) == len(statements(*numbered(2)))
    assert statements(known) == statements(unknown), "and they tell nothing of who is known (R6)"


def test_r12_ten_thousand_rows_are_looked_at_by_pages(stack: Stack) -> None:
    admin, most = Importer(stack, stack.account()), settings().import_rows
    content = people("nobody", *numbered(most - 2), "nobody else")
    began = time.monotonic()

    path = admin.check(content)

    taken = time.monotonic() - began
    page = admin.browser.get(path)
    assert len(admin.results(path)) == PER_PAGE
    assert 'data-count="waiting">9,998<' in page.text and 'data-count="refused">2<' in page.text
    assert f"Page 1 of {most // PER_PAGE}" in page.text
    last = admin.results(f"{path}?page={most // PER_PAGE - 1}")
    assert max(last) == most + 1 and last[most + 1].result == "refused"
    wrong = admin.results(f"{path}?show=refused")
    assert sorted(wrong) == [2, most + 1]
    assert len(admin.table(path)) == most
    began = time.monotonic()
    admin.browser.get(path)
    # A busy machine may take several times as long as this takes by itself.
    assert (taken, time.monotonic() - began) < (15, 3)


def test_r12_one_accounts_import_does_not_hold_up_anothers_invitation(stack: Stack) -> None:
    admin, single = Importer(stack, stack.account()), Admin(stack, stack.account())
    path = admin.check(people(*(f"n{number}@{admin.team.slug}.example" for number in range(1500))))
    admin.confirm(path)
    until(lambda: len(invited(stack, path)) > 50, what="the import to be under way")

    waits = []
    for _ in range(SINGLES):
        email = fresh()
        assert single.invite(email).status_code == 303
        overtaken = len(invited(stack, path))
        until(lambda: stack.mails_now(email), what="the mail")  # noqa: B023
        waits.append(len(invited(stack, path)) - overtaken)

    assert admin.status(path) == "running", "it was still at it"
    # By number, for a busy machine takes longer for everything.
    assert max(waits) < 500, waits
    admin.stop(path)
    stack.idle(within=120)


def invited(stack: Stack, path: str) -> list[int]:
    which = (ImportRow.import_id == int(path.rpartition("/")[2]), ImportRow.status == RowStatus.INVITED)
    with stack.database.reading() as session:
        return list(session.scalars(select(ImportRow.id).where(*which)))


def numbered(count: int) -> list[str]:
    return [f"n{number}@people.example" for number in range(count)]
