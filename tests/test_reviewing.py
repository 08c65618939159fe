"""An access review: who is asked, by one mail, and what becomes of the answer, and of none (R65)."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from models import (
    Database,
    Delivery,
    DeliveryStatus,
    Group,
    Membership,
    MembershipStatus,
    Removal,
    Review,
    ReviewOutcome,
    Template,
    enqueue,
    now,
)
from tests.browser import Browser
from tests.inviting import Admin, fresh, second_admin, text_of
from tests.mail_server import MailServer
from tests.mailing import deliver, part
from tests.people import Person, Team, make_guest, make_person, make_team
from tests.process import until
from tests.removing import at_once, delete_users, give, receipt_of
from tests.stack import Stack
from tests.test_telling import sentences
from workflows.ask import ask_reviewers
from workflows.expire import expire
from workflows.review import leave_reviews, open_reviews, settle_reviews
from workflows.revoke import remove


def test_r65_a_sponsor_is_asked_once_about_all_guests_and_keeps_one_and_ends_one(stack: Stack) -> None:
    team = stack.account()
    gwen, lena, card = stack.guest(team), stack.guest(team, name="Lena Leaving"), stack.card(team)
    other, admin = second_admin(stack, team), Admin(stack, team)
    give(admin.browser, card, lena)
    run(stack)
    run(stack)

    (mail,) = stack.mails(team.admin.email, template="access-review")
    assert "2 guests" in mail["Subject"] and f"{team.path}/reviews" in text_of(mail)
    assert "Gwen Guest: 0 cards, never here" in text_of(mail) and "Lena Leaving: 1 card," in text_of(mail)
    for nobody in (other, team.member, gwen, lena):
        assert not stack.mails_now(nobody.email, template="access-review")

    asked = on_page(admin.browser, team)
    assert set(asked) == {gwen.membership_id, lena.membership_id}
    page = admin.browser.get(f"{team.path}/reviews").text
    assert "1 card ·" in page and "no end date" in page and "invited by Ada Admin" in page
    for _ in range(2):
        assert answer(admin.browser, team, asked[gwen.membership_id], "keep").status_code == 303
        assert answer(admin.browser, team, asked[lena.membership_id], "end").status_code == 303
    # What was answered stands, whatever is answered later.
    assert answer(admin.browser, team, asked[gwen.membership_id], "end").status_code == 409
    assert answer(admin.browser, team, asked[lena.membership_id], "keep").status_code == 409

    assert on_page(admin.browser, team) == {}
    assert stack.client(gwen).get("/notifications").status_code == 200
    until(lambda: admin.row(lena.email).status == "removed", what="the removal")
    receipt = re.search(r'href="([^"]*/removals/\d+)"', admin.browser.get(f"{team.path}/reviews").text)
    told = until(lambda: (got := admin.browser.get(f"{receipt[1]}/receipt.json")).is_success and got).json()
    assert told["requested_by"] == team.admin.email and told["ended"]["grants"]["rows"] == 1
    said = [sentence for sentence, _ in sentences(admin.browser.get(f"{team.path}/audit").text)]
    for sentence in (
        "It was asked whether Gwen Guest keeps access",
        "Ada Admin answered that Gwen Guest keeps access",
        "Ada Admin ended the access of Lena Leaving after it was asked for",
    ):
        assert said.count(sentence) == 1, said


def test_r65_a_member_answers_for_their_own_guests_alone(stack: Stack) -> None:
    team = stack.account()
    own, foreign = stack.guest(team, name="Olga Own"), stack.guest(team, name="Fred Foreign")
    sponsored_by(stack.database, own, team.member)
    run(stack)
    (mail,) = stack.mails(team.member.email, template="access-review")
    assert "Olga Own" in text_of(mail) and "Fred Foreign" not in text_of(mail)
    (to_admin,) = stack.mails(team.admin.email, template="access-review")
    assert "Fred Foreign" in text_of(to_admin) and "Olga Own" not in text_of(to_admin)

    admin, member = stack.client(team.admin), stack.client(team.member)
    reviews = on_page(admin, team)
    assert set(on_page(member, team)) == {own.membership_id}
    assert answer(member, team, reviews[foreign.membership_id], "end").status_code == 404
    for nobody, status in ((stack.client(own), 403), (stack.client(stack.account().admin), 404)):
        assert nobody.get(f"{team.path}/reviews").status_code == status
        assert answer(nobody, team, reviews[own.membership_id], "keep").status_code == status
    elsewhere = stack.account()
    assert answer(stack.client(elsewhere.admin), elsewhere, reviews[own.membership_id], "end").status_code == 404

    assert answer(member, team, reviews[own.membership_id], "end").status_code == 303
    assert state(stack.database, own) is MembershipStatus.DELETED
    assert state(stack.database, foreign) is MembershipStatus.ACTIVE


def test_r65_answers_and_a_removal_at_the_same_moment_do_no_harm(stack: Stack) -> None:
    team = stack.account()
    guest = stack.guest(team)
    admins = [stack.client(each) for each in (team.admin, second_admin(stack, team), team.admin)]
    run(stack)
    review_id = on_page(admins[0], team)[guest.membership_id]
    removed, ended, kept = at_once(
        lambda: delete_users(admins[0], team, guest),
        lambda: answer(admins[1], team, review_id, "end"),
        lambda: answer(admins[2], team, review_id, "keep"),
    )
    receipt_of(admins[0], removed)
    assert {ended.status_code, kept.status_code} <= {303, 409}
    assert state(stack.database, guest) is MembershipStatus.DELETED
    assert on_page(admins[0], team) == {}
    with stack.database.reading() as session:
        removals = select(func.count()).select_from(Removal).where(Removal.account_id == team.id)
        assert session.scalar(removals) == 1
    # Of who has left there is nothing more to end.
    assert answer(admins[0], team, review_id, "keep").status_code == 409


@pytest.mark.parametrize("chosen", ["keep", "end"])
def test_r65_what_nobody_answers_is_settled_at_the_deadline_as_configured(
    database: Database, team: Team, server: MailServer, choose: Callable[..., None], chosen: str
) -> None:
    choose(review_unanswered=chosen)
    guest, gone = make_guest(database, team), make_guest(database, team)
    opened(database)
    settle(database)
    assert outcome(database, guest) is None, "there is time left"
    with database.transaction() as session:
        remove(session, [gone.membership_id], by=session.get_one(Membership, team.admin.membership_id))
        session.execute(update(Review).values(due_at=now()))
    settle(database)
    settle(database)

    assert outcome(database, gone) is ReviewOutcome.GONE
    with database.reading() as session:
        found = session.get_one(Membership, guest.membership_id)
        removal = session.get(Removal, found.removal_id or 0)
    if chosen == "keep":
        assert outcome(database, guest) is ReviewOutcome.UNANSWERED
        assert found.status is MembershipStatus.ACTIVE
    else:
        assert outcome(database, guest) is ReviewOutcome.ENDED
        assert found.status is MembershipStatus.DELETED
        assert removal is not None and removal.requested_by_id is None
        told = [each for each in letters(database, team) if each.template is Template.ACCESS_ENDED]
        assert [each.to_address for each in told] == [team.admin.email]
        assert deliver(database, told[0].id) is DeliveryStatus.SENT
        said = part(server.mails[-1], "plain")
        assert "Nobody answered in time" in said and f"{team.path}/removals/{removal.id}" in said


def test_r65_an_admin_sees_what_nobody_answered_and_answers_late(stack: Stack) -> None:
    team = stack.account()
    guest, admin = stack.guest(team), stack.client(team.admin)
    run(stack)
    with stack.database.transaction() as session:
        session.execute(update(Review).where(Review.account_id == team.id).values(due_at=now()))
    want(stack, "expire")
    stack.idle()
    assert 'data-outcome="unanswered"' in admin.get(f"{team.path}/reviews").text
    assert "Nobody answered in time whether Gwen Guest keeps access" in admin.get(f"{team.path}/audit").text
    assert answer(admin, team, on_page(admin, team)[guest.membership_id], "keep").status_code == 303
    assert on_page(admin, team) == {}


def test_r65_admins_are_asked_where_the_sponsor_was_removed_before_or_after(stack: Stack) -> None:
    team = stack.account()
    bea = second_admin(stack, team)
    early, late, admin = stack.guest(team, name="Erik Early"), stack.guest(team, name="Lars Late"), Admin(stack, team)
    cleo = second_admin(stack, team)
    sponsored_by(stack.database, early, bea)
    sponsored_by(stack.database, late, cleo)
    receipt_of(admin.browser, admin.delete(bea.membership_id))
    run(stack)
    (first,) = stack.mails(team.admin.email, template="access-review")
    assert "Erik Early" in text_of(first) and "Lars Late" not in text_of(first)
    stack.mails(cleo.email, template="access-review")

    receipt_of(admin.browser, admin.delete(cleo.membership_id))
    want(stack, "remind")
    second = stack.mails(team.admin.email, template="access-review", count=2)[1]
    assert "Lars Late" in text_of(second)


def test_r65_a_mail_about_nothing_left_is_not_sent(stack: Stack) -> None:
    team = stack.account()
    guest, admin = stack.guest(team), Admin(stack, team)
    stack.guestlist("jobs", "pause", "deliver")
    try:
        run(stack, is_idle=False)
        until(lambda: mails(stack.database, team), what="the mail to be queued")
        admin.delete(guest.membership_id)
    finally:
        stack.guestlist("jobs", "resume", "deliver")
    stack.idle()
    assert mails(stack.database, team) == [DeliveryStatus.CANCELLED]
    assert not stack.mails_now(team.admin.email, template="access-review")


def test_r65_who_is_no_guest_now_is_not_asked_about(database: Database, team: Team) -> None:
    other = make_team(database)
    guest, ended, closed = make_guest(database, team), make_guest(database, team), make_guest(database, other)
    with database.transaction() as session:
        session.get_one(Membership, ended.membership_id).ends_at = now() - timedelta(seconds=1)
        session.get_one(Membership, closed.membership_id).account.closed_at = now()
    opened(database)
    opened(database)
    with database.reading() as session:
        assert session.scalars(select(Review.membership_id)).all() == [guest.membership_id]
    assert mails(database, team) == [DeliveryStatus.QUEUED]


def test_r65_nobody_loses_access_because_whoever_was_asked_had_left(
    database: Database, team: Team, choose: Callable[..., None]
) -> None:
    choose(review_unanswered="end")
    guest, bea = make_guest(database, team), make_person(database, team.id, fresh("bea"), "Bea Admin", Group.ADMIN)
    sponsored_by(database, guest, bea)
    with database.transaction() as session:
        open_reviews(session)
        # As where the sponsor's removal ends while the question is being written: it finds nothing to pass on.
        session.get_one(Membership, bea.membership_id).status = MembershipStatus.DELETED
        session.execute(update(Review).values(due_at=now()))
    settle(database)
    assert outcome(database, guest) is None, "nobody was asked yet"

    with database.transaction() as session:
        ask_reviewers(session)
    asked = [each.to_address for each in letters(database, team) if each.template is Template.ACCESS_REVIEW]
    assert asked == [team.admin.email]


def test_r65_admins_have_their_time_where_a_sponsor_leaves_at_the_last_moment(
    database: Database, team: Team, choose: Callable[..., None]
) -> None:
    choose(review_unanswered="end")
    guest, bea = make_guest(database, team), make_person(database, team.id, fresh("bea"), "Bea Admin", Group.ADMIN)
    sponsored_by(database, guest, bea)
    opened(database)
    with database.transaction() as session:
        session.execute(update(Review).values(due_at=now()))
        leave_reviews(session, select(Membership.id).where(Membership.id == bea.membership_id))
    with database.transaction() as session:
        ask_reviewers(session)
    settle(database)
    assert outcome(database, guest) is None
    assert state(database, guest) is MembershipStatus.ACTIVE


def test_r65_of_two_questions_about_a_guest_the_later_stands(stack: Stack) -> None:
    team = stack.account()
    guest, admin = stack.guest(team), stack.client(team.admin)
    run(stack)
    old = on_page(admin, team)[guest.membership_id]
    with stack.database.transaction() as session:
        session.execute(update(Review).where(Review.id == old).values(outcome=ReviewOutcome.UNANSWERED))
    run(stack)
    newer = on_page(admin, team)[guest.membership_id]
    assert newer != old and answer(admin, team, newer, "keep").status_code == 303
    assert answer(admin, team, old, "end").status_code == 404
    assert state(stack.database, guest) is MembershipStatus.ACTIVE


def run(stack: Stack, *, is_idle: bool = True) -> None:
    """Let the clock's tick of the review come by."""
    want(stack, "review")
    if is_idle:
        stack.idle()


def want(stack: Stack, kind: str) -> None:
    """Want a job as the clock does, rung for at once."""
    with stack.database.transaction() as session:
        enqueue(session, kind).ring_at = now()


def opened(database: Database) -> None:
    with database.transaction() as session:
        open_reviews(session)
    with database.transaction() as session:
        ask_reviewers(session)


def settle(database: Database) -> None:
    with database.transaction() as session:
        expire(session)
        settle_reviews(session)


def on_page(browser: Browser, team: Team) -> dict[int, int]:
    """Return the reviews that the page offers to answer, by the guest's membership."""
    page = browser.get(f"{team.path}/reviews").text
    found = re.findall(r'data-review-id="(\d+)" data-membership-id="(\d+)"', page)
    return {int(guest): int(review) for review, guest in found}


def answer(browser: Browser, team: Team, review_id: int, what: str) -> httpx.Response:
    return browser.post(f"{team.path}/reviews/{review_id}/{what}")


def sponsored_by(database: Database, guest: Person, sponsor: Person) -> None:
    with database.transaction() as session:
        session.get_one(Membership, guest.membership_id).sponsor_id = sponsor.membership_id


def state(database: Database, guest: Person) -> MembershipStatus:
    with database.reading() as session:
        return session.get_one(Membership, guest.membership_id).status


def outcome(database: Database, guest: Person) -> ReviewOutcome | None:
    with database.reading() as session:
        return session.scalars(select(Review.outcome).where(Review.membership_id == guest.membership_id)).one()


def mails(database: Database, team: Team) -> list[DeliveryStatus]:
    return [each.status for each in letters(database, team) if each.template is Template.ACCESS_REVIEW]


def letters(database: Database, team: Team) -> list[Delivery]:
    with database.reading() as session:
        return list(session.scalars(select(Delivery).where(Delivery.account_id == team.id)))
