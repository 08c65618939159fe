"""Every route, tried by everybody: what the one table allows is done, what it refuses shows and changes nothing."""

import httpx
import pytest

from models import settings
from tests.inviting import picture
from tests.stack import Stack
from tests.world import FILES, VISITORS, Route, World
from webapp.live import create_root
from workflows.permissions import TABLE, Action, Role, may

# Refused for what was asked for, not for who asked.
ABOUT_THE_INPUT = {409, 410, 422}
# These alone answer with the card's own words.
SHOW_THE_CARD = {"cards.card", "cards.listed", "contacts.known"}
# What goes on by itself, whoever asks for anything.
MOVING = {"jobs", "deliveries"}
each_visitor = pytest.mark.parametrize("visitor", VISITORS)


@pytest.fixture(scope="module")
def world(stack: Stack) -> World:
    return World(stack)


def test_every_route_names_an_action_that_the_table_knows(world: World) -> None:
    views = {name: view for name, view in world.app.view_functions.items() if name not in FILES}
    assert not [name for name, view in views.items() if getattr(view, "action", None) not in TABLE]
    assert set(TABLE) == set(Action)


def test_beside_the_pages_there_is_the_stream_alone(world: World) -> None:
    root = create_root(settings(), world.stack.database, world.app)
    assert {getattr(route, "path", "") for route in root.routes} == {"/notifications/stream", ""}


@each_visitor
def test_the_stream_is_for_whoever_may_use_notifications(world: World, visitor: str) -> None:
    role = Role.ANONYMOUS if visitor == "anonymous" else Role.PERSON
    with world.browser(visitor).http.stream("GET", "/notifications/stream") as answer:
        assert answer.is_success is may(role, Action.USE_NOTIFICATIONS)
        assert answer.is_success or answer.status_code in (401, 403)


@each_visitor
def test_what_the_table_refuses_shows_and_changes_nothing(world: World, visitor: str) -> None:
    things, refused = world.things(), [route for route in world.routes() if not is_allowed(route, visitor)]
    before = still(world)

    answers = {route: world.send(visitor, route, things) for route in refused}

    wrong = [f"{route}: {answer.status_code}" for route, answer in answers.items() if not is_refused(route, answer)]
    assert not wrong
    assert not [str(route) for route, answer in answers.items() if things.secret in shown(answer)]
    assert still(world) == before


@each_visitor
def test_what_the_table_allows_is_allowed(world: World, visitor: str) -> None:
    shared, wrong = world.things(), []
    for route in world.routes():
        if is_allowed(route, visitor):
            things = world.things() if route.method == "POST" and "slug" in route.arguments else shared
            answer = world.send(visitor, route, things)
            is_done = not asks_to_sign_in(answer) and (
                answer.status_code < 400 or answer.status_code in ABOUT_THE_INPUT
            )
            is_shown = route.endpoint not in SHOW_THE_CARD or route.method != "GET" or things.secret in answer.text
            if not (is_done and is_shown):
                wrong.append(f"{route}: {answer.status_code}")
    assert not wrong


@pytest.mark.parametrize("visitor", ["stranger", "admin of another account"])
def test_g4_another_accounts_ids_under_the_own_slug_are_not_found(world: World, visitor: str) -> None:
    things, before = world.things(), still(world)
    for route in world.routes():
        if {"slug"} < route.arguments - {"kind", "sort"} and route.method != "OPTIONS":
            answer = world.send(visitor, route, things, slug=world.other.slug)
            assert answer.status_code in (403, 404), route
            assert things.secret not in shown(answer), route
    assert still(world) == before


def test_g4_another_accounts_ids_in_a_form_are_refused(world: World) -> None:
    theirs, own, before = world.things(), world.things(world.other), still(world)
    admin, path = world.browser("admin of another account"), world.other.path
    card = f"{path}/leads/{own.ids['card_id']}"
    forms = (
        (f"{path}/leads", {"name": "Mine", "contact_id": theirs.ids["contact_id"]}),
        (f"{path}/leads", {"name": "Mine", "company_id": theirs.ids["company_id"]}),
        (f"{card}/chat", {"text": "Come in", "to": theirs.guest_id}),
        (f"{card}/participants/{theirs.guest_id}/remove", {}),
        (f"{card}/tasks/{theirs.ids['task_id']}/finish", {}),
        (f"{path}/settings/users/delete", {"ids": theirs.guest_id}),
        (f"{path}/settings/users/delete", {"ids": theirs.guest_id, "confirm": "yes"}),
        (f"{path}/settings/users/delete", {"ids": [own.guest_id, theirs.guest_id], "confirm": "yes"}),
    )
    for where, fields in forms:
        answer = admin.post(where, **fields)
        assert answer.status_code in (403, 404), (where, fields)
        assert theirs.secret not in shown(answer)
    assert still(world) == before


@pytest.mark.parametrize("visitor", ["admin", "operator", "guest with grant"])
def test_a_form_without_its_token_changes_nothing(world: World, visitor: str) -> None:
    things = world.things()
    # The mail program that unsubscribes (RFC 8058) knows no token of a form.
    forms = [each for each in world.routes() if each.method == "POST" and each.endpoint != "unsubscribe.silence"]
    # For these something is made that is then asked for.
    forms.sort(key=lambda route: "notification_id" not in route.arguments)
    before: dict[str, object] = {}
    for route in (each for each in forms if is_allowed(each, visitor)):
        before = before if before or "notification_id" in route.arguments else still(world)
        world.browser(visitor).token = "not the token"
        assert world.send(visitor, route, things).status_code == 400, route
    world.browser(visitor).token = ""
    assert still(world) == before


def is_allowed(route: Route, visitor: str) -> bool:
    role = route.role_of(visitor)
    return role is not None and may(role, route.action)


def is_refused(route: Route, answer: httpx.Response) -> bool:
    if asks_to_sign_in(answer):
        return route.method != "POST"
    return answer.status_code in (403, 404)


def asks_to_sign_in(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["Location"].startswith("/login?next=")


def shown(answer: httpx.Response) -> str:
    return f"{answer.headers} {answer.text}"


def still(world: World) -> dict[str, object]:
    """Return all that is written down of both accounts, but for what moves by itself."""
    taken = picture(world.stack, world.team, world.other)
    return {name: rows for name, rows in taken.items() if name not in MOVING}
