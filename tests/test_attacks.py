"""What somebody hostile tried: to learn who was known before, to be led elsewhere, to break a page by a mail."""

import re
import smtplib
from functools import partial
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import select

from models import Delivery, Link, Sweep, Template, UserSession, now
from tests.browser import Browser
from tests.filled import guest_on_card
from tests.inviting import Admin, activate, fresh, invited
from tests.people import Team
from tests.process import until
from tests.removing import at_once, left_open, receipt_of
from tests.stack import Stack
from tests.test_replies import written_to_contact
from workflows.sweep import begin_sweep

FIGURE = re.compile(r"<td>([\w ]+)</td><td class=\"number\">(\d+)</td><td class=\"number\">(\d+)</td>")
SUM = re.compile(r"<dt>([\w ]+)</dt><dd>(\d+)</dd>")
EVENT = re.compile(r"<code>([a-z]+\.[a-z]+)</code>")
HOSTILE_MAILS = (
    b"Content-Type: text/plain; charset=no-such\r\n\r\nhello",
    b"Content-Type: text/html; charset=no-such\r\n\r\n<b>hello</b>",
    b"Content-Type: text/plain; charset=rot13\r\n\r\nhello",
    b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800 hello",
    b"Content-Type: text/html; charset=unicode_escape\r\n\r\n\\ud800 hello",
    b"Content-Type: text/plain; charset*=x''%ff\r\n\r\nhello",
    b"Subject: =?unicode_escape?q?=5Cud800?=\r\nTo: =?unicode_escape?q?=5Cud800?= <a@b.example>\r\n\r\nhello",
    b"Subject: \xff\xfe\r\nTo: \xff\xfe <\r\nDate: Mon, 99 Foo 99999\r\nMessage-ID: [[[\r\n\r\nhello",
    b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n",
)


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


@pytest.mark.parametrize("path", ["/a//{}/leads", "/a/{}//leads", "/login//", "/a/{}/leads//1", "//evil.example/a"])
def test_a_mended_address_leads_to_no_host_that_the_request_names(stack: Stack, path: str) -> None:
    team = stack.account()
    answer = stack.client(team.admin).get(path.format(team.slug), Host="evil.example")
    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("mail", HOSTILE_MAILS)
def test_a_hostile_mail_breaks_no_page(stack: Stack, mail: bytes) -> None:
    browser, before = stack.client(), names_of_mails(stack)

    send(stack, mail, fresh())

    (name,) = names_of_mails(stack) - before
    assert browser.get(f"/dev/mail/{name}").status_code == 200
    assert browser.get(f"/dev/mail/{name}.eml").status_code == 200
    assert browser.get(f"/dev/mail/{name}/body").status_code in (200, 404)


def test_r32_an_answer_in_an_odd_charset_is_kept_or_left_alone(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    address = written_to_contact(stack, card, browser)
    for text in (b"\\u0000\\u0020", b"\\u0000\\ud800 Odd words"):
        send(stack, b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n" + text, address)

    until(lambda: "Odd words" in browser.get(card.path).text)
    assert browser.get(card.path).text.count("Contact</strong>") == 1, "an answer of nothing is none"


def test_r41_a_guest_cannot_tell_who_is_invited_as_a_colleague(stack: Stack) -> None:
    team = stack.account()
    admin, guest = Admin(stack, team), stack.client(stack.guest(team))
    admin.invite(email := fresh(), group="member")

    for wanted in (admin.row(email).membership_id, 10**12):
        assert guest.get(f"{team.path}/direct/{wanted}").status_code == 404
        assert guest.post(f"{team.path}/direct/{wanted}", text="Hello").status_code == 404


def test_nobody_fills_a_mailbox_by_asking_for_resets(stack: Stack) -> None:
    guest, browser = stack.guest(stack.account()), stack.client()
    answers = [browser.post("/password/forgot", email=guest.email) for _ in range(8)]
    assert {(answer.status_code, answer.headers["Location"]) for answer in answers} == {(303, "/password/asked")}
    with stack.database.reading() as session:
        of = select(Delivery.id).where(Delivery.user_id == guest.user_id, Delivery.template == Template.PASSWORD_RESET)
        assert len(session.scalars(of).all()) == 5


def test_r56_everything_about_one_guest_at_once_leaves_nothing_open(stack: Stack) -> None:
    admin = Admin(stack, team := stack.account())
    card = stack.card(team)
    path = invited(stack, admin, email := fresh())
    row, page = admin.row(email), f"{team.path}/settings"
    admins = [ready(stack, team) for _ in range(8)]

    posts = [
        partial(admins[0].post, f"{page}/users/delete", ids=str(row.membership_id), confirm="yes"),
        partial(admins[1].post, f"{page}/users/delete", ids=str(row.membership_id), confirm="yes"),
        partial(admins[2].post, f"{page}/invitations/{row.invitation_id}/resend"),
        partial(admins[3].post, f"{page}/invitations/{row.invitation_id}/cancel"),
        partial(admins[4].post, f"{card.path}/chat", text="Look", to=str(row.membership_id)),
        partial(admins[5].post, f"{card.path}/chat", text="Look", to=str(row.membership_id)),
        partial(admins[6].post, f"{card.path}/participants/{row.membership_id}/remove"),
        partial(admins[7].post, f"{card.path}/delete"),
        partial(activate, stack, path, name="Nora"),
    ]
    answers = at_once(*posts)

    stack.idle()
    assert {answer.status_code for answer in answers[:2]} <= {303, 409}, "removed, or cancelled just before"
    assert not left_open(stack.database, row.membership_id)


def test_r51_who_was_cancelled_before_they_could_be_deleted_is_said_to_have_changed(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    admin.invite(email := fresh())
    assert f'name="ids" value="{admin.row(email).membership_id}"' in admin.browser.get(admin.page).text
    admin.cancel(email)

    answer = admin.delete(admin.row(email).membership_id)

    assert answer.status_code == 409
    assert "This has changed in the meantime." in answer.text
    assert f'name="ids" value="{admin.row(email).membership_id}"' not in answer.text


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


def ready(stack: Stack, team: Team) -> Browser:
    browser = stack.client(team.admin)
    browser.get("/notifications")
    return browser


def names_of_mails(stack: Stack) -> set[str]:
    page = stack.client().get("/dev/mail")
    assert page.status_code == httpx.codes.OK
    return set(re.findall(r"/dev/mail/([^\"/]+)\.eml", page.text))


def send(stack: Stack, mail: bytes, to: str) -> None:
    with smtplib.SMTP("127.0.0.1", int((stack.home / "smtp.port").read_text())) as server:
        server.sendmail("mallory@client.example", [to], mail)
