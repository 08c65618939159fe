"""What was said at length is shown in pieces, the newest first; links lead back to all of it (R30, R31, R33)."""

import re

import pytest

from models import Message, MessageKind, Note
from tests.browser import Browser
from tests.people import Team
from tests.stack import Stack
from workflows.converse import PIECE

MANY = 2 * PIECE + 20


@pytest.mark.parametrize("name", ["chat", "letters", "notes"])
def test_r30_a_cards_talk_is_paged_back_to_its_beginning(stack: Stack, name: str) -> None:
    team = stack.account()
    browser, card = stack.client(team.member), stack.card(team)
    contact = browser.post(f"{team.path}/contacts", name="Ida").headers["Location"].rpartition("/")[2]
    browser.post(f"{card.path}/fields", name=card.name, contact_id=contact)
    about = {"account_id": team.id, "card_id": card.id, "author_id": team.admin.membership_id}
    kinds = {"chat": MessageKind.CHAT, "letters": MessageKind.CONTACT}
    with stack.database.transaction() as session:
        for number in range(MANY):
            text = f"Word {number}."
            session.add(Message(kind=kinds[name], text=text, **about) if name in kinds else Note(text=text, **about))
            session.flush()

    walk_back(browser, card.path, name)


def test_r33_a_direct_chat_is_paged_back_to_its_beginning(stack: Stack) -> None:
    team: Team = stack.account()
    about = {"author_id": team.admin.membership_id, "recipient_id": team.member.membership_id}
    with stack.database.transaction() as session:
        for number in range(MANY):
            session.add(Message(account_id=team.id, kind=MessageKind.DIRECT, text=f"Word {number}.", **about))
            session.flush()

    walk_back(stack.client(team.member), f"{team.path}/direct/{team.admin.membership_id}", "talk")


def walk_back(browser: Browser, path: str, name: str) -> None:
    """Follow the links to what is earlier: each page shows the next piece, and stays there when it is fetched anew."""
    page, seen = browser.get(path).text, []
    assert "Latest" not in page
    while True:
        seen.append(words(page))
        link = re.search(rf'href="([^"]*\?{name}=\d+)#{name}">Earlier', page)
        if link is None:
            break
        page = browser.get(link[1]).text
        assert f'data-self="{link[1]}"' in page
        assert "Latest" in page
    assert [len(piece) for piece in seen] == [PIECE, PIECE, MANY - 2 * PIECE]
    assert {number for piece in seen for number in piece} == set(range(MANY))
    assert min(seen[0]) > max(seen[1]) > max(seen[2])


def words(page: str) -> list[int]:
    return [int(number) for number in re.findall(r"Word (\d+)\.", page)]
