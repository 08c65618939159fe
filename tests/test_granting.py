"""A chat message that addresses a guest gives them the card, and tells them so (R20 to R24)."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from models import Grant, Message, Notification, now
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, picture, token_path
from tests.people import Lead, Person, Team
from tests.removing import give
from tests.stack import Stack


def test_r20_the_message_is_the_grant(stack: Stack) -> None:
    team, card = with_card(stack)
    admin, guest = stack.client(team.admin), stack.guest(team)
    browser = stack.client(guest)
    assert browser.get(card.path).status_code == 404

    give(admin, card, guest, text="Please measure the oak")

    assert "Please measure the oak" in browser.get(card.path).text
    grant = grants(stack, card, guest)[0]
    with stack.database.reading() as session:
        why = session.get_one(Message, grant.message_id)
        assert (why.text, why.author_id, why.card_id) == ("Please measure the oak", team.admin.membership_id, card.id)


def test_r20_a_member_grants_as_well(stack: Stack) -> None:
    team, card = with_card(stack)
    guest = stack.guest(team)
    give(stack.client(team.member), card, guest)
    assert stack.client(guest).get(card.path).status_code == 200


def test_r20_the_page_says_before_sending_who_gains_access(stack: Stack) -> None:
    team, card = with_card(stack)
    admin, guest = stack.client(team.admin), stack.guest(team)
    assert "gains access" in choice(admin.get(card.path).text, guest)
    assert "gains access" not in choice(admin.get(card.path).text, team.member)

    give(admin, card, guest)

    assert "gains access" not in choice(admin.get(card.path).text, guest)


def test_r20_what_becomes_of_the_message_neither_grants_nor_revokes(stack: Stack) -> None:
    team, card = with_card(stack)
    guest, other = stack.guest(team), stack.guest(team)
    give(stack.client(team.admin), card, guest, text="Short-lived words")
    with stack.database.transaction() as session:
        grant = session.scalars(select(Grant).where(Grant.card_id == card.id)).one()
        session.execute(update(Message).where(Message.id == grant.message_id).values(deleted_at=now()))

    page = stack.client(guest).get(card.path)

    assert page.status_code == 200
    assert "Short-lived words" not in page.text
    assert stack.client(other).get(card.path).status_code == 404


def test_r21_addressing_a_participant_again_only_notifies(stack: Stack) -> None:
    team, card = with_card(stack)
    admin, guest = stack.client(team.admin), stack.guest(team)
    give(admin, card, guest)
    first = grants(stack, card, guest)

    give(admin, card, guest, text="Once more")

    assert [grant.id for grant in grants(stack, card, guest)] == [grant.id for grant in first]
    with stack.database.reading() as session:
        told = select(func.count()).where(Notification.membership_id == guest.membership_id)
        assert session.scalar(told) == 2


def test_r21_a_message_that_cannot_reach_all_reaches_none(stack: Stack) -> None:
    team, card = with_card(stack)
    guest, elsewhere = stack.guest(team), stack.guest(stack.account())
    admin, before = stack.client(team.admin), picture(stack, team)

    both = [guest.membership_id, elsewhere.membership_id]
    answer = admin.post(f"{card.path}/chat", text="Come in", to=both)

    assert answer.status_code == 403
    assert "cannot be addressed here" in answer.text
    assert picture(stack, team) == before
    assert stack.client(guest).get(card.path).status_code == 404


@pytest.mark.parametrize("text", ["", "   \r\n ", "x" * 20_001])
def test_r21_a_message_that_cannot_be_kept_gives_no_access(stack: Stack, text: str) -> None:
    team, card = with_card(stack)
    guest, before = stack.guest(team), picture(stack, team)

    answer = stack.client(team.admin).post(f"{card.path}/chat", text=text, to=guest.membership_id)

    assert answer.status_code == 422
    assert picture(stack, team) == before


def test_r23_a_guest_addresses_participants_alone(stack: Stack) -> None:
    team, card = with_card(stack)
    guest, beside, outside = stack.guest(team), stack.guest(team, name="Berta Beside"), stack.guest(team)
    give(stack.client(team.admin), card, guest, beside)
    browser, others = stack.client(guest), (outside, team.member, team.admin, stack.account().admin)
    assert browser.post(f"{card.path}/chat", text="Hello", to=beside.membership_id).status_code == 303
    stack.idle()

    before = picture(stack, team)
    for other in others:
        refused = browser.post(f"{card.path}/chat", text="Join us", to=[beside.membership_id, other.membership_id])
        assert refused.status_code == 403
        assert "only participants of this card can" in refused.text
        assert f"{other.name} cannot" not in refused.text
    assert picture(stack, team) == before
    assert stack.client(outside).get(card.path).status_code == 404
    page = browser.get(card.path).text
    assert offered(page, beside)
    assert not any(offered(page, other) for other in (guest, *others))


def test_r24_a_grant_waits_for_a_guest_who_was_only_invited(stack: Stack) -> None:
    team, card = with_card(stack)
    nora, admin = fresh(), Admin(stack, team)
    admin.invite(nora, name="Nora New")
    seat = admin.sees(nora, "sent")

    sent = admin.browser.post(f"{card.path}/chat", text="For when you are here", to=seat.membership_id)

    assert sent.status_code == 303
    assert "Nora New" in admin.browser.get(card.path).text
    assert activate(stack, token_path(stack.mails(nora)[0])).status_code == 303
    browser = stack.client()
    browser.sign_in(nora, NEW_PASSWORD)
    assert "For when you are here" in browser.get(card.path).text
    assert f'href="{card.path}"' in browser.get("/notifications").text


def test_r24_a_grant_that_waited_dies_with_the_invitation(stack: Stack) -> None:
    team, card = with_card(stack)
    nora, admin = fresh(), Admin(stack, team)
    admin.invite(nora)
    admin.browser.post(f"{card.path}/chat", text="Soon", to=admin.row(nora).membership_id)
    admin.cancel(nora)
    admin.invite(nora)
    admin.sees(nora, "sent")
    activate(stack, token_path(stack.mails(nora)[-1]))
    browser = stack.client()
    assert browser.sign_in(nora, NEW_PASSWORD).status_code == 303

    assert browser.get(card.path).status_code == 404


def test_r24_a_grant_ends_on_its_date(stack: Stack) -> None:
    team, card = with_card(stack)
    admin, guest = stack.client(team.admin), stack.guest(team)
    browser, tomorrow = stack.client(guest), (now() + timedelta(days=1)).date()
    until_then = {"to": guest.membership_id, "expires_on": tomorrow.isoformat()}
    assert admin.post(f"{card.path}/chat", text="Until tomorrow", **until_then).status_code == 303
    ends_at = grants(stack, card, guest)[0].ends_at
    assert ends_at is not None and ends_at.date() == tomorrow + timedelta(days=1)
    assert browser.get(card.path).status_code == 200

    with stack.database.transaction() as session:
        session.execute(update(Grant).where(Grant.card_id == card.id).values(ends_at=now() - timedelta(seconds=1)))

    assert browser.get(card.path).status_code == 404
    assert card.name not in browser.get("/notifications").text


@pytest.mark.parametrize("typed", ["2020-01-01", "tomorrow", "9999-12-31"])
def test_r24_an_end_date_is_a_date_to_come(stack: Stack, typed: str) -> None:
    team, card = with_card(stack)
    guest, before = stack.guest(team), picture(stack, team)
    answer = stack.client(team.admin).post(f"{card.path}/chat", text="x", to=guest.membership_id, expires_on=typed)
    assert answer.status_code == 422
    assert typed in answer.text
    assert picture(stack, team) == before


def with_card(stack: Stack) -> tuple[Team, Lead]:
    team = stack.account()
    return team, stack.card(team)


def grants(stack: Stack, card: Lead, guest: Person) -> list[Grant]:
    held = select(Grant).where(Grant.card_id == card.id, Grant.membership_id == guest.membership_id)
    with stack.database.reading() as session:
        return list(session.scalars(held))


def offered(page: str, person: Person) -> bool:
    return f'name="to" value="{person.membership_id}"' in page


def choice(page: str, person: Person) -> str:
    """Return the label of the choice that addresses a person."""
    assert offered(page, person), f"{person.email} cannot be chosen"
    return page.partition(f'name="to" value="{person.membership_id}"')[2].partition("</label>")[0]
