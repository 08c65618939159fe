"""An admin sends a list, looks at every row, confirms it, and each of its people is invited once (R12)."""

import csv
from collections.abc import Callable
from io import StringIO

import pytest
from sqlalchemy import func, select

from models import (
    Database,
    Delivery,
    Group,
    ImportRow,
    Invitation,
    InvitationStatus,
    Membership,
    MembershipStatus,
    RowStatus,
    now,
)
from tests.importing import Importer, listed, people, said
from tests.inviting import activate, fresh, picture, second_admin, token_path
from tests.people import make_team
from tests.stack import Stack
from workflows.enlist import advance_import, confirm_import
from workflows.invite import invite
from workflows.refusals import TooMany
from workflows.tabulate import write_table


def test_r12_a_list_is_looked_at_confirmed_and_invited(stack: Stack) -> None:
    admin = Importer(stack, team := stack.account())
    nora, ole, pia = fresh("nora"), fresh("ole"), fresh("pia")
    form = admin.browser.get(admin.page).text
    assert 'type="file"' in form and 'name="file"' in form and "multipart/form-data" in form

    path = admin.check(f"email,name,group\n{nora},Nora New,free\n{ole},,member\nnobody,,free\n{pia},Pia,guest\n")

    assert path.startswith(f"{admin.page}/import/")
    seen = admin.results(path)
    assert [(each.line, each.email, each.result) for each in seen.values()] == [
        (2, nora, "ready"),
        (3, ole, "ready"),
        (4, "nobody", "refused"),
        (5, pia, "refused"),
    ]
    assert "“nobody” is not an address that mail can reach" in seen[4].reason
    assert seen[5].reason == "There is no group “guest”; choose admin, member or free."
    stack.idle()
    assert set(admin.rows()) == {team.admin.email, team.member.email}, "nothing is done before it is confirmed"
    assert not stack.mails_now(nora)

    answer = admin.confirm(path)

    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    admin.ends(path)
    assert [each.result for each in admin.results(path).values()] == ["invited", "invited", "refused", "refused"]
    assert activate(stack, token_path(stack.mails(nora)[0])).status_code == 303
    assert admin.row(nora).status == "joined"
    with stack.database.reading() as session:
        seat = session.get_one(Membership, admin.row(ole).membership_id)
        assert (seat.group, seat.status, seat.sponsor_id) == (
            Group.MEMBER,
            MembershipStatus.INVITED,
            team.admin.membership_id,
        )
        seat = session.get_one(Membership, admin.row(nora).membership_id)
        assert (seat.name, seat.group) == ("Nora New", Group.FREE)


def test_r12_the_results_are_a_table_that_holds_no_formula(stack: Stack) -> None:
    admin, nora = Importer(stack, stack.account()), fresh()
    names = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")']
    rows = "".join(f'{fresh()},"{name.replace(chr(34), chr(34) * 2)}",free\n' for name in names)
    path = admin.run(f"email,name,group\n{nora},Ünï,free\n{rows}=cmd|calc!A0,,free\n")

    answer = admin.browser.get(f"{path}/results.csv")

    number = path.rpartition("/")[2]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="import-{number}-results.csv"'
    table = admin.table(path)
    assert table[0] == {"line": "2", "email": nora, "name": "Ünï", "group": "free", "result": "invited", "reason": ""}
    assert [row["name"] for row in table[1:-1]] == [f"'{name}" for name in names]
    assert (table[-1]["email"], table[-1]["result"]) == ("'=cmd|calc!A0", "refused")
    assert "not an address" in table[-1]["reason"]
    assert not [cell for row in table for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize(("cell", "written"), [
    ("＝1+1", "'＝1+1"), ("＠SUM(A1)", "'＠SUM(A1)"), ("\n=1+1", "'\n'=1+1"), ("\t=1+1", "'\t'=1+1"),
    ("Nora;=1+1;+2", "Nora;'=1+1;'+2"), ("Nora\t@SUM(A1)", "Nora\t'@SUM(A1)"),
    ("Anna-Lena; Ole", "Anna-Lena; Ole"), ("1 + 1 = 2", "1 + 1 = 2"),
])  # fmt: skip
def test_r12_no_cell_is_a_formula_to_a_spreadsheet_of_any_country(cell: str, written: str) -> None:
    (row,) = csv.DictReader(StringIO(write_table(["name"], [[cell]]).removeprefix("\ufeff")))

    assert row["name"] == written


def test_r12_the_same_list_twice_invites_nobody_twice(stack: Stack) -> None:
    admin, both = Importer(stack, stack.account()), [fresh(), fresh()]
    admin.run(people(*both))

    again = admin.check(people(*both))

    assert all("has already been invited" in each.reason for each in admin.results(again).values())
    refused = admin.confirm(again)
    assert refused.status_code == 422
    assert said(refused) == "There is nobody in this list who could be invited."
    stack.idle()
    assert [len(stack.mails_now(each)) for each in both] == [1, 1]


def test_r12_two_lists_looked_at_before_either_ran_invite_nobody_twice(stack: Stack) -> None:
    admin = Importer(stack, team := stack.account())
    bea, both = Importer(stack, team, second_admin(stack, team)), [fresh(), fresh()]
    first, second = admin.check(people(*both)), bea.check(people(*both, other := fresh()))

    for each, path in ((admin, first), (bea, second)):
        assert each.confirm(path).status_code == 303
        each.ends(path)

    results = [admin.results(path) for path in (first, second)]
    invited = sorted(each.email for found in results for each in found.values() if each.result == "invited")
    assert invited == sorted([*both, other])
    assert all("has already been invited" in each.reason for each in results[1].values() if each.result == "refused")
    stack.idle()
    assert [len(stack.mails_now(each)) for each in (*both, other)] == [1, 1, 1]


def test_r12_confirming_twice_is_confirming_once(stack: Stack) -> None:
    admin = Importer(stack, stack.account())
    path = admin.check(people(nora := fresh()))
    assert [admin.confirm(path).status_code for _ in range(2)] == [303, 303]
    admin.ends(path)
    assert admin.confirm(path).headers["Location"] == path
    stack.idle()
    assert len(stack.mails_now(nora)) == 1


def test_r12_the_last_list_is_meant_where_none_is_named(stack: Stack) -> None:
    admin = Importer(stack, stack.account())
    admin.check(people(fresh()))
    path = admin.check(people(nora := fresh()))
    assert admin.browser.post(f"{admin.page}/import", confirm="yes").headers["Location"] == path
    admin.ends(path)
    assert stack.mails(nora)


@pytest.mark.parametrize("typed", ["no", "off", "perhaps", "false", "0", "-1", "9" * 19, "1; 2"])
def test_r12_nothing_but_a_yes_or_its_number_confirms_a_list(stack: Stack, typed: str) -> None:
    admin = Importer(stack, stack.account())
    path = admin.check(people(fresh()))

    answer = admin.browser.post(f"{admin.page}/import", confirm=typed)

    assert answer.status_code == 422
    assert admin.status(path) == "checked"


def test_r8_who_is_there_or_comes_twice_is_told_at_their_row(stack: Stack) -> None:
    admin = Importer(stack, team := stack.account())
    nora, ole = fresh("nora"), fresh("ole")
    admin.invite(ole)
    lines = people(nora, nora.upper(), team.member.email.title(), ole)

    seen = admin.results(admin.check(lines))

    assert [each.result for each in seen.values()] == ["ready", "refused", "refused", "refused"]
    assert seen[3].reason == f"{nora} stands in line 2 already."
    assert seen[4].reason == f"{team.member.email} is already a user of this account."
    assert seen[5].reason == f"{ole} has already been invited to this account; the invitation is waiting for an answer."


def test_r12_an_invitation_past_its_time_is_in_nobodys_way(stack: Stack) -> None:
    admin, nora = Importer(stack, stack.account()), fresh()
    admin.invite(nora)
    first = admin.row(nora).invitation_id
    with stack.database.transaction() as session:
        session.get_one(Invitation, first).expires_at = now()

    path = admin.run(people(nora))

    assert admin.results(path)[2].result == "invited"
    assert admin.row(nora).invitation_id != first


def test_r9_an_import_counts_apart_from_the_invitations_of_an_hour(
    database: Database, choose: Callable[..., None]
) -> None:
    choose(invitations_per_hour=2)
    team = make_team(database)
    with database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        found = listed(session, admin, *(f"n{number}@people.example" for number in range(5)))
        confirm_import(session, found.id, by=admin)
        while advance_import(session, found.id):
            pass
        for number in range(2):
            invite(session, by=admin, email=f"m{number}@people.example", group="free")
        with pytest.raises(TooMany):
            invite(session, by=admin, email="last@people.example", group="free")
        assert session.scalar(select(func.count(Invitation.id))) == 7


def test_r9_a_recipient_is_mailed_no_more_by_an_import(database: Database, choose: Callable[..., None]) -> None:
    choose(mails_per_recipient_day=2)
    nora = "nora@people.example"
    results = []
    for _ in range(3):
        team = make_team(database)
        with database.transaction() as session:
            admin = session.get_one(Membership, team.admin.membership_id)
            found = listed(session, admin, nora, fresh())
            confirm_import(session, found.id, by=admin)
            while advance_import(session, found.id):
                pass
            rows = session.scalars(select(ImportRow).where(ImportRow.import_id == found.id).order_by(ImportRow.line))
            results.append([(row.status, row.reason) for row in rows])

    invited = (RowStatus.INVITED, "")
    refused = (RowStatus.REFUSED, "This address was sent 2 invitations within a day; try again tomorrow.")
    assert results == [[invited, invited], [invited, invited], [refused, invited]]
    with database.reading() as session:
        assert session.scalar(select(func.count()).where(Delivery.to_address == nora)) == 2
        assert session.scalar(select(func.count()).where(Invitation.status == InvitationStatus.PENDING)) == 5


def test_r6_a_list_tells_nothing_of_who_is_known(stack: Stack) -> None:
    known, unknown = stack.guest(stack.account()).email, fresh("guest")
    shown = []
    for address in (known, unknown):
        admin = Importer(stack, stack.account())
        path = admin.check(people(address))
        before = admin.results(path)
        admin.confirm(path)
        admin.ends(path)
        admin.sees(address, "sent")
        told = [admin.results(path), admin.table(path), before]
        shown.append(str(told).replace(address, "ADDRESS"))
    assert shown[0] == shown[1]
    assert stack.mails_now(known)[-1]["X-Guestlist-Template"] == "invitation-existing"


def test_g4_nobody_else_sees_an_import_or_lets_it_run(stack: Stack) -> None:
    admin, other = Importer(stack, team := stack.account()), Importer(stack, stack.account())
    path = admin.check(people(nora := fresh()))
    before = picture(stack, team, other.team)
    foreign = f"{other.page}/import/{path.rpartition('/')[2]}"

    for browser in (other.browser, stack.client(team.member), stack.client(stack.guest(team))):
        for answer in (
            browser.get(path),
            browser.get(f"{path}/results.csv"),
            browser.post(f"{path}/cancel"),
            browser.post(f"{admin.page}/import", confirm=path.rpartition("/")[2]),
        ):
            assert answer.status_code in (403, 404)
            assert nora not in answer.text
    assert other.browser.get(foreign).status_code == 404
    assert other.confirm(foreign).status_code == 404
    after = picture(stack, team, other.team)
    assert after["imports"] == before["imports"] and after["invitations"] == before["invitations"]


def test_r70_an_import_begins_and_ends_in_the_record(stack: Stack) -> None:
    admin = Importer(stack, team := stack.account())
    admin.run(people(fresh(), fresh(), "nobody"))
    dropped = admin.check(people(fresh()))
    admin.stop(dropped)

    audit = admin.browser.get(f"{team.path}/audit").text

    assert "Ada Admin began to invite 2 people from the list “people.csv”" in audit
    assert "All of the list “people.csv” is through: 2 people invited, 1 refused" in audit
    assert "Ada Admin cancelled the list “people.csv” after 0 people had been invited" in audit
