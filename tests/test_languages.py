"""Pages and mails in the reader's language: every sentence is translated, whole, and said to the right reader."""

import ast
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from jinja2 import Environment, nodes

from models import Account, Database, Membership, User
from models.language import ENGLISH, LANGUAGES, gettext, known, moment, ngettext, speaking
from models.settings import Settings
from tests.browser import Browser
from tests.languages import ROOT, catalogue, gathered, sources
from tests.mail_server import MailServer
from tests.mailing import NEW, deliver, link_in, newest, part
from tests.people import PASSWORD, Team
from webapp import create_app
from workflows.activate import ask_reset
from workflows.invite import invite

OTHERS = [each for each in LANGUAGES if each != ENGLISH]
PLACES = re.compile(r"%\(\w+\)s|\{\w*\}")
# What operators read, which is English like logs and commands.
OPERATORS = ("_ops.html", "invitations.html", "job.html", "jobs.html", "mail.html", "mails.html")
# What is the same in every language: what a file holds, what a header is called, what a clock shows.
SAME = {"email", "name", "group", "outcome", "UTC", "x", "Subject"}
# Blocks that hold an address, or attributes for scripts.
UNREAD = ("self", "about")
READ = {"alt", "aria-label", "content", "placeholder", "title"}
REFUSALS = {"BadInput", "BadFile", "TooMany", "NotAddressable", "BadAddress", "NobodyReturns", "flash"}
SENTENCE = re.compile(r"[A-Z][a-z]|[^\W\d_] [^\W\d_]")


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_without_its_translation_and_none_is_left_over(language: str) -> None:
    kept = {each.id: each for each in catalogue(language) if each.id}
    found = {each.id for each in gathered() if each.id}
    assert found - kept.keys() == set(), "run `python -m tests.languages`, and translate what it leaves empty"
    assert kept.keys() - found == set(), "run `python -m tests.languages`"
    assert [each.id for each in kept.values() if each.fuzzy or not all(forms(each.string))] == []


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_places_of_their_sentences(language: str) -> None:
    for each in filter(lambda each: each.id, catalogue(language)):
        # Whatever stands for one thing alone may leave the number out.
        wanted = [sorted(PLACES.findall(form)) for form in forms(each.id)]
        for form in forms(each.string):
            assert sorted(PLACES.findall(form)) in wanted, (each.id, form)
            assert re.findall(r"<[^>]+>", form) == re.findall(r"<[^>]+>", forms(each.id)[0]), form


def test_templates_say_nothing_that_is_not_translated() -> None:
    found = [each for each in sources() if each.suffix != ".py" and each.name not in OPERATORS]
    assert len(found) > 40
    said = {str(path.relative_to(ROOT)): untranslated(path) for path in found}
    assert {path: words for path, words in said.items() if words} == {}


def test_code_says_nothing_that_is_not_translated() -> None:
    found = []
    for path in sources():
        if path.suffix == ".py" and path.name != "operate.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                    found += [f"{path.name}:{node.lineno}" for each in node.args if is_literal(each)]
    assert found == []
    scripts = (ROOT / "webapp" / "static").glob("*.js")
    assert [said for each in scripts for said in re.findall(r'["`][A-Z][a-z]+ [^"`]*["`]', each.read_text())] == []


def test_languages_are_found_by_their_family_and_what_is_unknown_is_english() -> None:
    asked = ("ru", "ru-RU", "pt", "pt_BR", "es-MX", "de", "", None)
    assert [known(each) for each in asked] == ["ru", "ru", "pt-BR", "pt-BR", "es", "en", "en", "en"]


def test_numbers_have_the_forms_of_their_language() -> None:
    one, many = "Delete %(num)s user?", "Delete %(num)s users?"
    with speaking("ru"):
        assert [ngettext("%(num)s day", "%(num)s days", each) for each in (1, 2, 5, 11, 21, 22)] == [
            "1 день", "2 дня", "5 дней", "11 дней", "21 день", "22 дня"
        ]  # fmt: skip
    with speaking("es"):
        assert ngettext(one, many, 1) == "¿Eliminar a 1 usuario?"
        assert gettext("") == "", "an operator may say nothing of the product"
    assert ngettext(one, many, 1) == "Delete 1 user?"


@pytest.mark.parametrize(
    ("language", "heading", "refusal"),
    [
        ("es", "Usuarios", "ya es usuario de esta cuenta."),
        ("pt-BR", "Usuários", "já é usuário desta conta."),
        ("ru", "Пользователи", "уже пользователь этого аккаунта."),
    ],
)
def test_pages_speak_as_the_account_does_until_their_reader_chooses(
    database: Database, team: Team, language: str, heading: str, refusal: str
) -> None:
    speak(database, team, language)
    ada = browser(database)
    ada.sign_in(team.admin.email, PASSWORD)
    page = ada.get(f"{team.path}/settings/users").text
    assert title(page) == heading and f'<html lang="{language}">' in page
    assert 'data-status="joined"' in page and 'name="expires_on"' in page
    again = ada.post(f"{team.path}/settings/users", email=team.member.email, group="free")
    assert again.status_code == 409 and alert(again.text).endswith(refusal)

    # Which is for themselves, and for nobody else of the account.
    assert ada.post("/language", language="en", next="/notifications").headers["Location"] == "/notifications"
    assert title(ada.get(f"{team.path}/settings/users").text) == "Users"
    max_ = browser(database)
    max_.sign_in(team.member.email, PASSWORD)
    assert f'<html lang="{language}">' in max_.get("/notifications").text
    ada.post("/language", language="")
    assert title(ada.get(f"{team.path}/settings/users").text) == heading


def test_who_is_not_known_is_spoken_to_as_their_browser_asks(database: Database, team: Team) -> None:
    nobody = browser(database)
    said = {each: title(nobody.get("/login", **{"Accept-Language": each}).text) for each in ("ru", "pt", "fr,es;q=0.5")}
    assert said == {"ru": "Войти", "pt": "Entrar", "fr,es;q=0.5": "Iniciar sesión"}
    assert (
        title(nobody.get("/login").text) == title(nobody.get("/login", **{"Accept-Language": "de"}).text) == "Sign in"
    )
    wrong = nobody.post("/login", email=team.admin.email, password="wrong", headers={"Accept-Language": "ru"})
    assert (wrong.status_code, alert(wrong.text)) == (403, "Неверный адрес или пароль.")
    nobody.post("/language", language="es")
    assert title(nobody.get("/login", **{"Accept-Language": "ru"}).text) == "Iniciar sesión"


@pytest.mark.parametrize(
    ("language", "subject", "heading"),
    [
        ("en", "Ada Admin invites you to", "Welcome to Guestlist"),
        ("es", "Ada Admin le invita a", "Le damos la bienvenida a Guestlist"),
        ("pt-BR", "Ada Admin convida você para", "Boas-vindas ao Guestlist"),
        ("ru", "Ada Admin приглашает вас в", "Добро пожаловать в Guestlist"),
    ],
)
def test_an_invitation_speaks_as_its_account_does_and_so_does_the_page_that_it_leads_to(  # noqa: PLR0917
    database: Database, team: Team, server: MailServer, language: str, subject: str, heading: str
) -> None:
    speak(database, team, language, time_zone="America/Sao_Paulo")
    with database.transaction() as session:
        asked = invite(session, by=session.get_one(Membership, team.admin.membership_id), email=NEW, group="free")
        expires_at = asked.expires_at
    deliver(database, newest(database))
    (mail,) = server.mails
    assert str(mail["Subject"]).startswith(subject) and mail["X-Guestlist-Template"] == "invitation-new"
    assert f'<html lang="{language}">' in part(mail, "html")
    with speaking(language):
        until = moment(expires_at.astimezone(ZoneInfo("America/Sao_Paulo")))
    for kind in ("plain", "html"):
        assert until in part(mail, kind)

    path, guest = f"/activate/{link_in(mail, '/activate')}", browser(database)
    # Whoever is invited hears the account, whatever their browser asks for.
    page = guest.get(path, **{"Accept-Language": "es"}).text
    assert title(page) == heading and f'<html lang="{language}">' in page
    # Unless they choose another one there.
    chooser = browser(database)
    chooser.get(path)
    chooser.post("/language", language="ru", next=path)
    assert title(chooser.get(path).text) == "Добро пожаловать в Guestlist"
    short = guest.post(path, password="short", password_confirm="short")
    assert short.status_code == 422 and (language == ENGLISH) == ("Choose a password of" in alert(short.text))
    done = guest.post(path, password=PASSWORD, password_confirm=PASSWORD)
    assert f'<html lang="{language}">' in guest.follow(done).text


def test_a_mail_speaks_as_its_reader_chose_rather_than_their_account(
    database: Database, team: Team, server: MailServer
) -> None:
    speak(database, team, "es")
    for language in (None, "ru"):
        with database.transaction() as session:
            session.get_one(User, team.member.user_id).language = language
            ask_reset(session, team.member.email)
        deliver(database, newest(database))
    assert [str(each["Subject"]) for each in server.mails] == [
        "Elija una contraseña nueva para Guestlist",
        "Новый пароль для Guestlist",
    ]


def browser(database: Database) -> Browser:
    """Return a browser of pages that are served in this process."""
    app = create_app(Settings(base_url="http://127.0.0.1"), database)
    made = Browser("http://127.0.0.1")
    made.http = httpx.Client(transport=httpx.WSGITransport(app), base_url="http://127.0.0.1")
    return made


def speak(database: Database, team: Team, language: str, time_zone: str = "UTC") -> None:
    with database.transaction() as session:
        account = session.get_one(Account, team.id)
        account.language, account.time_zone = language, time_zone


def title(page: str) -> str:
    return text(re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL))


def alert(page: str) -> str:
    return text(re.search(r'role="alert"[^>]*>(.*?)</p>', page, re.DOTALL))


def text(found: re.Match[str] | None) -> str:
    assert found
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


def forms(said: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def is_literal(node: ast.expr) -> bool:
    """Return whether words stand here as they are."""
    words = isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.search(node.value)
    return bool(words) or isinstance(node, ast.JoinedStr)


def untranslated(path: Path) -> list[str]:
    """Return what a template says by itself: its text, what its attributes say, and what its expressions may yield."""
    tree = Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(path.read_text())  # noqa: S701
    translated = {id(each) for call in tree.find_all(nodes.Call) if is_translation(call) for each in call.args}
    literal = [each.value for each in tree.find_all(nodes.Const) if id(each) not in translated]
    said = [each for each in literal if isinstance(each, str) and SENTENCE.search(each)]
    blocks = [each for each in tree.find_all(nodes.Block) if each.name in UNREAD]
    apart = {id(each) for block in blocks for each in block.find_all(nodes.TemplateData)}
    shown = " ".join(each.data for each in tree.find_all(nodes.TemplateData) if id(each) not in apart)
    reader = Reader()
    reader.feed(shown if path.suffix == ".html" else f"<p>{shown}</p>")
    reader.close()
    words = (word for each in [*reader.said, *said] for word in re.findall(r"[^\W\d_]+", each))
    return [each for each in words if each not in SAME]


def is_translation(call: nodes.Call) -> bool:
    return isinstance(call.node, nodes.Name) and call.node.name in ("_", "ngettext")


class Reader(HTMLParser):
    """Collects what a person would read of a page, or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.unseen += tag in ("style", "script")
        if tag != "meta":
            self.said += [value or "" for name, value in attrs if name in READ]

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in ("style", "script")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.said.append(data)
