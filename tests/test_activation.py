"""The pages behind mailed links: opening them changes nothing, sending them sets one person's password (R10)."""

import pytest
from sqlalchemy import select, update

from models import Link, UserSession, now
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited, picture, token_path
from tests.people import PASSWORD, Person
from tests.stack import Stack

OTHER = "other words that nobody guesses"
BAD_PASSWORDS = {
    "none": ("", ""),
    "too short": ("fourteen chars", "fourteen chars"),
    "not the same": (NEW_PASSWORD, NEW_PASSWORD + "!"),
    "too long": ("x" * 1025, "x" * 1025),
    "with a NUL": (f"{NEW_PASSWORD}\x00", f"{NEW_PASSWORD}\x00"),
}


@pytest.mark.parametrize("purpose", ["activate", "reset"])
def test_r10_opening_the_page_changes_nothing_however_often(stack: Stack, purpose: str) -> None:
    admin = Admin(stack, stack.account())
    path = invited(stack, admin, fresh()) if purpose == "activate" else asked(stack, stack.guest(admin.team))
    stack.idle()
    before, links = picture(stack, admin.team), links_of_all(stack)

    for _ in range(10):
        page = stack.client().get(path)
        assert page.status_code == 200
    assert stack.client().http.head(path).status_code == 200
    assert stack.client().http.options(path).status_code < 400

    assert (picture(stack, admin.team), links_of_all(stack)) == (before, links)
    # A secret address is sent nowhere and kept nowhere.
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert 'name="password_confirm"' in page.text


def test_r10_sending_it_sets_the_password_and_leads_to_sign_in(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    path = invited(stack, admin, nora, name="Typed by Ada")
    assert 'value="Typed by Ada"' in stack.client().get(path).text

    answer = activate(stack, path, name="Nora New")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login")
    assert admin.row(nora).status == "joined"
    assert "Nora New" in admin.browser.get(admin.page).text
    browser = stack.client()
    assert browser.sign_in(nora, NEW_PASSWORD).status_code == 303
    assert browser.get("/notifications").status_code == 200


def test_r10_who_activates_is_not_signed_in_by_it(stack: Stack) -> None:
    path = invited(stack, Admin(stack, stack.account()), fresh())
    browser = stack.client()
    browser.get(path)
    assert browser.post(path, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD).status_code == 303
    assert browser.get("/notifications").headers["Location"].startswith("/login")


def test_r10_it_binds_the_invited_address_whoever_else_is_signed_in(stack: Stack) -> None:
    nora, team = fresh(), stack.account()
    path = invited(stack, Admin(stack, team), nora)
    max_ = stack.client(team.member)

    page = max_.get(path)
    assert nora in page.text and team.member.email not in page.text
    assert max_.post(path, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD).status_code == 303

    assert stack.client().sign_in(nora, NEW_PASSWORD).status_code == 303
    assert stack.client().sign_in(team.member.email, NEW_PASSWORD).status_code == 403
    assert stack.client().sign_in(team.member.email, PASSWORD).status_code == 303
    assert max_.get(f"{team.path}/leads").status_code == 200
    assert max_.get(f"{team.path}/settings/users").status_code == 403


def test_r10_a_reset_binds_the_address_that_was_asked_for(stack: Stack) -> None:
    team = stack.account()
    path, max_ = asked(stack, team.admin), stack.client(team.member)
    assert max_.post(path, password=OTHER, password_confirm=OTHER).status_code == 303
    assert stack.client().sign_in(team.admin.email, OTHER).status_code == 303
    assert stack.client().sign_in(team.member.email, PASSWORD).status_code == 303


@pytest.mark.parametrize("why", BAD_PASSWORDS)
@pytest.mark.parametrize("purpose", ["activate", "reset"])
def test_r10_a_refused_password_leaves_the_link_alive(stack: Stack, purpose: str, why: str) -> None:
    admin = Admin(stack, stack.account())
    path = invited(stack, admin, fresh()) if purpose == "activate" else asked(stack, stack.guest(admin.team))
    stack.idle()
    before, (password, confirm) = picture(stack, admin.team), BAD_PASSWORDS[why]

    answer = stack.client().post(path, password=password, password_confirm=confirm)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert picture(stack, admin.team) == before
    assert activate(stack, path).status_code == 303


def test_r10_a_token_serves_its_own_purpose_alone(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    guest = stack.guest(admin.team)
    activation, reset = invited(stack, admin, fresh()), asked(stack, guest)
    swapped = ["/password/reset/" + activation.rpartition("/")[2], "/activate/" + reset.rpartition("/")[2]]
    for path in swapped:
        assert stack.client().get(path).status_code == 410
        assert activate(stack, path).status_code == 410


def test_r10_a_reset_takes_effect_once_and_kills_the_other_links(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    first, second = asked(stack, guest), asked(stack, guest)

    assert activate(stack, second, password=OTHER).status_code == 303

    for path in (first, second):
        assert stack.client().get(path).status_code == 410
        assert activate(stack, path, password=NEW_PASSWORD).status_code == 410
    assert stack.client().sign_in(guest.email, PASSWORD).status_code == 403
    assert stack.client().sign_in(guest.email, OTHER).status_code == 303


def test_r10_a_reset_link_dies_of_age(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    path = asked(stack, guest)
    with stack.database.transaction() as session:
        session.execute(update(Link).where(Link.user_id == guest.user_id).values(expires_at=now()))
    assert stack.client().get(path).status_code == 410
    assert activate(stack, path, password=OTHER).status_code == 410


def test_r10_a_reset_ends_every_session(stack: Stack) -> None:
    guest = stack.guest(stack.account())
    browsers = [stack.client(guest), stack.client(guest)]
    path = asked(stack, guest)
    assert activate(stack, path, password=OTHER).status_code == 303
    assert all(browser.get("/notifications").status_code in (303, 403) for browser in browsers)
    with stack.database.reading() as session:
        mine = session.scalars(select(UserSession).where(UserSession.user_id == guest.user_id)).all()
    assert mine and all(each.ended_at for each in mine)


def test_r10_asking_for_a_reset_says_the_same_to_everybody_and_mails_the_registered_alone(stack: Stack) -> None:
    guest, unknown, waiting = stack.guest(stack.account()), fresh(), fresh()
    invited(stack, Admin(stack, stack.account()), waiting)
    answers = [stack.client().post("/password/forgot", email=each) for each in (guest.email, unknown, waiting)]
    assert len({(answer.status_code, answer.headers["Location"], answer.text) for answer in answers}) == 1
    stack.mails(guest.email, template="password-reset")
    stack.idle()
    assert not stack.mails_now(unknown)
    assert not stack.mails_now(waiting, template="password-reset")


def asked(stack: Stack, person: Person) -> str:
    """Ask for a new password by the form; return the path of the page behind the link in the mail."""
    before = len(stack.mails_now(person.email, template="password-reset"))
    assert stack.client().post("/password/forgot", email=person.email).status_code == 303
    return token_path(stack.mails(person.email, count=before + 1, template="password-reset")[-1])


def links_of_all(stack: Stack) -> list[tuple[object, ...]]:
    with stack.database.reading() as session:
        return [tuple(row) for row in session.execute(select(*Link.__table__.columns).order_by(Link.id))]
