"""Which addresses can be invited, and what becomes of the way they were typed (R7)."""

import html

import pytest

from models import User
from tests.inviting import Admin, fresh, invitation, picture
from tests.stack import Stack

LONGEST_LOCAL = "n" * 64
LABEL = "x" * 61
BAD = {
    "nothing": "",
    "blanks": "   ",
    "a_word": "nora",
    "an_address_without_domain": "nora@",
    "an_address_without_mailbox": "@people.example",
    "two_at_signs": "nora@people@people.example",
    "a_domain_without_dot": "nora@localhost",
    "a_domain_that_begins_with_a_dot": "nora@.people.example",
    "a_domain_with_two_dots": "nora@people..example",
    "a_domain_with_a_hyphen_at_its_end": "nora@people-.example",
    "a_domain_with_an_underscore": "nora@peo_ple.example",
    "a_mailbox_that_ends_with_a_dot": "nora.@people.example",
    "a_mailbox_with_two_dots": "no..ra@people.example",
    "a_mailbox_with_a_blank": "no ra@people.example",
    "a_list_of_addresses": "nora@people.example, max@people.example",
    "a_list_by_semicolon": "nora@people.example;max@people.example",
    "a_list_by_blank": "nora@people.example max@people.example",
    "a_display_name": "Nora New <nora@people.example>",
    "angle_brackets": "<nora@people.example>",
    "a_mailto_link": "mailto:nora@people.example",
    "a_comment": "nora(new)@people.example",
    "a_quoted_mailbox": '"nora new"@people.example',
    "an_ip_address": "nora@[127.0.0.1]",
    "a_bare_ip_address": "nora@127.0.0.1",
    "a_mailbox_of_another_script": "норa@people.example",
    "a_line_break": "nora@people.example\r\nBcc: max@people.example",
    "a_line_break_in_the_mailbox": "no\nra@people.example",
    "a_nul": "nora\x00@people.example",
    "a_control_character": "nora\x07@people.example",
    "an_escape_sequence": "\x1b[31mnora@people.example",
    "a_delete_character": "nora\x7f@people.example",
    "an_invisible_blank": "no\u200bra@people.example",
    "a_turned_direction": "nora\u202e@people.example",
    "a_path_out": "../nora/@people.example/..",
    "a_mailbox_of_65_octets": f"{LONGEST_LOCAL}n@people.example",
    "255_octets": f"{LONGEST_LOCAL}@{LABEL}.{LABEL}.{LABEL}.example",
    "more_than_254_octets_once_encoded": f"nora@{'ü' * 50}.{'ö' * 50}.{'ä' * 50}.{'ß' * 30}.example",
    "a_label_of_64_octets": f"nora@{'x' * 64}.example",
    "thousands_of_letters": "n" * 100_000 + "@people.example",
}


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Admin:
    """One admin for all these addresses: refusing one changes nothing for the next."""
    return Admin(stack, stack.account())


@pytest.mark.parametrize("why", BAD)
def test_r7_refuses(stack: Stack, admin: Admin, why: str) -> None:
    before = picture(stack, admin.team)

    answer = admin.invite(BAD[why], name="Nora New")

    assert 400 <= answer.status_code < 500, answer.status_code
    assert 'role="alert"' in answer.text
    assert "Nora New" in answer.text or len(BAD[why]) > 1000, "what was typed elsewhere is kept"
    assert not set("\x00\x07\x1b\x7f\u202e") & set(answer.text.partition('role="alert"')[2].partition("</p>")[0])
    assert picture(stack, admin.team) == before


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("{0}@people.example", "{0}@people.example"),
        ("  {0}@people.example\t", "{0}@people.example"),
        ("{0}@PEOPLE.Example", "{0}@people.example"),
        ("{0}@BÜCHER.example", "{0}@xn--bcher-kva.example"),
        ("{0}@xn--bcher-kva.example", "{0}@xn--bcher-kva.example"),
        ("{0}+guest@people.example", "{0}+guest@people.example"),
        ("O'{0}/x=y@people.example", "o'{0}/x=y@people.example"),
    ],
)
def test_r7_stores_one_form_and_mails_there_alone(stack: Stack, admin: Admin, typed: str, stored: str) -> None:
    name = fresh().partition("@")[0]
    typed, stored = typed.format(name), stored.format(name)

    assert admin.invite(typed).status_code == 303

    mail = stack.mails(stored)[0]
    assert mail["To"].addresses[0].addr_spec == stored
    found = invitation(stack, admin.sees(stored, "sent").invitation_id)
    assert found.email_typed == typed.strip()
    assert typed.strip() in html.unescape(admin.browser.get(admin.page).text).replace("<wbr>", "")


def test_r7_the_letters_case_makes_nobody_another_person(stack: Stack, admin: Admin) -> None:
    nora = fresh()
    assert admin.invite(nora.title()).status_code == 303
    assert admin.invite(nora.upper()).status_code == 409
    with stack.database.reading() as session:
        assert session.query(User).filter(User.email.ilike(nora)).count() == 1
    stack.idle()
    assert len(stack.mails_now(nora)) == 1


def test_r7_a_plus_makes_another_person(admin: Admin) -> None:
    nora = fresh()
    plus = nora.replace("@", "+two@")
    assert [admin.invite(each).status_code for each in (nora, plus)] == [303, 303]
    assert admin.row(nora).membership_id != admin.row(plus).membership_id


def test_r7_who_was_invited_in_capitals_signs_in_in_small_letters(stack: Stack, admin: Admin) -> None:
    guest = stack.guest(admin.team)
    assert stack.client().sign_in(f" {guest.email.upper()} ", guest.password).status_code == 303
