"""Account users keep contacts and companies, and say which of them a card is about."""

import pytest

from models import Card, Company, Contact
from tests.filled import contact_of, guest_on_card, make_filled
from tests.stack import Stack

FACTS = {
    "contacts": {"name": "Ida Berg", "email": "ida@berg.example", "phone": "+46 8 555 0199", "position": "Forester"},
    "companies": {"name": "Berg Timber", "website": "https://berg.example", "address": "Pine Road 9"},
}
CHANGED = {
    "contacts": {"name": "Ida Berg-Lund", "email": "", "phone": "", "position": "Head of forests"},
    "companies": {"name": "Berg & Lund", "website": "", "address": "Pine Road 10"},
}
each_sort = pytest.mark.parametrize("sort", FACTS)


@each_sort
def test_account_users_create_and_edit(stack: Stack, sort: str) -> None:
    team = stack.account()
    member, known = stack.client(team.member), f"{team.path}/{sort}"

    made = member.post(known, **FACTS[sort])
    assert made.status_code == 303
    page, listed = member.follow(made).text, member.get(known).text
    assert all(fact in page and fact in listed for fact in FACTS[sort].values())

    where = made.headers["Location"]
    assert member.post(where, **CHANGED[sort]).headers["Location"] == where
    page = stack.client(team.admin).get(where).text
    assert all(fact.replace("&", "&amp;") in page for fact in CHANGED[sort].values())
    assert not [fact for name, fact in FACTS[sort].items() if not CHANGED[sort][name] and fact in page]


@each_sort
def test_a_name_alone_suffices_and_no_name_does_not(stack: Stack, sort: str) -> None:
    team = stack.account()
    browser, known = stack.client(team.member), f"{team.path}/{sort}"
    where = browser.post(known, name="Ida").headers["Location"]
    assert browser.post(where, position="Boss", address="Home").status_code == 303
    for fields in ({}, {"name": "  "}, {"name": "x" * 201}, {"name": "x\x00"}):
        assert browser.post(known, **fields).status_code == 422
    for fields in ({"name": ""}, {"name": "Eva", "phone": "1" * 51, "website": "w" * 301}):
        assert browser.post(where, **fields).status_code == 422
    assert "<h1>Ida</h1>" in browser.get(where).text


def test_r7_a_contacts_address_is_one_that_mail_can_reach(stack: Stack) -> None:
    team = stack.account()
    browser, known = stack.client(team.member), f"{team.path}/contacts"
    for typed in ("ida", "ida@berg.example, eva@berg.example", "Ida <ida@berg.example>", f"{'i' * 250}@berg.example"):
        answer = browser.post(known, name="Ida Berg", email=typed)
        assert answer.status_code == 422 and 'value="Ida Berg"' in answer.text
    where = browser.post(known, name="Ida", email=" Ida@BERG.example ").headers["Location"]
    assert "ida@berg.example" in browser.get(where).text
    answer = browser.post(where, name="Eva", email="eva")
    assert answer.status_code == 422 and 'value="eva"' in answer.text and "<h1>Ida</h1>" in answer.text


def test_lists_are_found_by_name(stack: Stack) -> None:
    team = stack.account()
    browser = stack.client(team.member)
    for name in ("Ida Berg", "100% Oak"):
        browser.post(f"{team.path}/contacts", name=name)
    page = browser.get(f"{team.path}/contacts?q=0%25").text
    assert "100% Oak" in page and "Ida Berg" not in page


def test_a_card_is_attached_and_detached(stack: Stack) -> None:
    team = stack.account()
    card, browser = stack.card(team), stack.client(team.member)
    contact, company = (browser.post(f"{team.path}/{sort}", **FACTS[sort]).headers["Location"] for sort in FACTS)
    ids = {"contact_id": contact.rpartition("/")[2], "company_id": company.rpartition("/")[2]}
    fields = f"{card.path}/fields"

    assert browser.post(fields, name=card.name, **ids).status_code == 303
    page = browser.get(card.path).text
    assert f'href="{contact}"' in page and f'href="{company}"' in page
    assert all(f'<option value="{each}" selected>' in page for each in ids.values())
    assert card.path in browser.get(contact).text and card.path in browser.get(company).text

    # What the form leaves out stays; what it holds empty is taken off.
    assert browser.post(fields, name="Renamed").status_code == 303
    assert about(stack, card.id) == (int(ids["contact_id"]), int(ids["company_id"]))
    assert browser.post(fields, contact_id="").status_code == 303
    assert about(stack, card.id) == (None, int(ids["company_id"]))


def test_g4_a_card_is_never_about_another_accounts_contact(stack: Stack) -> None:
    team, other = stack.account(), stack.account()
    card, theirs = stack.card(team), make_filled(stack.database, other)
    contact_id, company_id = about(stack, theirs.id)
    browser, before = stack.client(team.admin), about(stack, card.id)
    for named in ({"contact_id": contact_id}, {"company_id": company_id}, {"contact_id": 2**62}):
        assert browser.post(f"{card.path}/fields", name="Taken", **named).status_code == 404
    assert browser.post(f"{card.path}/fields", contact_id="none").status_code == 422
    assert about(stack, card.id) == before
    assert browser.get(card.path).text.count("Taken") == 0
    for path in (f"contacts/{contact_id}", f"companies/{company_id}"):
        assert browser.post(f"{team.path}/{path}", name="Taken").status_code == 404


def test_r40_guests_neither_keep_contacts_nor_see_more_than_names(stack: Stack) -> None:
    team, card, _, guest = guest_on_card(stack)
    contact, (_, company_id) = contact_of(stack.database, card), about(stack, card.id)
    admin = stack.client(team.admin)
    kept = {f"contacts/{contact.id}": FACTS["contacts"], f"companies/{company_id}": FACTS["companies"]}
    for path, facts in kept.items():
        for where in (path, path.split("/")[0]):
            assert guest.post(f"{team.path}/{where}", name="Taken").status_code in (403, 404)
            assert guest.get(f"{team.path}/{where}").status_code in (403, 404)
        assert admin.post(f"{team.path}/{path}", **facts).status_code == 303
    assert guest.post(f"{card.path}/fields", contact_id="").status_code in (403, 404)

    unattached = admin.post(f"{team.path}/contacts", name="Nobody's Contact").headers["Location"]
    page = guest.get(card.path).text
    for facts in FACTS.values():
        assert facts["name"] in page
        assert not [fact for name, fact in facts.items() if name != "name" and fact in page]
    assert "Nobody's Contact" not in page and "Nobody&#39;s Contact" not in page and unattached not in page
    assert "contact_id" not in page and f"{team.path}/contacts" not in page
    with stack.database.reading() as session:
        assert session.get_one(Contact, contact.id).name == FACTS["contacts"]["name"]
        assert session.get_one(Company, company_id).name == FACTS["companies"]["name"]


def about(stack: Stack, card_id: int) -> tuple[int | None, int | None]:
    with stack.database.reading() as session:
        card = session.get_one(Card, card_id)
        return card.contact_id, card.company_id
