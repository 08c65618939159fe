"""A guest who looks sees it at once, and one who does not gets one mail for all of it (R22)."""

import re
from email.message import EmailMessage

import httpx

from models import Card, Membership, User
from tests.inviting import links_of, text_of
from tests.listening import listening, resuming
from tests.people import Lead, Person, Team
from tests.removing import delete_users, give
from tests.stack import Stack
from workflows.converse import say
from workflows.notify import mark_read, visible_notifications


def test_r22_the_notification_comes_live_and_leads_to_the_card(stack: Stack) -> None:
    team, card, guest = story(stack)
    browser = stack.client(guest)
    with listening(browser) as stream:
        give(stack.client(team.admin), card, guest, text="The oak is here")
        event = stream.wait("notification", within=5, card=card.id)

    assert event.data["url"] == card.path
    assert event.data["from"] == team.admin.name
    assert "The oak is here" in browser.get(event.data["url"]).text
    center = browser.get("/notifications").text
    assert f'href="{card.path}"' in center and "The oak is here" in center


def test_r22_a_stream_resumes_where_it_broke_off(stack: Stack) -> None:
    team, card, guest = story(stack)
    admin, browser = stack.client(team.admin), stack.client(guest)
    with listening(browser) as stream:
        give(admin, card, guest, text="First")
        first = stream.wait("notification", within=5)
    give(admin, card, guest, text="Second")
    give(admin, card, guest, text="Third")

    with resuming(browser, first.data["id"]) as stream:
        second = stream.wait("notification", within=5)
        third = stream.wait("notification", within=5, unread=3, id=second.data["id"] + 1)

    assert second.data["id"] > first.data["id"]
    told = [event.data["id"] for event in stream.events if event.name == "notification"]
    assert told == [second.data["id"], third.data["id"]]


def test_r22_a_resumed_stream_is_silent_about_what_was_closed_meanwhile(stack: Stack) -> None:
    team, card, guest = story(stack)
    admin, browser, other = stack.client(team.admin), stack.client(guest), stack.card(team, name="Still open")
    with listening(browser) as stream:
        give(admin, other, guest)
        last = stream.wait("notification", within=5)
    give(admin, card, guest)
    admin.post(f"{card.path}/participants/{guest.membership_id}/remove")
    give(admin, other, guest)

    with resuming(browser, last.data["id"]) as stream:
        stream.wait("notification", within=5, card=other.id)

    assert not [event for event in stream.events if event.data.get("card") == card.id]


def test_r22_reading_counts_down_and_only_ones_own_can_be_read(stack: Stack) -> None:
    team, card, guest = story(stack)
    browser, other = stack.client(guest), stack.client(stack.guest(team))
    give(stack.client(team.admin), card, guest)
    page = browser.get("/notifications").text
    assert "1 unread" in page
    number = re.search(r'data-notification-id="(\d+)"', page)
    assert number

    assert other.post(f"/notifications/{number[1]}/read").status_code == 404
    assert "1 unread" in browser.get("/notifications").text
    assert browser.post(f"/notifications/{number[1]}/read").status_code == 303
    assert "0 unread" in browser.get("/notifications").text


def test_r22_one_mail_gathers_what_was_not_looked_at(stack: Stack) -> None:
    team, card, guest = story(stack)
    other = stack.card(team, name="Ash bench")
    at_once(stack, team, guest, (card, "About the table"), (other, "About the bench"))

    mail = stack.mails(guest.email, template="notification")[0]
    stack.idle()

    assert len(stack.mails_now(guest.email)) == 1
    for said in (card.name, other.name, "About the table", "About the bench", team.admin.name):
        assert said in text_of(mail) and said in text_of(mail, "html")
    assert f"{stack.url}/notifications" in links_of(mail)


def test_r22_what_was_read_in_time_is_not_mailed(stack: Stack) -> None:
    team, card, guest = story(stack)
    with stack.database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        say(session, session.get_one(Card, card.id), by=admin, text="Seen at once", to=[guest.membership_id])
        session.flush()
        mark_read(session, visible_notifications(session, guest.user_id)[0].id, user_id=guest.user_id)

    stack.idle()

    assert not stack.mails_now(guest.email)


def test_r22_revoked_before_delivery_sends_nothing(stack: Stack) -> None:
    team, card, closed_out = story(stack)
    deleted, staying = stack.guest(team), stack.guest(team)
    admin, work = stack.client(team.admin), stack.process("work")
    work.stop()
    try:
        give(admin, card, closed_out, deleted, staying)
        assert admin.post(f"{card.path}/participants/{closed_out.membership_id}/remove").status_code == 303
        assert delete_users(admin, team, deleted).status_code == 303
    finally:
        work.start()

    stack.mails(staying.email, template="notification", within=60)
    stack.idle()

    assert not stack.mails_now(closed_out.email)
    assert not stack.mails_now(deleted.email)


def test_r22_one_click_ends_the_mails_and_a_look_does_not(stack: Stack) -> None:
    team, card, guest = story(stack)
    admin = stack.client(team.admin)
    give(admin, card, guest)
    mail = stack.mails(guest.email, template="notification")[0]
    link = unsubscribe_link(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert httpx.get(link).is_success
    assert wants_mail(stack, guest)

    # As a mail program sends it: no cookie, no token, nothing but this.
    answer = httpx.post(link, data={"List-Unsubscribe": "One-Click"})

    assert answer.is_success
    assert not wants_mail(stack, guest)
    give(admin, card, guest, text="Only to be seen in the center")
    stack.idle()
    assert len(stack.mails_now(guest.email)) == 1
    assert "Only to be seen in the center" in stack.client(guest).get("/notifications").text


def test_r22_unsubscribing_can_be_taken_back(stack: Stack) -> None:
    team, card, guest = story(stack)
    admin, browser = stack.client(team.admin), stack.client(guest)
    assert browser.post("/notifications/preferences").status_code == 303
    assert not wants_mail(stack, guest)
    assert not is_ticked(browser.get("/notifications").text)

    assert browser.post("/notifications/preferences", wants_mail="yes").status_code == 303

    assert is_ticked(browser.get("/notifications").text)
    give(admin, card, guest, text="Again by mail")
    assert "Again by mail" in text_of(stack.mails(guest.email, template="notification")[0])


def test_r22_a_made_up_unsubscribe_link_changes_nothing(stack: Stack) -> None:
    team, card, guest = story(stack)
    give(stack.client(team.admin), card, guest)
    link = unsubscribe_link(stack.mails(guest.email, template="notification")[0])
    for forged in (link[:-2], link.replace("unsubscribe/", "unsubscribe/1"), f"{stack.url}/unsubscribe/{'x' * 9000}"):
        assert httpx.post(forged).status_code in (404, 410)
    assert wants_mail(stack, guest)


def at_once(stack: Stack, team: Team, guest: Person, *said: tuple[Lead, str]) -> None:
    """Address a guest on several cards in one moment, however busy the machine."""
    with stack.database.transaction() as session:
        admin = session.get_one(Membership, team.admin.membership_id)
        for card, text in said:
            say(session, session.get_one(Card, card.id), by=admin, text=text, to=[guest.membership_id])


def unsubscribe_link(mail: EmailMessage) -> str:
    return str(mail["List-Unsubscribe"]).strip("<>")


def is_ticked(page: str) -> bool:
    box = re.search(r'<input[^>]*name="wants_mail"[^>]*>', page)
    assert box
    return "checked" in box[0]


def wants_mail(stack: Stack, person: Person) -> bool:
    with stack.database.reading() as session:
        return session.get_one(User, person.user_id).wants_mail


def story(stack: Stack) -> tuple[Team, Lead, Person]:
    team = stack.account()
    return team, stack.card(team), stack.guest(team)
