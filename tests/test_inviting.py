"""An admin adds a free user by the form; a worker finds out who that is, and sends the mail that fits (R1 to R6)."""

import re

import pytest
from sqlalchemy import event

from models import Database, Group, Membership, MembershipStatus
from tests.browser import Browser
from tests.inviting import Admin, activate, fresh, invitation, invited, picture, token_path
from tests.people import Team, make_team
from tests.stack import Stack
from workflows.invite import invite

# What differs between two pages that say the same.
VARYING = (
    (r'(name="csrf_token" value)="[^"]*"', r"\1"),
    (r"<time\b.*?</time>", "TIME"),
    (r"team-[0-9a-f]{8}", "TEAM"),
    (r"\d+", "N"),
)


def test_r1_an_admin_adds_a_free_user_by_the_form(stack: Stack) -> None:
    team, nora = stack.account(), fresh()
    admin = Admin(stack, team)
    form = admin.browser.get(admin.page).text
    assert all(f'name="{field}"' in form for field in ("email", "name", "group", "csrf_token"))
    assert "Add user" in form and "Free users" in form

    answer = admin.invite(nora, name="Nora New")

    assert answer.status_code == 303
    assert "Nora New" in admin.browser.follow(answer).text
    with stack.database.reading() as session:
        seat = session.get_one(Membership, admin.row(nora).membership_id)
        assert (seat.group, seat.status, seat.account_id) == (Group.FREE, MembershipStatus.INVITED, team.id)


def test_r1_an_admin_adds_members_and_admins_as_well(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    for group in (Group.MEMBER, Group.ADMIN):
        path = invited(stack, admin, address := fresh(), group=group.value)
        assert activate(stack, path).status_code == 303
        with stack.database.reading() as session:
            assert session.get_one(Membership, admin.row(address).membership_id).group is group


@pytest.mark.parametrize("who", ["member", "guest", "stranger", "nobody"])
def test_r1_the_server_refuses_everybody_else(stack: Stack, who: str) -> None:
    team = stack.account()
    browser, before = visitor(stack, team, who), picture(stack, team)

    answer = browser.post(f"{team.path}/settings/users", email=fresh(), group="free")

    assert answer.status_code in (403, 404)
    assert picture(stack, team) == before
    page = browser.get(f"{team.path}/settings/users")
    assert page.status_code in ((303,) if who == "nobody" else (403, 404))
    assert team.admin.email not in page.text


def test_r1_who_lost_the_right_while_the_form_was_open_is_refused(stack: Stack) -> None:
    team = stack.account()
    admin = Admin(stack, team)
    admin.browser.get(admin.page)
    with stack.database.transaction() as session:
        session.get_one(Membership, team.admin.membership_id).group = Group.MEMBER
    before = picture(stack, team)
    assert admin.invite(fresh()).status_code == 403
    assert picture(stack, team) == before


def test_r2_the_answer_waits_for_no_worker_and_the_row_moves_by_itself(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    stack.process("work").stop()
    try:
        assert admin.invite(nora).status_code == 303
        queued = admin.row(nora)
        assert queued.status == "queued"
        assert not stack.mails_now(nora)
    finally:
        stack.process("work").start()

    # A worker takes its time to start on a busy machine.
    sent = admin.sees(nora, "sent", within=60)
    assert (sent.invitation_id, sent.membership_id) == (queued.invitation_id, queued.membership_id)
    assert invitation(stack, sent.invitation_id).membership_id == sent.membership_id

    activate(stack, token_path(stack.mails(nora)[0]))
    assert admin.row(nora).status == "joined"
    assert len(stack.mails_now(nora)) == 1


def test_r6_the_admin_sees_the_same_for_a_known_and_an_unknown_address(stack: Stack) -> None:
    known, unknown = stack.guest(stack.account()).email, fresh("guest")
    shown = {address: everything_shown(stack, address) for address in (known, unknown)}

    assert stack.mails_now(known)[-1]["X-Guestlist-Template"] == "invitation-existing"
    assert stack.mails_now(unknown)[-1]["X-Guestlist-Template"] == "invitation-new"
    assert shown[known].keys() == shown[unknown].keys()
    for moment, page in shown[known].items():
        assert page == shown[unknown][moment], moment


def test_r6_the_name_that_a_known_person_gave_elsewhere_stays_unseen(stack: Stack) -> None:
    known = stack.guest(stack.account(), name="Secretly Registered")
    admin = Admin(stack, stack.account())
    admin.invite(known.email, name="What I Typed")
    admin.sees(known.email, "sent")
    for path in (admin.page, f"{admin.team.path}/audit"):
        assert "Secretly Registered" not in admin.browser.get(path).text


def test_r6_inviting_costs_the_same_statements_for_a_known_and_an_unknown_address(database: Database) -> None:
    team, elsewhere = make_team(database), make_team(database)

    def statements(address: str) -> list[str]:
        said: list[str] = []
        listen = (database.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
        with database.transaction() as session:
            by = session.get_one(Membership, team.admin.membership_id)
            event.listen(*listen)
            invite(session, by=by, email=address, group="free")
            session.flush()
            event.remove(*listen)
        return said

    assert statements(fresh()) == statements(elsewhere.member.email)


def test_r6_nobody_in_the_account_can_open_the_queues(stack: Stack) -> None:
    team = stack.account()
    for person in (team.admin, team.member, stack.guest(team)):
        assert stack.client(person).get("/ops/jobs").status_code in (403, 404)


def everything_shown(stack: Stack, address: str) -> dict[str, str]:
    """Invite an address into an account of its own, and return all that its admin sees of it, told alike."""
    admin = Admin(stack, stack.account())
    audit = f"{admin.team.path}/audit"
    seen = {"answer": admin.invite(address, name="Somebody")}
    admin.sees(address, "sent")
    stack.idle()
    seen |= {"sent": admin.browser.get(admin.page), "audit": admin.browser.get(audit)}
    seen["twice"] = admin.invite(address)
    seen["resent"] = admin.resend(address)
    stack.mails(address, count=2)
    stack.idle()
    seen |= {"sent again": admin.browser.get(admin.page), "audit again": admin.browser.get(audit)}
    seen["cancelled"] = admin.cancel(address)
    seen |= {"end": admin.browser.get(admin.page), "audit at the end": admin.browser.get(audit)}
    return {moment: f"{answer.status_code} {alike(answer.text, address)}" for moment, answer in seen.items()}


def alike(page: str, address: str) -> str:
    """Return a page without addresses, ids, times and tokens."""
    page = page.replace("<wbr>", "").replace(address, "ADDRESS")
    for pattern, same in VARYING:
        page = re.sub(pattern, same, page, flags=re.DOTALL)
    return page


def visitor(stack: Stack, team: Team, who: str) -> Browser:
    """Return the browser of somebody who is no admin of the team."""
    people = {
        "member": lambda: team.member,
        "guest": lambda: stack.guest(team),
        "stranger": lambda: stack.account().admin,
        "nobody": lambda: None,
    }
    return stack.client(people[who]())
