"""Each removal ends in a receipt, and what is gone is never given again (R57, R59)."""

from sqlalchemy import delete, select

from models import AuditEvent, Database, Event, Membership
from tests.inviting import Admin
from tests.people import Team
from tests.removing import REFUSED, a_guest_with_two_cards, delete_users, left_open, queue_a_mail, receipt_of
from tests.stack import Stack

REMOVAL = (Event.REMOVAL_REQUESTED, Event.REMOVAL_FINISHED)


def test_r57_a_removal_ends_in_a_receipt(stack: Stack) -> None:
    team, admin, guest, oak, elm = a_guest_with_two_cards(stack)
    queue_a_mail(stack, guest)
    answer = delete_users(admin, team, guest)

    receipt = receipt_of(admin, answer)

    ended = {part: each["rows"] for part, each in receipt["ended"].items()}
    assert ended == {"grants": 2, "notifications": 2, "mails": 1, "invitations": 0, "links": 0, "sessions": 0}
    assert all(each["seconds"] >= 0 for each in receipt["ended"].values())
    assert (receipt["requested_by"], receipt["account"]) == (team.admin.email, team.slug)
    assert receipt["requested_at"] <= receipt["finished_at"]
    (person,) = receipt["people"]
    assert person["email"] == guest.email
    probed = {probe["asked"] for probe in person["probes"] if probe["refused"]}
    assert probed == {
        f"Open the lead “{oak.name}”",
        f"Open the customer “{elm.name}”",
        "Enter the account",
        "Use an open grant",
        "Read notifications",
    }
    page = admin.follow(answer).text
    assert all(said in page for said in (guest.email, team.admin.name, "refused", *probed))
    assert left_open(stack.database, guest.membership_id) == {}
    assert audited(stack, team, receipt["removal"]) == list(REMOVAL)


def test_r57_a_receipt_is_for_the_admins_of_the_account_alone(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    answer = delete_users(admin, team, guest)
    receipt_of(admin, answer)
    number = answer.headers["Location"].rpartition("/")[2]
    other = stack.account()

    for who, path in ((team.member, team.path), (other.admin, team.path), (other.admin, other.path)):
        page = stack.client(who).get(f"{path}/removals/{number}/receipt.json")
        assert page.status_code in REFUSED
        assert guest.email not in page.text


def test_r59_somebody_invited_again_is_somebody_new(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    receipt_of(admin, delete_users(admin, team, guest))

    assert Admin(stack, team).invite(guest.email).status_code == 303
    page = stack.client(guest)

    with stack.database.reading() as session:
        seats = session.scalars(select(Membership.id).where(Membership.user_id == guest.user_id)).all()
    assert min(seats) == guest.membership_id < max(seats)
    assert page.get(oak.path).status_code in REFUSED


def test_r59_the_number_of_a_row_that_is_gone_is_not_given_again(database: Database) -> None:
    def add() -> int:
        with database.transaction() as session:
            event = AuditEvent(event=Event.SIGNED_IN)
            session.add(event)
            session.flush()
            return event.id

    last = add()
    with database.transaction() as session:
        session.execute(delete(AuditEvent))

    assert add() > last


def audited(stack: Stack, team: Team, removal_id: int) -> list[Event]:
    of = select(AuditEvent.event).where(AuditEvent.account_id == team.id, AuditEvent.object_id == removal_id)
    with stack.database.reading() as session:
        found = session.scalars(of.where(AuditEvent.event.in_(REMOVAL)).order_by(AuditEvent.id))
        return list(found)
