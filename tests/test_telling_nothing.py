"""What no figure, list or page tells: who was known before, and what goes on in other accounts (R6, R41, G4)."""

import re
from typing import NamedTuple

from sqlalchemy import select

from models import Link, Sweep, UserSession, now
from tests.inviting import Admin, fresh
from tests.people import Team
from tests.process import until
from tests.removing import receipt_of
from tests.stack import Stack
from workflows.sweep import begin_sweep

FIGURE = re.compile(r"<td>([\w ]+)</td><td class=\"number\">(\d+)</td><td class=\"number\">(\d+)</td>")
SUM = re.compile(r"<dt>([\w ]+)</dt><dd>(\d+)</dd>")
EVENT = re.compile(r"<code>([a-z]+\.[a-z]+)</code>")


class Seen(NamedTuple):
    """All the figures that an admin gets by inviting, sweeping and removing one address."""

    rows: list[str]
    preview: list[tuple[str, str]]
    removal: list[tuple[str, str, str]]
    receipt: dict[str, int]
    events: list[str]


def test_r6_no_figure_of_sweep_removal_receipt_and_audit_tells_who_was_known(stack: Stack) -> None:
    known, gone = stack.guest(stack.account()), stack.guest(team := stack.account())
    for person in (known, known, gone):
        stack.client(person)
    leave(stack, team, gone.email)

    unknown, *others = [figures_of(stack, email) for email in (fresh(), known.email, gone.email)]

    assert unknown.removal and unknown.preview, "there is something to compare"
    for other in others:
        assert other == unknown


def test_r6_what_is_not_counted_ends_all_the_same(stack: Stack) -> None:
    gone = stack.guest(team := stack.account())
    leave(stack, team, gone.email)
    admin = Admin(stack, stack.account())
    admin.invite(gone.email)
    stack.client().post("/password/forgot", email=gone.email)
    stack.mails(gone.email, template="password-reset")
    with stack.database.transaction() as session:
        session.add(UserSession(user_id=gone.user_id, digest=fresh(), expires_at=now().replace(year=now().year + 1)))

    leave(stack, admin.team, gone.email)

    with stack.database.reading() as session:
        of = select(Link.revoked_at).where(Link.user_id == gone.user_id)
        assert all(session.scalars(of))
        assert all(session.scalars(select(UserSession.ended_at).where(UserSession.user_id == gone.user_id)))


def test_g4_a_sweep_of_all_accounts_tells_an_admin_no_totals(stack: Stack) -> None:
    admin = stack.client((team := stack.account()).admin)
    with stack.database.transaction() as session:
        sweep_id = begin_sweep(session).id
    path = f"{team.path}/sweeps/{sweep_id}"
    until(lambda: "data-finished" in admin.get(path).text, what="the sweep", within=60)

    with stack.database.reading() as session:
        total = session.get_one(Sweep, sweep_id).rows

    assert total
    assert f"{total} rows" not in admin.get(path).text + admin.get(f"{team.path}/sweeps").text


def test_r41_a_guest_cannot_tell_who_is_invited_as_a_colleague(stack: Stack) -> None:
    team = stack.account()
    admin, guest = Admin(stack, team), stack.client(stack.guest(team))
    admin.invite(email := fresh(), group="member")

    for wanted in (admin.row(email).membership_id, 10**12):
        assert guest.get(f"{team.path}/direct/{wanted}").status_code == 404
        assert guest.post(f"{team.path}/direct/{wanted}", text="Hello").status_code == 404


def figures_of(stack: Stack, email: str) -> Seen:
    """Do with an address what an admin can, in an account of its own, and return every figure that is shown."""
    admin = Admin(stack, team := stack.account())
    rows = [sweep(stack, admin)]
    admin.invite(email)
    admin.sees(email, "sent")
    rows.append(sweep(stack, admin))
    # Anybody can ask for this; only who is known gets a link by it.
    stack.client().post("/password/forgot", email=email)
    rows.append(sweep(stack, admin))
    member = admin.row(email).membership_id
    preview = admin.browser.post(f"{admin.page}/delete", ids=str(member)).text
    removal = admin.delete(member)
    receipt = receipt_of(admin.browser, removal)
    rows.append(sweep(stack, admin))
    return Seen(
        rows,
        SUM.findall(preview),
        FIGURE.findall(re.sub(r"\s+", " ", admin.browser.follow(removal).text)),
        {name: part["rows"] for name, part in receipt["ended"].items()},
        # Who waits for the receipt is refused until it is written.
        [each for each in EVENT.findall(admin.browser.get(f"{team.path}/audit").text) if each != "access.refused"],
    )


def sweep(stack: Stack, admin: Admin) -> str:
    """Sweep the account, and return what the page says of the rows looked at."""
    stack.idle()
    path = admin.browser.post(f"{admin.team.path}/sweeps").headers["Location"]
    until(lambda: "data-finished" in admin.browser.get(path).text, what="the sweep", within=60)
    stack.idle()
    found = re.search(r"(\d+) rows", admin.browser.get(path).text)
    assert found
    return found[1]


def leave(stack: Stack, team: Team, email: str) -> None:
    """Remove somebody from an account, and wait until that is through."""
    admin = Admin(stack, team)
    receipt_of(admin.browser, admin.delete(admin.row(email).membership_id))
    stack.idle()
