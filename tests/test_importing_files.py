"""Whatever file is sent as a list, the answer is a sentence or a row for every person, and nothing is lost (R12)."""

from typing import NamedTuple

import pytest

from models import settings
from tests.importing import Importer, people, said
from tests.inviting import fresh, picture
from tests.stack import Stack
from webapp.sizes import BYTES_A_ROW, LARGEST_FORM

NORA, OLE = "nora@people.example", "ole@people.example"
COLUMNS = "the columns are email, name and group"
GOOD = {
    "as it is": f"email,name,group\n{NORA},Nora,free\n{OLE},,member\n",
    "with a mark at its beginning": f"\ufeffemail,name,group\n{NORA},Nora,free\n{OLE},,member\n",
    "with semicolons": f"email;name;group\n{NORA};Nora;free\n{OLE};;member\n",
    "with tabs": f"email\tname\tgroup\n{NORA}\tNora\tfree\n{OLE}\t\tmember\n",
    "with lines as on other systems": f"email,name,group\r\n{NORA},Nora,free\r\n{OLE},,member\r\n",
    "with lines as of old": f"email,name,group\r{NORA},Nora,free\r{OLE},,member",
    "in another order, written otherwise": f" Group ,E-mail,NAME\n FREE,{NORA} , Nora \nMember,{OLE},\n".replace(
        "E-mail", "EMAIL"
    ),
    "quoted": f'"email","name","group"\n"{NORA}","Nora","free"\n"{OLE}","","member"\n',
    "of a wider sheet": f"email,name,group,,\n{NORA},Nora,free,,\n{OLE},,member,,\n",
    "with empty lines": f"\n\nemail,name,group\n\n{NORA},Nora,free\n,,\n   \n{OLE},,member\n\n",
    "that says its delimiter first": f"sep=;\nemail;name;group\n{NORA};Nora;free\n{OLE};;member\n",
}
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "This file cannot be taken: it is empty."),
    "of blanks alone": (" \n\n\t\n", "it is empty."),
    "without people": ("email,name,group\n", "there is nobody below its first line."),
    "without a header": (
        f"{NORA},Nora,free\n",
        f"its first line is “{NORA},Nora,free”, and should name the columns; {COLUMNS}.",
    ),
    "of another kind": (
        "first,second\n1,2\n",
        f"its first line is “first,second”, and should name the columns; {COLUMNS}.",
    ),
    "with a column too many": (
        f"email,name,group,phone\n{NORA},Nora,free,1\n",
        f"its column “phone” is not known; {COLUMNS}.",
    ),
    "without groups": (f"email,name\n{NORA},Nora\n", f"it has no column “group”; {COLUMNS}."),
    "without addresses": ("name,group\nNora,free\n", f"it has no column “email”; {COLUMNS}."),
    "with a column twice": (f"email,email,name,group\n{NORA},{NORA},Nora,free\n", "its column “email” comes twice."),
    "in Latin-1": ("email,name,group\na@b.example,Jürgen,free\n".encode("latin-1"), "it is no text in UTF-8."),
    "in UTF-16": (people(NORA).encode("utf-16"), "it is no text in UTF-8."),
    "in UTF-16 without a mark": (people(NORA).encode("utf-16-le"), "it is no text in UTF-8."),
    "of a spreadsheet": (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xff\xfe", "it is no text in UTF-8."),
    "of NULs": (b"\0" * 100, "it is no text in UTF-8."),
    "of one endless line": ("x" * 300_000, "should name the columns"),
}
# Each in a line of its own between good ones, and what is said beside it.
WRONG = {
    "no-address,,free": "is not an address that mail can reach",
    ",Nobody,free": "nothing was typed",
    f"{NORA} {OLE},,free": "write one address only",
    '"Nora <nora@other.example>",,free': "without a name or brackets",
    '"a@b.example,c@d.example",,free': "write one address only",
    "a\x00b@people.example,,free": "control characters",
    "\x1b[31mred@people.example,,free": "control characters",
    "nul@people.example,No\x00ra,free": "The name contains control characters.",
    "esc@people.example,No\x1b[31mra,free": "The name contains control characters.",
    f"long@people.example,{'x' * 201},free": "The name is longer than 200 characters.",
    f"{'x' * 250}@people.example,,free": "longer than 254 octets",
    f"{'x' * 5000}@people.example,,free": "This line is longer than 4000 characters.",
    "group@people.example,,": "There is no group “”; choose admin, member or free.",
    "group@people.example,,boss": "There is no group “boss”; choose admin, member or free.",
    "few@people.example,Few": "The cells of this line are 2, those of the first line 3.",
    "many@people.example,Many,free,more": "The cells of this line are 4, those of the first line 3.",
    '"open@people.example,Open,free': "The quotation marks of this line do not match.",
    'open@people.example,"Open,free': "The quotation marks of this line do not match.",
    '"half"open@people.example,Half,free': "The quotation marks of this line do not match.",
    "<script>alert(1)</script>,<b>,free": "without a name or brackets",
}


class Sender(NamedTuple):
    """An admin, and what is written down of their account before anything was sent."""

    stack: Stack
    admin: Importer


@pytest.fixture(scope="module")
def sender(stack: Stack) -> Sender:
    return Sender(stack, Importer(stack, stack.account()))


@pytest.mark.parametrize("how", GOOD)
def test_r12_a_list_is_read_however_a_spreadsheet_writes_it(sender: Sender, how: str) -> None:
    path = sender.admin.check(GOOD[how])
    assert [(row["email"], row["name"], row["group"], row["result"]) for row in sender.admin.table(path)] == [
        (NORA, "Nora", "free", "ready"),
        (OLE, "", "member", "ready"),
    ]


@pytest.mark.parametrize("what", REFUSED)
def test_r12_a_file_that_is_no_list_is_refused_with_its_reason(sender: Sender, what: str) -> None:
    content, reason = REFUSED[what]
    before = picture(sender.stack, sender.admin.team)

    answer = sender.admin.send(content)

    assert answer.status_code == 422
    assert reason in said(answer)
    assert "\x00" not in answer.text
    assert picture(sender.stack, sender.admin.team) == before


def test_r12_no_file_is_refused(sender: Sender) -> None:
    admin = sender.admin
    for answer in (
        admin.browser.post(f"{admin.page}/import"),
        admin.browser.post(f"{admin.page}/import", file="email,name,group"),
        admin.send(people(NORA), name=""),
    ):
        assert answer.status_code == 422
        assert said(answer) == "Choose a file first."


def test_r12_wrong_rows_stop_no_good_ones(sender: Sender) -> None:
    good = [fresh(f"n{number}") for number in range(len(WRONG))]
    between = [f"{address},Good,free" for address in good]
    lines = [line for pair in zip(WRONG, between, strict=True) for line in pair]

    path = sender.admin.check("\n".join(["email,name,group", *lines, ""]))

    seen = sender.admin.results(path)
    assert list(seen) == list(range(2, len(lines) + 2)), "every row of the file has one on the page"
    for number, line in enumerate(WRONG):
        assert seen[2 * number + 2].result == "refused", line
        assert WRONG[line] in seen[2 * number + 2].reason, line
    assert [each.email for each in seen.values() if each.result == "ready"] == good
    page = sender.admin.browser.get(path).text
    assert "\x00" not in page and "\x1b" not in page and "<script>alert" not in page


def test_r12_a_cell_may_hold_line_breaks_and_quotation_marks(sender: Sender) -> None:
    nora, ole = fresh("nora"), fresh("ole")
    path = sender.admin.check(f'email,name,group\n{nora},"Nora\n""No"" Haddad",free\n{ole},O"Neil,free\n')
    assert [(row["line"], row["name"], row["result"]) for row in sender.admin.table(path)] == [
        ("2", 'Nora "No" Haddad', "ready"),
        ("4", 'O"Neil', "ready"),
    ]


def test_r12_names_of_all_scripts_arrive_as_they_are(sender: Sender) -> None:
    names = ["Jürgen Größe", "Σωκράτης", "山田 太郎", "می\u200cخواهم", "👩\u200d🌾"]
    rows = "".join(f"{fresh()},{name},free\n" for name in names)
    assert [row["name"] for row in sender.admin.table(sender.admin.check(f"email,name,group\n{rows}"))] == names


def test_r12_too_many_rows_and_too_large_a_file_are_refused(sender: Sender) -> None:
    most = settings().import_rows
    before = picture(sender.stack, sender.admin.team)

    many = sender.admin.send(people(*(f"n{number}@people.example" for number in range(most + 1))))
    empty = sender.admin.send(people(NORA) + ",,\n" * most * 10)
    large = sender.admin.send(b"x" * (most * BYTES_A_ROW + 1))

    assert (many.status_code, empty.status_code, large.status_code) == (422, 422, 413)
    assert "it has more than 10,000 rows. Split it" in said(many)
    assert "it has 100,003 lines, far more than 10,000 rows need." in said(empty)
    assert "This is too large to be sent here: 4 MB are the most." in large.text
    assert picture(sender.stack, sender.admin.team) == before


def test_r12_a_list_may_be_larger_than_a_form(sender: Sender) -> None:
    rows = "".join(f"n{number}@people.example,{'Nora ' * 39},free\n" for number in range(6000))
    content = f"email,name,group\n{rows}"
    assert LARGEST_FORM < len(content) < settings().import_rows * BYTES_A_ROW
    assert len(sender.admin.table(sender.admin.check(content))) == 6000


def test_r12_only_lists_may_be_so_large(sender: Sender) -> None:
    admin = sender.admin
    answer = admin.browser.post(admin.page, email=fresh(), group="free", name="x" * 1_100_000)
    assert answer.status_code == 413
    assert "1 MB are the most" in answer.text
