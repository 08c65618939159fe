"""Whatever is typed or sent, the answer is a clear sentence, nothing is changed and nothing breaks."""

import secrets
from datetime import timedelta
from typing import NamedTuple

import httpx
import pytest
from sqlalchemy import update

from models import Card, Contact, now
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited, picture
from tests.people import PASSWORD, Lead, Team
from tests.stack import Stack

ODD = {
    "a NUL": "oak\x00table",
    "a NUL alone": "\x00",
    "control characters": "oak\x01\x07\x08\x0b\x1b[31m\x7f\x85table",
    "turned writing": "oak\u202etable\u2066",
    "invisible letters": "\u200b\u2060\ufeff",
    "half of a character": b"oak%ED%A0%80table%FF%FE",
    "markup": "<script>alert(1)</script>\"'>{{ 7 * 7 }}",
    "a thousand marks on one letter": "o" + "\u0301" * 1000,
    "letters beyond the first plane": "\U0001f9ff\U00010ffff",
    "half a megabyte": "oak " * 125_000,
}
IDS = ("0", "-1", "1.5", "x", "", " ", "9223372036854775807", "9223372036854775808", "9" * 400, "1;2", "\x00", "٣")


class Scene(NamedTuple):
    """A team at work: its admin, one lead with a contact, a colleague to write to."""

    admin: Admin
    team: Team
    lead: Lead

    @property
    def fields(self) -> list[tuple[str, dict[str, str], str]]:
        """Every field that takes text: where it is sent, what else that form needs, its name."""
        lead, users = self.lead.path, self.admin.page
        return [
            (users, {"email": fresh(), "group": "free"}, "name"),
            (users, {"group": "free"}, "email"),
            (users, {"email": fresh()}, "group"),
            (users, {"email": fresh(), "group": "free"}, "expires_on"),
            (f"{self.team.path}/leads", {}, "name"),
            (f"{self.team.path}/customers", {}, "name"),
            (f"{lead}/fields", {}, "name"),
            (f"{lead}/fields", {"name": "Oak"}, "new_label"),
            (f"{lead}/fields", {"name": "Oak", "new_label": secrets.token_hex(4)}, "new_value"),
            (f"{lead}/fields", {"name": "Oak"}, f"field-{self.field_id}"),
            (f"{lead}/fields", {"name": "Oak"}, "field-1\x00"),
            (f"{lead}/notes", {}, "text"),
            (f"{lead}/tasks", {}, "text"),
            (f"{lead}/tasks", {"text": "Call"}, "due_on"),
            (f"{lead}/chat", {}, "text"),
            (f"{lead}/chat", {"text": "Hello"}, "expires_on"),
            (f"{lead}/contact-messages", {}, "text"),
            (f"{self.team.path}/direct/{self.team.member.membership_id}", {}, "text"),
        ]

    @property
    def field_id(self) -> int:
        """The id of the only custom field."""
        page = self.admin.browser.get(self.lead.path).text
        return int(page.partition('name="field-')[2].partition('"')[0])


@pytest.fixture(scope="module")
def scene(stack: Stack) -> Scene:
    team = stack.account()
    admin, lead = Admin(stack, team), stack.card(team)
    with stack.database.transaction() as session:
        contact = Contact(account_id=team.id, name="Carl Contact", email=fresh("carl"))
        session.add(contact)
        session.flush()
        session.execute(update(Card).where(Card.id == lead.id).values(contact_id=contact.id))
    assert admin.browser.post(f"{lead.path}/fields", name="Oak", new_label="Budget", new_value="1").status_code == 303
    return Scene(admin, team, lead)


@pytest.mark.parametrize("what", ODD)
def test_odd_text_is_kept_whole_or_refused_in_every_field(stack: Stack, scene: Scene, what: str) -> None:
    browser = scene.admin.browser
    for path, others, name in scene.fields:
        stack.idle()
        before = picture(stack, scene.team)

        answer = send(browser.http, path, {"csrf_token": browser.token, **others}, name, ODD[what])

        assert answer.status_code in (303, 404, 413, 422), (path, name, answer.status_code)
        if answer.status_code != 303:
            assert 'role="alert"' in answer.text, (path, name)
            assert picture(stack, scene.team) == before, (path, name)
        assert "\x00" not in answer.text and "<script>alert" not in answer.text, (path, name)
    for path in (scene.lead.path, scene.admin.page, f"{scene.team.path}/leads", f"{scene.team.path}/audit"):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text and "49" not in page.text.partition("{{ 7 * 7 }}")[0][-40:], path


@pytest.mark.parametrize("what", ODD)
def test_odd_text_lets_nobody_in_and_breaks_nothing_at_the_door(stack: Stack, what: str) -> None:
    path = invited(stack, Admin(stack, stack.account()), fresh())
    forms = (
        ("/login", {"password": PASSWORD}, "email"),
        ("/login", {"email": fresh()}, "password"),
        ("/login", {"email": fresh(), "password": PASSWORD}, "next"),
        ("/password/forgot", {}, "email"),
        (path, {"password_confirm": NEW_PASSWORD}, "password"),
        (path, {"password": NEW_PASSWORD}, "password_confirm"),
    )
    for where, others, name in forms:
        browser = stack.client()
        browser.get("/login")
        answer = send(browser.http, where, {"csrf_token": browser.token, **others}, name, ODD[what])
        assert answer.status_code in (403, 413, 422), (where, name, answer.status_code)
        assert "\x00" not in answer.text and "<script>alert" not in answer.text, (where, name)
    assert activate(stack, path, name="Nora").status_code == 303, "the link has outlived it all"


def test_an_unknown_group_is_refused(stack: Stack, scene: Scene) -> None:
    before = picture(stack, scene.team)
    for group in ("", "owner", "Free", "free ,admin", "operator", "0"):
        answer = scene.admin.invite(fresh(), group=group)
        assert answer.status_code == 422, group
        assert "There is no group" in answer.text
    assert picture(stack, scene.team) == before


def test_an_end_that_is_no_day_to_come_is_refused(stack: Stack, scene: Scene) -> None:
    before, yesterday = picture(stack, scene.team), (now() - timedelta(days=1)).date().isoformat()
    for expires_on in (yesterday, "2020-02-30", "tomorrow", "0000-00-00", "9999-12-31T00:00", "99999-01-01", "-1"):
        answer = scene.admin.invite(fresh(), expires_on=expires_on)
        assert answer.status_code == 422, expires_on
        assert "is not a date in the future" in answer.text
    assert picture(stack, scene.team) == before


def test_a_form_of_two_megabytes_is_too_large(stack: Stack, scene: Scene) -> None:
    before = picture(stack, scene.team)
    answer = scene.admin.browser.post(f"{scene.lead.path}/notes", text="oak " * 500_000)
    assert answer.status_code == 413
    assert "too large" in answer.text
    assert picture(stack, scene.team) == before


@pytest.mark.parametrize("wanted", IDS)
def test_an_id_that_nothing_has_is_not_found(stack: Stack, scene: Scene, wanted: str) -> None:
    browser, lead = scene.admin.browser, scene.lead.path
    before = picture(stack, scene.team)
    quoted = httpx.QueryParams({"": wanted}).__str__()[1:].replace("+", "%20")
    paths = ("settings/invitations/{}/resend", "settings/invitations/{}/cancel", "direct/{}", "leads/{}/notes")
    answers = {path: browser.post(f"{scene.team.path}/{path.format(quoted)}", text="x") for path in paths}
    answers |= {
        "delete": browser.post(f"{scene.admin.page}/delete", ids=wanted, confirm="yes"),
        "chat": browser.post(f"{lead}/chat", text="Hello", to=wanted or "0"),
        "remove": browser.post(f"{lead}/participants/{quoted}/remove"),
        "finish": browser.post(f"{lead}/tasks/{quoted}/finish"),
    }
    refused = {path: answer.status_code for path, answer in answers.items()}
    assert set(refused.values()) <= {403, 404, 405, 422}, refused
    assert picture(stack, scene.team) == before


def test_more_ids_than_a_statement_holds_are_refused(stack: Stack, scene: Scene) -> None:
    before, many = picture(stack, scene.team), [str(each) for each in range(10_000_000, 10_080_000)]
    browser = scene.admin.browser
    for answer in (
        browser.post(f"{scene.admin.page}/delete", ids=many, confirm="yes"),
        browser.post(f"{scene.lead.path}/chat", text="Hello", to=many),
    ):
        assert answer.status_code in (403, 404, 413, 422)
    assert picture(stack, scene.team) == before


def test_queries_that_make_no_sense_show_a_page(scene: Scene) -> None:
    browser = scene.admin.browser
    for query in ("q=%00", "q=%ff%fe", f"q={'x' * 5000}", "page=-1", "page=9999999999999999999", "page=x", "q=%25_"):
        for path in (scene.admin.page, f"{scene.team.path}/leads", f"{scene.team.path}/audit", "/login"):
            assert browser.get(f"{path}?{query}").status_code == 200, (path, query)
    for query in ("before=-1", "before=9223372036854775808", "event=%00", "event=no.such"):
        assert browser.get(f"{scene.team.path}/audit?{query}").status_code == 200, query


def test_a_signed_out_browser_is_told_to_sign_in_and_changes_nothing(stack: Stack, scene: Scene) -> None:
    before = picture(stack, scene.team)
    for path, others, name in scene.fields:
        answer = stack.client().post(path, **{**others, name: "oak"})
        assert answer.status_code == 403, path
        assert "Sign in" in answer.text
    assert picture(stack, scene.team) == before


def send(http: httpx.Client, path: str, others: dict[str, str], name: str, value: str | bytes) -> httpx.Response:
    """Send a form in which one field may hold bytes that no browser would send."""
    form = str(httpx.QueryParams([*others.items(), (name, value if isinstance(value, str) else "")])).encode()
    sent = form + (value if isinstance(value, bytes) else b"")
    return http.post(path, content=sent, headers={"Content-Type": "application/x-www-form-urlencoded"})
