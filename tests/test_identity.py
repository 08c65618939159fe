"""Who is who: one person over several accounts, and addresses that look alike without being the same."""

import pytest
from sqlalchemy import select, update

from models import (
    Account,
    Database,
    Delivery,
    DeliveryStatus,
    Group,
    LinkPurpose,
    Membership,
    Template,
    User,
    now,
)
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited, second_admin, token_path
from tests.mail_server import MailServer
from tests.mailing import deliver, link_in, newest
from tests.people import PASSWORD, Person, Team, make_guest
from tests.stack import Stack
from workflows.activate import ask_reset, find_link
from workflows.invite import invite
from workflows.post import post
from workflows.refusals import LinkDead

NEW, EXISTING = "invitation-new", "invitation-existing"
OTHER = "somebody else's words here"
# One mailbox, as people and their keyboards write it.
SAME = (
    "{0}@PEOPLE.EXAMPLE",
    "  {0}@people.example ",
    "{0}@ｐｅｏｐｌｅ.example",
    "{0}@people。example",
)
# Another mailbox, whatever it looks like, or none at all.
LIKE = (
    "{0}+crm@people.example",
    "{0}@pe\u043eple.example",
    "{0}@peopl\u00e9.example",
    "{0}@people.ex\u0430mple",
    "{0}@peoples.example",
    "\uff4e{0}@people.example",
    "\u043d{0}@people.example",
    "\u0131{0}@people.example",
    "\u0130{0}@people.example",
    "\u212a{0}@people.example",
    "\u017f{0}@people.example",
    "{0}@p\u0131xel.example",
)


def test_r3_who_never_activated_in_one_account_is_new_in_the_next(stack: Stack) -> None:
    nora, first, second = fresh(), Admin(stack, stack.account()), Admin(stack, stack.account())
    unused = invited(stack, first, nora)

    path = invited(stack, second, nora)

    assert len(stack.mails(nora, count=2, template=NEW)) == 2
    assert activate(stack, path).status_code == 303
    assert second.row(nora).status == "joined"
    assert first.row(nora).status == "sent"
    # The other account's link is worth no second password: it leads to the sign-in, which joins.
    for answer in (stack.client().get(unused), activate(stack, unused, password=OTHER)):
        assert answer.status_code == 409
        assert "/login" in answer.text
    assert stack.client().sign_in(nora, OTHER).status_code == 403
    assert stack.client().sign_in(nora, NEW_PASSWORD).status_code == 303
    assert first.row(nora).status == "joined"
    assert stack.client().get(unused).status_code == 410


def test_r3_who_was_never_activated_and_expired_elsewhere_gets_in_by_the_new_link_alone(stack: Stack) -> None:
    nora, first, second = fresh(), Admin(stack, stack.account()), Admin(stack, stack.account())
    old = invited(stack, first, nora)
    assert first.cancel(nora).status_code == 303
    path = invited(stack, second, nora)
    assert activate(stack, old).status_code == 410
    assert activate(stack, path).status_code == 303
    assert stack.client().sign_in(nora, NEW_PASSWORD).status_code == 303
    assert first.row(nora).status == "cancelled"
    assert f"Team {first.team.slug}" not in stack.client(person(nora)).get("/accounts").text


def test_a_link_opened_in_one_window_dies_when_the_other_windows_is_used(stack: Stack) -> None:
    nora, first, second = fresh(), Admin(stack, stack.account()), Admin(stack, stack.account())
    paths = [invited(stack, admin, nora) for admin in (first, second)]
    windows = [stack.client(), stack.client()]
    for window, path in zip(windows, paths, strict=True):
        assert window.get(path).status_code == 200
    sent = [{"password": each, "password_confirm": each} for each in (NEW_PASSWORD, OTHER)]

    answers = [window.post(path, **form) for window, path, form in zip(windows, paths, sent, strict=True)]

    assert [answer.status_code for answer in answers] == [303, 409]
    assert [stack.client().sign_in(nora, each).status_code for each in (OTHER, NEW_PASSWORD)] == [403, 303]


def test_who_is_registered_in_a_closed_account_only_comes_back_with_the_same_password(stack: Stack) -> None:
    guest = stack.guest(closed := stack.account())
    with stack.database.transaction() as session:
        session.execute(update(Account).where(Account.id == closed.id).values(closed_at=now()))
    assert stack.client().sign_in(guest.email, PASSWORD).status_code == 403
    stack.client().post("/password/forgot", email=guest.email)
    stack.idle()
    admin = Admin(stack, stack.account())
    admin.invite(guest.email)
    mail = stack.mails(guest.email, template=EXISTING)[0]
    assert "/activate/" not in mail.as_string()

    browser = stack.client()
    assert browser.sign_in(guest.email, PASSWORD).status_code == 303

    assert admin.row(guest.email).status == "joined"
    assert f"Team {closed.slug}" not in browser.get("/accounts").text
    assert browser.get(f"{closed.path}/leads").status_code in (403, 404)


def test_an_address_that_was_changed_takes_its_links_with_it(stack: Stack) -> None:
    admin, guest = Admin(stack, stack.account()), stack.guest(stack.account())
    activation = invited(stack, admin, nora := fresh())
    stack.client().post("/password/forgot", email=guest.email)
    reset = token_path(stack.mails(guest.email, template="password-reset")[0])
    moved = {nora: fresh("moved"), guest.email: fresh("moved")}
    move(stack.database, moved)

    for path in (activation, reset):
        assert stack.client().get(path).status_code == 410
        assert activate(stack, path, password=OTHER).status_code == 410
    assert stack.client().sign_in(guest.email, PASSWORD).status_code == 403
    assert stack.client().sign_in(moved[guest.email], PASSWORD).status_code == 303
    # Sent again, the invitation goes where the person is now.
    assert admin.resend(moved[nora]).status_code == 303
    assert activate(stack, token_path(stack.mails(moved[nora])[0])).status_code == 303
    # Whoever has the old address is somebody else.
    assert admin.invite(nora).status_code == 303
    assert activate(stack, token_path(stack.mails(nora, count=2, template=NEW)[1])).status_code == 303


def test_mail_in_the_queue_is_not_sent_to_the_address_from_before(
    database: Database, team: Team, server: MailServer
) -> None:
    guest, nora = make_guest(database, team), fresh()
    queued = []
    with database.transaction() as session:
        by = session.get_one(Membership, team.admin.membership_id)
        invite(session, by=by, email=nora, group="free")
        session.flush()
        ask_reset(session, guest.email)
        post(session, to=guest.email, template=Template.PASSWORD_CHANGED)
        session.flush()
        queued += session.scalars(select(Delivery.id)).all()
    move(database, {nora: fresh("moved"), guest.email: fresh("moved")})
    assert [deliver(database, each) for each in queued] == [DeliveryStatus.CANCELLED] * 3
    assert server.mails == []


def test_a_link_is_worth_nothing_once_the_address_moved(database: Database, team: Team, server: MailServer) -> None:
    with database.transaction() as session:
        ask_reset(session, team.member.email)
    deliver(database, newest(database))
    token = link_in(server.mails[0], "/password/reset")
    with database.reading() as session:
        assert find_link(session, token, LinkPurpose.RESET).address == team.member.email
    move(database, {team.member.email: fresh("moved")})
    with database.reading() as session, pytest.raises(LinkDead):
        find_link(session, token, LinkPurpose.RESET)


@pytest.mark.parametrize("typed", SAME)
def test_r7_one_mailbox_is_one_person_however_it_is_typed(stack: Stack, typed: str) -> None:
    admin, nora = Admin(stack, stack.account()), fresh()
    path = invited(stack, admin, nora)
    assert activate(stack, path).status_code == 303
    local = nora.partition("@")[0]
    for each in (typed.format(local), typed.format(local.upper())):
        assert admin.invite(each).status_code == 409
        assert stack.client().sign_in(each, NEW_PASSWORD).status_code == 303
        before = len(stack.mails_now(nora))
        assert stack.client().post("/password/forgot", email=each).status_code == 303
        mail = stack.mails(nora, count=before + 1)[-1]
        assert mail["To"].addresses[0].addr_spec == nora


@pytest.mark.parametrize("typed", LIKE)
def test_r7_what_only_looks_like_somebody_is_somebody_else_or_nobody(stack: Stack, typed: str) -> None:
    admin, nora = Admin(stack, stack.account()), fresh()
    assert activate(stack, invited(stack, admin, nora)).status_code == 303
    like = typed.format(nora.partition("@")[0])
    stack.idle()
    before = len(stack.mails_now(nora))

    asked = stack.client().post("/password/forgot", email=like).status_code
    signed_in = stack.client().sign_in(like, NEW_PASSWORD).status_code
    asked_in = Admin(stack, stack.account()).invite(like).status_code

    assert (asked, asked_in) in ((303, 303), (422, 422))
    # Whatever is no address counts as one person, who may have tried too often already.
    assert signed_in in (403, 429)
    stack.idle()
    assert len(stack.mails_now(nora)) == before


@pytest.mark.parametrize("end", ["demoted", "removed"])
def test_r9_an_inviter_who_is_one_no_more_lets_nobody_in(stack: Stack, end: str) -> None:
    team, nora, known = stack.account(), fresh(), stack.guest(stack.account())
    inviter = second_admin(stack, team)
    theirs = Admin(stack, team, inviter)
    path = invited(stack, theirs, nora)
    theirs.invite(known.email)
    theirs.sees(known.email, "sent")
    window = stack.client()
    assert window.get(path).status_code == 200

    if end == "removed":
        Admin(stack, team).delete(inviter.membership_id)
    else:
        with stack.database.transaction() as session:
            session.get_one(Membership, inviter.membership_id).group = Group.MEMBER

    answer = window.post(path, password=NEW_PASSWORD, password_confirm=NEW_PASSWORD)
    assert answer.status_code == 410
    assert stack.client().sign_in(nora, NEW_PASSWORD).status_code == 403
    assert f"Team {team.slug}" not in stack.client(known).get("/accounts").text
    with stack.database.reading() as session:
        assert session.scalars(select(User).where(User.email == nora)).one().password_hash is None


def person(email: str) -> Person:
    """Return somebody who has activated, as far as signing in needs them."""
    return Person(email, "", 0, 0, 0, password=NEW_PASSWORD)


def move(database: Database, addresses: dict[str, str]) -> None:
    """Change people's addresses, as an operator does in the database."""
    with database.transaction() as session:
        for before, after in addresses.items():
            session.execute(update(User).where(User.email == before).values(email=after))
