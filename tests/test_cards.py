"""What a guest does on a card that is open to them (R30 to R34), and what account users do."""

import pytest

from models import Contact
from tests import filled
from tests.filled import contact_of, guest_on_card, make_filled
from tests.inviting import text_of
from tests.listening import listening
from tests.removing import give
from tests.stack import Stack


def test_r30_a_guest_sees_all_fields_and_notes(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    page = browser.get(card.path).text
    for said in (card.name, filled.FIELD, filled.VALUE, filled.NOTE):
        assert said in page


def test_r31_a_guest_writes_in_the_internal_chat(stack: Stack) -> None:
    team, card, guest, browser = guest_on_card(stack)
    admin = stack.client(team.admin)
    with listening(admin) as stream:
        assert browser.post(f"{card.path}/chat", text="I can come on Thursday").status_code == 303
        assert stream.wait("notification", within=5).data["from"] == guest.name
    assert "I can come on Thursday" in admin.get(card.path).text


def test_r32_a_guest_writes_to_the_contact(stack: Stack) -> None:
    team, card, guest, browser = guest_on_card(stack)
    contact = contact_of(stack.database, card)

    assert browser.post(f"{card.path}/contact-messages", text="May we see the barn?").status_code == 303

    mail = stack.mails(str(contact.email), template="contact-message")[0]
    for kind in ("plain", "html"):
        assert "May we see the barn?" in text_of(mail, kind) and guest.name in text_of(mail, kind)
    for reader in (browser, stack.client(team.admin)):
        assert "May we see the barn?" in reader.get(card.path).text


def test_r32_a_contact_without_a_mailbox_cannot_be_written_to(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    with stack.database.transaction() as session:
        session.get_one(Contact, contact_of(stack.database, card).id).email = None
    answer = browser.post(f"{card.path}/contact-messages", text="Hello?")
    assert answer.status_code == 422
    assert "no e-mail address" in answer.text


def test_r33_a_guest_writes_to_any_user_of_the_account(stack: Stack) -> None:
    team, _, guest, browser = guest_on_card(stack)
    center = browser.get("/notifications").text
    for person in (team.admin, team.member):
        direct = f"{team.path}/direct/{person.membership_id}"
        assert f'href="{direct}"' in center
        other = stack.client(person)
        with listening(other) as stream:
            assert browser.post(direct, text="Is the gate open?").status_code == 303
            back = stream.wait("notification", within=5).data["url"]
        assert back == f"{team.path}/direct/{guest.membership_id}"
        assert "Is the gate open?" in other.get(back).text
        assert other.post(back, text="It is now").status_code == 303
        assert "It is now" in browser.get(direct).text


def test_r34_a_guest_switches_between_their_cards(stack: Stack) -> None:
    team, lead, guest, browser = guest_on_card(stack)
    customer, closed = make_filled(stack.database, team, name="Café Morgenrot", kind="customer"), stack.card(team)
    admin = stack.client(team.admin)
    give(admin, customer, guest)

    center = browser.get("/notifications").text

    assert f'href="{lead.path}"' in center and f'href="{customer.path}"' in center
    assert closed.path not in center
    assert browser.get(customer.path).status_code == 200

    admin.post(f"{customer.path}/participants/{guest.membership_id}/remove")
    assert customer.path not in browser.get("/notifications").text
    assert browser.get(lead.path).status_code == 200


@pytest.mark.parametrize("kind", ["lead", "customer"])
def test_account_users_work_with_cards(stack: Stack, kind: str) -> None:
    team = stack.account()
    browser = stack.client(team.member)
    card = browser.post(f"{team.path}/{kind}s", name="Stairs <b>of</b> oak").headers["Location"]
    assert browser.post(f"{card}/fields", name="Stairs", new_label="Steps", new_value="14").status_code == 303
    assert browser.post(f"{card}/notes", text="Prefers ash").status_code == 303
    assert browser.post(f"{card}/tasks", text="Measure again", due_on="2030-01-31").status_code == 303
    assert browser.post(f"{card}/notes", text="  ").status_code == 422
    assert browser.post(f"{card}/tasks", text="Later", due_on="31 January").status_code == 422
    page = stack.client(team.admin).get(card).text
    assert all(said in page for said in ("Stairs", "Steps", "14", "Prefers ash", "Measure again", "31 Jan 2030"))
    assert "Later" not in page
    assert card in browser.get(f"{team.path}/{kind}s?q=stair").text

    assert browser.post(f"{card}/delete").status_code == 303
    assert browser.get(card).status_code == 404
    assert card not in browser.get(f"{team.path}/{kind}s").text
