"""A guest's end date: its warning, more time asked for and given, and access that ends at that moment (R14)."""

import re
from datetime import date, timedelta

from sqlalchemy import select

from models import (
    Delivery,
    DeliveryStatus,
    Grant,
    Job,
    JobStatus,
    Membership,
    MembershipStatus,
    Removal,
    enqueue,
    now,
)
from tests.filled import guest_on_card
from tests.inviting import Admin, links_of, second_admin, text_of
from tests.people import Person
from tests.process import until
from tests.stack import Stack

DAY = timedelta(days=1)


def test_r14_guest_and_sponsor_are_warned_once_and_each_finds_what_to_do(stack: Stack) -> None:
    team = stack.account()
    guest, later = stack.guest(team), stack.guest(team, name="Lena Later")
    other = second_admin(stack, team)
    ends_in(stack, guest, 3 * DAY)
    ends_in(stack, later, 8 * DAY)

    look(stack)
    look(stack)

    (to_guest,) = stack.mails(guest.email, template="access-ending")
    (to_sponsor,) = stack.mails(team.admin.email, template="access-ending")
    assert not stack.mails_now(later.email) and not stack.mails_now(other.email, template="access-ending")
    assert f"{stack.url}/notifications#access" in text_of(to_guest) and "in 3 days" in text_of(to_guest)
    assert "Gwen Guest" in to_sponsor["Subject"]
    assert f"{team.path}/settings/users/{guest.membership_id}/end" in text_of(to_sponsor)
    for mail in (to_guest, to_sponsor):
        assert mail["List-Unsubscribe"] is None, "it is about their access, and comes once"


def test_r14_a_guest_asks_and_an_admin_gives_more_time(stack: Stack) -> None:
    team = stack.account()
    guest, admin = stack.guest(team), Admin(stack, team)
    ends_in(stack, guest, 3 * DAY)
    look(stack)
    stack.mails(guest.email, template="access-ending")
    browser = stack.client(guest)
    assert "Ask for more time" in browser.get("/notifications").text

    assert browser.post(f"{team.path}/extension").headers["Location"] == "/notifications"
    assert browser.post(f"{team.path}/extension").status_code == 409

    assert "keep my access for longer" in admin.browser.get("/notifications").text
    form = f"{team.path}/settings/users/{guest.membership_id}/end"
    assert form in admin.browser.get(admin.page).text
    assert admin.browser.get(form).status_code == 200
    assert admin.browser.post(form, expires_on="2020-01-01").status_code == 422
    last = date.today() + 60 * DAY  # noqa: DTZ011
    assert admin.browser.post(form, expires_on=str(last)).status_code == 303
    assert membership(stack, guest).ends_at.date() == last + DAY
    assert "asked for more time" in admin.browser.get(f"{team.path}/audit").text

    # The new end is warned of as the first one was.
    ends_in(stack, guest, 5 * DAY)
    look(stack)
    assert len(stack.mails(guest.email, template="access-ending", count=2)) == 2
    assert admin.browser.post(form, expires_on="").status_code == 303
    assert membership(stack, guest).ends_at is None


def test_r14_a_warning_whose_end_was_moved_meanwhile_is_not_mailed(stack: Stack) -> None:
    team = stack.account()
    guest, admin, work = stack.guest(team), Admin(stack, team), stack.process("work")
    ends_in(stack, guest, 3 * DAY)
    # Queued by the clock's job, whose mails wait.
    stack.guestlist("jobs", "pause", "deliver")
    try:
        look(stack, is_waiting=True)
        admin.browser.post(f"{team.path}/settings/users/{guest.membership_id}/end", expires_on="2099-12-31")
    finally:
        stack.guestlist("jobs", "resume", "deliver")
    assert work.is_running
    with stack.database.reading() as session:
        of = select(Delivery.id).where(Delivery.subject_id == guest.membership_id)
        assert len(session.scalars(of).all()) == 2
        done = of.where(Delivery.status == DeliveryStatus.CANCELLED)
        until(lambda: len(session.scalars(done).all()) == 2, what="both to be cancelled")
    assert not stack.mails_now(guest.email)


def test_r14_a_guest_without_an_end_has_nothing_to_ask_for(stack: Stack) -> None:
    team = stack.account()
    guest = stack.client(stack.guest(team))
    assert "Ask for more time" not in guest.get("/notifications").text
    assert guest.post(f"{team.path}/extension").status_code == 409


def test_r14_at_that_moment_access_ends_with_a_receipt(stack: Stack) -> None:
    team, card, guest, browser = guest_on_card(stack)
    admin = Admin(stack, team)
    assert browser.get(card.path).status_code == 200
    ends_in(stack, guest, timedelta(milliseconds=-50))

    # At once, before any job has come by.
    assert browser.get(card.path).status_code in (403, 404)
    form = f"{team.path}/settings/users/{guest.membership_id}/end"
    assert admin.browser.post(form, expires_on="2099-12-31").status_code == 409
    with stack.database.transaction() as session:
        enqueue(session, "expire")
    until(lambda: membership(stack, guest).status is MembershipStatus.DELETED, what="the job")

    with stack.database.reading() as session:
        removal = session.get_one(Removal, membership(stack, guest).removal_id or 0)
        assert removal.requested_by_id is None
    told = until(
        lambda: (page := admin.browser.get(f"{team.path}/removals/{removal.id}/receipt.json")).is_success and page
    )
    receipt = told.json()
    assert receipt["ended"]["grants"]["rows"] == 1
    assert all(probe["refused"] for person in receipt["people"] for probe in person["probes"])
    with stack.database.reading() as session:
        of = select(Grant.revoked_at).where(Grant.membership_id == guest.membership_id)
        assert all(session.scalars(of))
    assert re.search("removed", admin.row(guest.email).status)

    # Whoever answers for the guest is told, and never the guest.
    (mail,) = stack.mails(team.admin.email, template="access-ended")
    assert "Gwen Guest" in mail["Subject"] and "end date was reached" in text_of(mail)
    assert f"{stack.url}{team.path}/removals/{removal.id}" in links_of(mail)
    stack.idle()
    assert not stack.mails_now(guest.email, template="access-ended")


def ends_in(stack: Stack, guest: Person, when: timedelta) -> None:
    with stack.database.transaction() as session:
        found = session.get_one(Membership, guest.membership_id)
        found.ends_at, found.warned_at = now() + when, None


def membership(stack: Stack, guest: Person) -> Membership:
    with stack.database.reading() as session:
        return session.get_one(Membership, guest.membership_id)


def look(stack: Stack, *, is_waiting: bool = False) -> None:
    """Let the clock's job come by."""
    with stack.database.transaction() as session:
        job = enqueue(session, "remind")
        session.flush()
        job_id = job.id
    if is_waiting:
        until(lambda: is_done(stack, job_id), what="the job")
    else:
        stack.idle()


def is_done(stack: Stack, job_id: int) -> bool:
    with stack.database.reading() as session:
        return session.get_one(Job, job_id).status is JobStatus.DONE
