"""What a guest never does or sees, though the card is open to them (R35 to R41)."""

from html import unescape

from sqlalchemy import select

from models import Card, Group, Task
from tests import filled
from tests.filled import contact_of, guest_on_card
from tests.inviting import Admin, fresh, picture, text_of
from tests.listening import listening
from tests.people import make_person
from tests.removing import give
from tests.stack import Stack


def test_r35_a_guest_never_edits_fields(stack: Stack) -> None:
    refused_on_card(stack, "fields", name="Mine now", new_label="Mine", new_value="Mine")


def test_r36_a_guest_opens_no_other_page_of_the_account(stack: Stack) -> None:
    team, _, _, browser = guest_on_card(stack)
    hidden = stack.card(team, name="Kept to ourselves")
    pages = ("leads", "customers", "settings/users", "audit", "sweeps", "removals/1", "leads?q=Kept")
    for path in (hidden.path, *(f"{team.path}/{page}" for page in pages)):
        answer = browser.get(path)
        assert answer.status_code in (403, 404)
        assert hidden.name not in answer.text
    assert f'href="{team.path}/leads"' not in browser.get("/notifications").text


def test_r37_tasks_are_absent_from_page_stream_and_mail(stack: Stack) -> None:
    team, card, guest, browser = guest_on_card(stack, is_mailed=True)
    admin = stack.client(team.admin)
    before = len(stack.mails(guest.email))
    with listening(browser) as stream:
        assert admin.post(f"{card.path}/tasks", text="Hide the price").status_code == 303
        give(admin, card, guest, text="After the task")
        stream.wait("notification", within=5)
    stack.mails(guest.email, count=before + 1)

    page = browser.get(card.path).text
    assert "After the task" in page and "Hide the price" in admin.get(card.path).text
    for hidden in ("Hide the price", filled.TASK):
        assert hidden not in page
        assert hidden not in str(stream.events)
        assert not any(hidden in text_of(mail) for mail in stack.mails_now(guest.email))
    assert "Tasks" not in page
    # Not even that something changed: the one event is the message's.
    assert [event.name for event in stream.events].count("card") == 1


def test_r37_a_guest_never_sets_tasks(stack: Stack) -> None:
    refused_on_card(stack, "tasks", text="Do as I say")
    refused_on_card(stack, "tasks/{task}/finish")


def test_r38_a_guest_never_writes_notes(stack: Stack) -> None:
    refused_on_card(stack, "notes", text="I was here")


def test_r39_a_guest_never_adds_guests(stack: Stack) -> None:
    team, card, _, browser = guest_on_card(stack)
    other, before = stack.guest(team, name="Hugo Hidden"), picture(stack, team)
    assert browser.post(f"{team.path}/settings/users", email=fresh(), group="free").status_code == 403
    assert browser.post(f"{card.path}/chat", text="Come in", to=other.membership_id).status_code == 403
    assert picture(stack, team) == before


def test_r40_of_contact_and_company_the_name_alone(stack: Stack) -> None:
    team, card, _, browser = guest_on_card(stack)
    contact = contact_of(stack.database, card)
    fields = (str(contact.email), filled.PHONE, filled.POSITION, filled.WEBSITE, filled.ADDRESS)
    page = unescape(browser.get(card.path).text)
    assert filled.CONTACT in page and filled.COMPANY in page
    assert not [field for field in fields if field in page]
    with stack.database.reading() as session:
        company_id = session.get_one(Card, card.id).company_id
    shown = ""
    for path in (f"{team.path}/contacts/{contact.id}", f"{team.path}/companies/{company_id}"):
        assert path not in page
        assert browser.get(path).status_code == 403
        shown += unescape(stack.client(team.member).get(path).text)
    assert all(field in shown for field in fields)


def test_r41_a_guest_sees_nobody_beyond_participants_and_account_users(stack: Stack) -> None:
    team, card, guest, browser = guest_on_card(stack)
    beside, hidden, gone = (stack.guest(team, name=name) for name in ("Berta Beside", "Hugo Hidden", "Gero Gone"))
    admin, other = stack.client(team.admin), stack.card(team)
    give(admin, card, beside, gone)
    give(admin, other, hidden)
    admin.post(f"{card.path}/participants/{gone.membership_id}/remove")

    pages = browser.get(card.path).text + browser.get("/notifications").text

    assert beside.name in pages and team.member.name in pages
    assert hidden.name not in pages and gone.name not in pages
    everybody = (beside, hidden, gone, team.member, team.admin)
    assert not [person.email for person in everybody if person.email in pages]
    for person in (beside, hidden, gone):
        answer = browser.get(f"{team.path}/direct/{person.membership_id}")
        assert answer.status_code == 404 and person.name not in answer.text
    assert hidden.name in stack.client(team.member).get(card.path).text


def test_r41_that_an_account_user_was_removed_shows_to_those_they_wrote_with_alone(stack: Stack) -> None:
    team, _, guest, browser = guest_on_card(stack)
    stranger, friend = (make_person(stack.database, team.id, fresh(), "Mara Member", Group.MEMBER) for _ in range(2))
    stack.client(friend).post(f"{team.path}/direct/{guest.membership_id}", text="Hello")
    Admin(stack, team).delete(stranger.membership_id, friend.membership_id)

    path, nobody = f"{team.path}/direct/{stranger.membership_id}", f"{team.path}/direct/999999999"
    assert [browser.get(each).status_code for each in (path, nobody)] == [404, 404]
    assert [browser.post(each, text="Anybody?").status_code for each in (path, nobody)] == [404, 404]
    known = f"{team.path}/direct/{friend.membership_id}"
    assert "Hello" in browser.get(known).text
    assert browser.post(known, text="Still there?").status_code == 403


def refused_on_card(stack: Stack, action: str, **fields: str) -> None:
    """Let a guest try it on a card that is theirs to read: refused, nothing changed, and no form offers it."""
    team, card, _, browser = guest_on_card(stack)
    with stack.database.reading() as session:
        task = session.scalars(select(Task.id).where(Task.card_id == card.id)).one()
    path, before = f"{card.path}/{action.format(task=task)}", picture(stack, team)
    assert browser.post(path, **fields).status_code == 403
    assert picture(stack, team) == before
    assert path not in browser.get(card.path).text
    assert path in stack.client(team.member).get(card.path).text
