"""What the two mails of an invitation say, to people and to programs (R4, R5)."""

import re
from email.message import EmailMessage

import pytest
from sqlalchemy import select, update

from models import Delivery, User, settings
from tests.inviting import Admin, fresh, links_of, text_of, token_path
from tests.people import PASSWORD
from tests.stack import Stack

KINDS = ("plain", "html")


@pytest.fixture(scope="module")
def new(stack: Stack) -> tuple[Admin, EmailMessage]:
    """The mail that a new person gets, and who invited them."""
    return mailed(stack, fresh())


@pytest.fixture(scope="module")
def existing(stack: Stack) -> tuple[Admin, EmailMessage]:
    """The mail that a registered person gets, and who invited them."""
    return mailed(stack, stack.guest(stack.account()).email)


def test_r4_a_new_person_reads_who_invites_and_how_to_get_in(new: tuple[Admin, EmailMessage]) -> None:
    admin, mail = new
    assert mail["X-Guestlist-Template"] == "invitation-new"
    for kind in KINDS:
        text = text_of(mail, kind)
        assert "Ada Admin" in text
        assert str(mail["To"]) in text, "the login"
        assert f"Team {admin.team.slug}" in text, "the account"
        assert f"{admin.browser.http.base_url}".rstrip("/") + token_path(mail) in text, "the link"
        assert "7 days" in text


def test_r4_r5_both_mails_inform_about_the_product(
    new: tuple[Admin, EmailMessage], existing: tuple[Admin, EmailMessage]
) -> None:
    for _, mail in (new, existing):
        for kind in KINDS:
            words = " ".join(text_of(mail, kind).split())
            assert settings().product_name in words
            assert settings().product_text in words


def test_r4_no_password_travels_and_the_token_is_stored_nowhere(stack: Stack, new: tuple[Admin, EmailMessage]) -> None:
    _, mail = new
    token = token_path(mail).rpartition("/")[2]
    assert len(token) >= 43, "256 bits"
    for kind in KINDS:
        assert not re.search(r"password\s*(is|:)\s", text_of(mail, kind), re.IGNORECASE)
    log = "".join(each.log() for each in stack.processes.values())
    assert token not in log
    with stack.database.engine.connect() as connection:
        for table in ("links", "deliveries", "jobs", "audit_events", "invitations"):
            assert token not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all()), table  # noqa: S608


def test_r5_a_registered_person_reads_that_login_and_password_stay(existing: tuple[Admin, EmailMessage]) -> None:
    admin, mail = existing
    assert mail["X-Guestlist-Template"] == "invitation-existing"
    for kind in KINDS:
        text = " ".join(text_of(mail, kind).split())
        assert "Ada Admin" in text
        assert str(mail["To"]) in text, "the login"
        assert f"Team {admin.team.slug}" in text
        assert re.search(r"login and password .{0,20}unchanged", re.sub(r"<[^>]+>", "", text))
        assert f"{settings().base_url}/login" in text
        assert PASSWORD not in text


def test_r5_a_registered_persons_mail_holds_no_token(existing: tuple[Admin, EmailMessage]) -> None:
    _, mail = existing
    assert not [link for link in links_of(mail) if "/activate/" in link or "/reset/" in link]
    assert not [link for link in links_of(mail) if re.search(r"[\w-]{30,}", link)]


def test_r4_r5_both_mails_are_fit_for_programs(
    stack: Stack, new: tuple[Admin, EmailMessage], existing: tuple[Admin, EmailMessage]
) -> None:
    for admin, mail in (new, existing):
        address = str(mail["To"])
        assert mail.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Date"]
        assert "Ada Admin" in mail["Subject"] or f"Team {admin.team.slug}" in mail["Subject"]
        with stack.database.reading() as session:
            told = select(Delivery.mail_id, Delivery.template).where(Delivery.to_address == address)
            assert (mail["Message-ID"], mail["X-Guestlist-Template"]) == tuple(session.execute(told).one())


def test_r4_r5_every_link_comes_from_base_url(
    new: tuple[Admin, EmailMessage], existing: tuple[Admin, EmailMessage]
) -> None:
    for _, mail in (new, existing):
        links = links_of(mail)
        assert links
        assert all(link.startswith(settings().base_url) for link in links), links


def test_r4_links_do_not_follow_the_host_of_the_request(stack: Stack) -> None:
    admin, nora = Admin(stack, stack.account()), fresh()
    spoofed = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    token = admin.browser.token or admin.browser.get(admin.page) and admin.browser.token
    sent = {"email": nora, "group": "free", "csrf_token": token}
    answer = admin.browser.http.post(admin.page, data=sent, headers=spoofed)
    assert answer.status_code == 400, "under another name nothing is answered, and nothing done"
    del spoofed["Host"]
    answer = admin.browser.http.post(admin.page, data=sent, headers=spoofed)
    assert "evil.example" not in answer.headers.get("Location", "")
    assert "evil.example" not in stack.mails(nora)[0].as_string()


def test_r4_a_hostile_name_is_only_a_name(stack: Stack) -> None:
    name = 'Eve <b onclick="x">"\u202e http://evil.example/x'
    team, nora = stack.account(), fresh()
    with stack.database.transaction() as session:
        session.execute(update(User).where(User.id == team.admin.user_id).values(name=name))
    Admin(stack, team).invite(nora, name="<script>alert(1)</script>\r\nBcc: everybody@evil.example")
    mail = stack.mails(nora)[0]
    assert mail["Bcc"] is None
    assert "<b onclick" not in text_of(mail, "html") and "<script" not in text_of(mail, "html")
    assert not [link for link in links_of(mail) if "evil.example" in link]
    assert "\u202e" not in mail["Subject"] + text_of(mail)


def mailed(stack: Stack, email: str) -> tuple[Admin, EmailMessage]:
    admin = Admin(stack, stack.account())
    admin.invite(email, name="Somebody Invited")
    return admin, stack.mails(email)[-1]
