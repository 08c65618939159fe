"""Every grant that ends has its own line in the record, whatever ended it, and so has every refusal (R70)."""

from sqlalchemy import select

from models import AuditEvent, Event, Grant
from tests.browser import Browser
from tests.inviting import Admin, fresh
from tests.people import Lead, Team
from tests.stack import Stack


def test_r70_every_way_a_grant_ends_is_recorded_once(stack: Stack) -> None:
    admin = Admin(stack, team := stack.account())
    admin.invite(waiting := fresh())
    people = [stack.guest(team).membership_id for _ in range(2)] + [admin.row(waiting).membership_id]
    kept, deleted = stack.card(team, name="Kept"), stack.card(team, name="Deleted")
    for card in (kept, deleted):
        share(admin, card, *people)

    admin.browser.post(f"{deleted.path}/delete")
    admin.cancel(waiting)
    admin.browser.post(f"{kept.path}/participants/{people[0]}/remove")
    admin.delete(people[1])
    stack.idle()

    recorded = lines(stack, team)
    assert {outcome for _, outcome in recorded} == {"card deleted", "invitation closed", "revoked", "removal"}
    with stack.database.reading() as session:
        ended = session.scalars(select(Grant.id).where(Grant.account_id == team.id, Grant.revoked_at.is_not(None)))
        assert sorted(grant_id for grant_id, _ in recorded) == sorted(ended)


def test_r70_whoever_is_refused_the_operators_pages_is_recorded(stack: Stack) -> None:
    admin = stack.account().admin
    browser = stack.client(admin)

    assert browser.get("/ops/jobs").status_code == 403
    assert browser.post("/ops/jobs/pause", kind="deliver").status_code == 403

    assert refused(stack, admin.user_id) == [("GET", "/ops/jobs"), ("POST", "/ops/jobs/pause")]


def test_r70_every_kind_of_refusal_is_recorded_with_who_and_where(stack: Stack) -> None:
    team = stack.account()
    admin, person = Admin(stack, team), stack.guest(team)
    guest, card = stack.client(person), stack.card(team)
    admin.invite(nora := fresh())
    invitation_id = admin.row(nora).invitation_id
    for _ in range(6):
        admin.resend(nora)
    guest.get(card.path)
    guest.get(f"{team.path}/settings/users")
    guest.post(f"{team.path}/direct/1", text="x", csrf_token="made up")
    guest.get("/activate/no-such-token")

    assert with_outcomes(stack, person.user_id) == [
        (card.path, "NotFound", team.id),
        (f"{team.path}/settings/users", "Forbidden", team.id),
        (f"{team.path}/direct/1", "StaleForm", team.id),
        ("/activate/<token>", "LinkDead", None),
    ]
    resend = f"{team.path}/settings/invitations/{invitation_id}/resend"
    assert with_outcomes(stack, team.admin.user_id) == [(resend, "TooMany", team.id)]
    assert "was refused" in admin.browser.get(f"{team.path}/audit").text
    assert "it was tried too often" in admin.browser.get(f"{team.path}/audit").text


def test_r70_who_is_not_signed_in_is_recorded_by_where_they_come_from(stack: Stack) -> None:
    browser = stack.client()
    for path in ("/activate/made-up", "/password/reset/made-up", "/unsubscribe/made-up"):
        assert browser.get(path).status_code == 410
    assert [browser.post("/password/forgot", email=fresh()).status_code for _ in range(7)] == [303] * 6 + [429]
    assert [browser.sign_in(fresh(), "wrong").status_code for _ in range(7)] == [403] * 6 + [429]
    with stack.database.reading() as session:
        of = select(AuditEvent).where(AuditEvent.event.in_((Event.ACCESS_REFUSED, Event.SIGN_IN_REFUSED)))
        found = [each for each in session.scalars(of.order_by(AuditEvent.id)) if at(each) == at(browser)]
    told = [(each.details.get("path", "/login"), each.outcome) for each in found]
    assert told == [
        ("/activate/<token>", "LinkDead"),
        ("/password/reset/<token>", "LinkDead"),
        ("/unsubscribe/<token>", "LinkDead"),
        ("/password/forgot", "TooMany"),
        *[("/login", "")] * 6,
        ("/login", "TooMany"),
    ]
    assert "made-up" not in str([each.details for each in found])


def share(admin: Admin, card: Lead, *people: int) -> None:
    answer = admin.browser.post(f"{card.path}/chat", text="Look", to=[str(each) for each in people])
    assert answer.status_code == 303, answer.text


def lines(stack: Stack, team: Team) -> list[tuple[int, str]]:
    with stack.database.reading() as session:
        of = select(AuditEvent.object_id, AuditEvent.outcome).where(AuditEvent.account_id == team.id)
        return [tuple(row) for row in session.execute(of.where(AuditEvent.event == Event.GRANT_REVOKED))]


def refused(stack: Stack, user_id: int) -> list[tuple[str, str]]:
    with stack.database.reading() as session:
        of = select(AuditEvent.details).where(AuditEvent.event == Event.ACCESS_REFUSED).order_by(AuditEvent.id)
        return [(told["method"], told["path"]) for told in session.scalars(of) if told.get("user") == user_id]


def with_outcomes(stack: Stack, user_id: int) -> list[tuple[str, str, int | None]]:
    with stack.database.reading() as session:
        of = select(AuditEvent).where(AuditEvent.event == Event.ACCESS_REFUSED).order_by(AuditEvent.id)
        found = [each for each in session.scalars(of) if each.details.get("user") == user_id]
        return [(each.details["path"], each.outcome, each.account_id) for each in found]


def at(what: AuditEvent | Browser) -> str | None:
    return what.details.get("source") if isinstance(what, AuditEvent) else what.http.headers["X-Forwarded-For"]
