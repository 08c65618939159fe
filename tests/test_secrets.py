"""Nothing secret is written where people read: in logs, pages, records, or the mails of others."""

import logging
import traceback
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from models import AuditEvent, Database, Job, Settings, User, now
from tests.inviting import NEW_PASSWORD, Admin, activate, fresh, invited, token_path
from tests.people import PASSWORD
from tests.stack import Mail, Stack
from webapp import create_app

CANARY = "canary-of-seven-words-in-a-row"
WHERE = {
    "DATABASE_URL": f"postgresql://nobody:{CANARY}@127.0.0.1:9/nothing",
    "BROKER_URL": f"redis://:{CANARY}@127.0.0.1:9",
    "SMTP_URL": f"smtp://nobody:{CANARY}@127.0.0.1:9",
    "SECRET_KEY": CANARY * 2,
}


def test_no_password_token_or_key_is_in_logs_pages_records_or_others_mail(stack: Stack) -> None:
    admin = Admin(stack, team := stack.account())
    path = invited(stack, admin, nora := fresh())
    activate(stack, path, password="short")
    activate(stack, path)
    browser = stack.client()
    browser.sign_in(nora, CANARY)
    browser.sign_in(nora, NEW_PASSWORD)
    browser.post("/password/forgot", email=nora)
    reset = token_path(stack.mails(nora, template="password-reset")[-1])
    browser.get(reset)
    stack.idle()

    secrets = [secret_of(path), secret_of(reset), browser.http.cookies["guestlist"], CANARY]
    secrets += [PASSWORD, NEW_PASSWORD, (stack.home / "secret.key").read_text()]
    read = {f"the log of {name}": each.log() for name, each in stack.processes.items()}
    read |= {where: admin.browser.get(f"{team.path}/{where}").text for where in ("audit", "settings/users", "sweeps")}
    mails = [Mail.read(each) for each in (stack.home / "mail" / "new").iterdir()]
    read["the mails of others"] = "".join(said_in(each) for each in mails if each.to != nora)
    own = "".join(said_in(each) for each in mails if each.to == nora)
    assert own.count(secret_of(reset)) >= 2, "mails are read as they are"
    read["its own mails"] = own.replace(secret_of(path), "").replace(secret_of(reset), "")
    read["its own page"] = browser.get("/notifications").text
    with stack.database.reading() as session:
        read["the record"] = str(session.execute(select(*AuditEvent.__table__.columns)).all())
        read["the jobs"] = str(session.execute(select(*Job.__table__.columns)).all())
    read["its sign-ins"] = browser.get("/sign-ins").text
    found = [(where, secret[:8]) for where, said in read.items() for secret in secrets if secret in said]
    assert not found


def secret_of(path: str) -> str:
    return path.rpartition("/")[2]


def said_in(mail: Mail) -> str:
    parts = [str(part.get_content()) for part in mail.mail.walk() if part.get_content_maintype() == "text"]
    return f"{mail.mail.items()} {parts}"


@pytest.mark.parametrize("command", ["doctor", "web", "work", "sweep"])
def test_no_password_of_a_connection_is_told(stack: Stack, command: str) -> None:
    wrong = {f"GUESTLIST_{name}": value for name, value in WHERE.items() if command == "doctor" or name != "SMTP_URL"}
    ended = stack.guestlist(command, **wrong)
    assert ended.returncode
    assert ended.stdout + ended.stderr
    assert CANARY not in ended.stdout + ended.stderr


def test_an_error_of_the_database_holds_no_values(database: Database) -> None:
    with pytest.raises(SQLAlchemyError) as caught, database.transaction() as session:
        session.execute(text("SELECT nothing FROM nowhere WHERE x = :secret"), {"secret": CANARY})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("given", [{"email": CANARY}, {"email": "nora@people.example", "name": CANARY, "id": None}])
def test_a_row_that_the_database_refuses_is_not_told(database: Database, given: dict[str, object]) -> None:
    with pytest.raises(IntegrityError) as caught, database.transaction() as session:
        for _ in range(2):
            session.execute(insert(User.__table__), {"wants_mail": True, "name": "", "created_at": now(), **given})
    told = "".join(traceback.format_exception(caught.value))
    assert "users" in told
    assert CANARY not in told


def test_a_fault_behind_a_mailed_link_is_logged_without_the_link(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(Settings(base_url="http://127.0.0.1"), database)
    with database.engine.begin() as raw:
        raw.execute(text("ALTER TABLE links RENAME TO elsewhere"))
    with caplog.at_level(logging.INFO):
        page = app.test_client().get(f"/activate/{CANARY}")
    assert page.status_code == 500
    for inside in (CANARY, "Traceback", "sqlalchemy", "SELECT", "links", str(Path(__file__).parent.parent)):
        assert inside not in page.text
    assert "/activate/<token> failed" in caplog.text
    assert CANARY not in caplog.text
