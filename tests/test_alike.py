"""Sign-in and forgot are alike for unknown, unactivated and active addresses: in words, and in all that they cost."""

import re
from collections.abc import Callable

import pytest
from sqlalchemy import event

from models import Database, Membership, Settings
from tests.inviting import fresh
from tests.people import make_guest, make_team
from webapp import create_app
from workflows.invite import invite

Fields = Callable[[str], dict[str, str]]
FORMS: dict[str, Fields] = {
    "/login": lambda email: {"email": email, "password": "not the password at all"},
    "/password/forgot": lambda email: {"email": email},
}


@pytest.mark.parametrize("path", FORMS)
def test_r6_the_door_is_alike_for_everybody_who_may_not_come_in(database: Database, path: str) -> None:
    team, waiting, unknown = make_team(database), fresh(), fresh()
    gone = make_guest(database, team).email
    with database.transaction() as session:
        invite(session, by=session.get_one(Membership, team.admin.membership_id), email=waiting, group="free")

    told = [asked(database, path, email) for email in (unknown, waiting, team.member.email, gone)]

    assert told[0][2]
    assert told.count(told[0]) == len(told)


def asked(database: Database, path: str, email: str) -> tuple[int, str, list[str]]:
    """Send the form, and return the answer's status and words, and the statements that it took."""
    app = create_app(Settings(base_url="http://127.0.0.1"), database)
    app.config["WTF_CSRF_ENABLED"] = False
    said: list[str] = []
    listen = (database.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    event.listen(*listen)
    answer = app.test_client().post(path, data=FORMS[path](email))
    event.remove(*listen)
    words = re.sub(r'(name="csrf_token" value)="[^"]*"', r"\1", answer.text).replace(email, "ADDRESS")
    return answer.status_code, words, said
