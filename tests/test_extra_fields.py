"""What a form was not made for does nothing: no field that is added to it reaches a row (mass assignment)."""

from typing import Any

from sqlalchemy import select

from models import Card, Contact, Group, Membership, MembershipStatus, Note, User, UserSession
from tests.inviting import NEW_PASSWORD, Admin, fresh, invited
from tests.people import PASSWORD
from tests.stack import Stack

PAST = "2001-01-01T00:00:00+00:00"


def test_fields_that_a_form_does_not_have_do_nothing(stack: Stack) -> None:
    team, other = stack.account(), stack.account()
    admin = Admin(stack, team)
    added: dict[str, Any] = {
        "id": 10**9,
        "account_id": other.id,
        "user_id": other.admin.user_id,
        "membership_id": other.admin.membership_id,
        "author_id": team.member.membership_id,
        "sponsor_id": team.member.membership_id,
        "inviter_id": team.member.membership_id,
        "status": "active",
        "kind": "customer",
        "role": "operator",
        "is_operator": "1",
        "password_hash": "x",
        "mailbox_proved_at": PAST,
        "created_at": PAST,
        "deleted_at": PAST,
        "activated_at": PAST,
    }
    invited(stack, admin, nora := fresh(), **added)
    card = admin.browser.post(f"{team.path}/leads", name="Oak table", **added).headers["Location"]
    contact = admin.browser.post(f"{team.path}/contacts", name="Carl", **added).headers["Location"]
    assert admin.browser.post(f"{card}/notes", text="A note", **added).status_code == 303
    assert admin.browser.post(f"{card}/fields", name="Elm table", **added).status_code == 303
    with stack.database.reading() as session:
        seat = session.get_one(Membership, admin.row(nora).membership_id)
        assert (seat.account_id, seat.status, seat.group) == (team.id, MembershipStatus.INVITED, Group.FREE)
        assert seat.sponsor_id == team.admin.membership_id
        assert not session.get_one(User, seat.user_id).is_registered
        for table, where in ((Card, card), (Contact, contact)):
            assert session.get_one(table, int(where.rpartition("/")[2])).account_id == team.id
        made = session.get_one(Card, int(card.rpartition("/")[2]))
        assert (made.kind, made.deleted_at, made.name, made.created_at.year > 2001) == ("lead", None, "Elm table", True)
        assert session.scalars(select(Note).where(Note.card_id == made.id)).one().author_id == team.admin.membership_id


def test_whoever_activates_or_signs_in_is_no_more_by_what_they_add(stack: Stack) -> None:
    team = stack.account()
    path = invited(stack, Admin(stack, team), nora := fresh())
    browser = stack.client()
    added = {"group": "admin", "status": "active", "user_id": team.admin.user_id, "is_operator": "1", "role": "admin"}
    chosen = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    assert browser.post(path, email=team.admin.email, **chosen, **added).status_code == 303
    assert browser.post("/login", email=nora, password=NEW_PASSWORD, **added).status_code == 303
    with stack.database.reading() as session:
        newest = session.scalars(select(UserSession).order_by(UserSession.id.desc()).limit(1)).one()
        (seat,) = session.scalars(select(Membership).where(Membership.user_id == newest.user_id)).all()
        assert (newest.user.email, seat.group, seat.account_id) == (nora, Group.FREE, team.id)
    assert browser.get(f"{team.path}/settings/users").status_code == 403
    assert browser.get("/ops/jobs").status_code == 403
    browser.token = ""
    assert browser.post("/sign-ins/password", password_current=NEW_PASSWORD, **chosen, **added).status_code == 303
    assert stack.client().sign_in(team.admin.email, PASSWORD).status_code == 303
