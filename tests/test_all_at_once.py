"""Everything that can be done to one guest, done at once or just too late (R51, R56)."""

from functools import partial

from tests.browser import Browser
from tests.inviting import Admin, activate, fresh, invited
from tests.people import Team
from tests.removing import at_once, left_open
from tests.stack import Stack


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


def ready(stack: Stack, team: Team) -> Browser:
    browser = stack.client(team.admin)
    browser.get("/notifications")
    return browser
