"""Every grant that ends has its own line in the record, whatever ended it, and so has every refusal (R70)."""

from sqlalchemy import select

from models import AuditEvent, Event, Grant
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
