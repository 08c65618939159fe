"""What people are called stays on one line, and what they write holds no character that steers instead of showing."""

import html
import re

from models import Card, Contact, Membership, Note, User
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited
from tests.stack import Stack

HOSTILE = " Oak\r\n\x1b[2J\x9b31m \u202eTable\u2066\u2028Ltd\x85 "
ON_ONE_LINE = "Oak [2J 31m Table Ltd"
UNSEEN = "\u200b\u2060 \ufeff\u202e"


def test_a_name_is_one_line_that_turns_nothing_beside_it(stack: Stack) -> None:
    admin = Admin(stack, team := stack.account())
    browser, nora = admin.browser, fresh()
    card = browser.post(f"{team.path}/leads", name=HOSTILE).headers["Location"]
    contact = browser.post(f"{team.path}/contacts", name=HOSTILE).headers["Location"]
    assert browser.post(f"{card}/fields", name="Plain", new_label=HOSTILE, new_value="1").status_code == 303
    activate(stack, invited(stack, admin, nora, name=HOSTILE), name=HOSTILE)

    with stack.database.reading() as session:
        names = [session.get_one(Contact, int(contact.rpartition("/")[2])).name]
        member = session.get_one(Membership, admin.row(nora).membership_id)
        names += [member.name, session.get_one(User, member.user_id).name]
    assert names == [ON_ONE_LINE] * 3
    assert f">{ON_ONE_LINE}<" in browser.get(card).text, "the field's label"
    assert browser.post(f"{card}/fields", name=HOSTILE).status_code == 303
    with stack.database.reading() as session:
        assert session.get_one(Card, int(card.rpartition("/")[2])).name == ON_ONE_LINE


def test_a_name_that_is_an_address_leads_nowhere(stack: Stack) -> None:
    name = "https://evil.example/win"
    admin = Admin(stack, team := stack.account())
    browser, nora = admin.browser, fresh()
    about = {
        what: browser.post(f"{team.path}/{many}", name=name).headers["Location"].rpartition("/")[2]
        for what, many in (("contact_id", "contacts"), ("company_id", "companies"))
    }
    card = browser.post(f"{team.path}/leads", name=name, **about).headers["Location"]
    activate(stack, invited(stack, admin, nora, name=name), name=name)
    seat = admin.row(nora).membership_id
    assert browser.post(f"{card}/chat", text="Look", to=[str(seat)]).status_code == 303
    guest = stack.client()
    assert guest.sign_in(nora, NEW_PASSWORD).status_code == 303
    for one, paths in (
        (browser, (card, admin.page, f"{team.path}/leads", f"{team.path}/contacts", f"{team.path}/audit")),
        (guest, (card, "/notifications", "/sign-ins")),
    ):
        for path in paths:
            page = one.get(path).text
            assert name in page, path
            assert not re.search(r"(href|src|action)=[\"'][^\"']*evil", page), path


def test_what_cannot_be_seen_is_no_name(stack: Stack) -> None:
    admin = Admin(stack, stack.account())
    for where in ("leads", "contacts", "companies"):
        assert admin.browser.post(f"{admin.team.path}/{where}", name=UNSEEN).status_code == 422, where


def test_a_name_too_long_is_refused_in_words_and_nothing_typed_is_lost(stack: Stack) -> None:
    answer = Admin(stack, stack.account()).invite(nora := fresh(), name="Nora " * 50)
    assert answer.status_code == 422
    assert "Name: This text is longer than 200 characters." in answer.text
    assert nora in answer.text and "Nora " * 49 in answer.text


def test_text_keeps_its_lines_and_nothing_that_steers(stack: Stack) -> None:
    admin = Admin(stack, team := stack.account())
    card = stack.card(team)
    assert admin.browser.post(f"{card.path}/notes", text="One\r\n\t\x1b[2Jtwo\x9b👩‍👧").status_code == 303
    with stack.database.reading() as session:
        assert session.query(Note).filter(Note.card_id == card.id).one().text == "One\n\t[2Jtwo👩‍👧"
    assert "[2Jtwo👩‍👧" in html.unescape(admin.browser.get(card.path).text)
