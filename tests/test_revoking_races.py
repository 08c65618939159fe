"""Revocation wins every race: nothing that happens at the same moment leaves access open (R56)."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

from sqlalchemy import func, select

from models import Card, Grant, Membership, Message, Removal
from tests.inviting import Admin, activate, fresh, invited, second_admin
from tests.people import Lead, Person
from tests.removing import at_once, delete_users, give, left_open, receipt_of
from tests.stack import Stack
from workflows.converse import say
from workflows.grant import closed_grants
from workflows.refusals import JustRevoked
from workflows.revoke import revoke_grant

TRIALS = 20


def test_r56_giving_a_card_while_the_guest_is_deleted(stack: Stack) -> None:
    team = stack.account()
    admin, member = stack.client(team.admin), stack.client(team.member)
    for _ in range(TRIALS):
        guest, oak = stack.guest(team), stack.card(team)
        to = [str(guest.membership_id)]

        _, deleted = at_once(
            partial(member.post, f"{oak.path}/chat", text="Have a look", to=to),
            partial(delete_users, admin, team, guest),
        )

        receipt_of(admin, deleted)
        assert left_open(stack.database, guest.membership_id) == {}


def test_r56_mentioning_a_participant_while_they_are_removed(stack: Stack) -> None:
    team = stack.account()
    admin, member = stack.client(team.admin), stack.client(team.member)
    guest = stack.guest(team)
    for _ in range(TRIALS):
        oak = stack.card(team)
        give(member, oak, guest)
        to = [str(guest.membership_id)]

        said, removed = at_once(
            partial(member.post, f"{oak.path}/chat", text="Look again", to=to),
            partial(admin.post, f"{oak.path}/participants/{guest.membership_id}/remove"),
        )

        assert removed.status_code == 303
        assert said.status_code in (303, 409)
        assert not open_before_revoked(stack, guest.membership_id, oak.id)


def test_r56_a_message_asked_for_before_the_removal_gives_no_access_after_it(stack: Stack) -> None:
    team = stack.account()
    guest, member = stack.guest(team), stack.client(team.member)
    for _ in range(TRIALS):
        oak = stack.card(team)
        give(member, oak, guest)
        barrier = Barrier(2)
        with stack.database.reading() as session:
            known = closed_grants(session, oak.id, [guest.membership_id])
        with ThreadPoolExecutor(2) as threads:
            said = threads.submit(mention, stack, barrier, oak, guest, by=team.member, known=known)
            threads.submit(take_away, stack, barrier, oak, guest, by=team.admin).result(20)
            said.result(20)

        still = select(func.count()).where(Grant.card_id == oak.id, Grant.revoked_at.is_(None))
        with stack.database.reading() as session:
            assert session.scalar(still) == 0


def test_r56_a_message_asked_for_before_anybody_can_see_the_removal_gives_no_access_after_it(stack: Stack) -> None:
    team = stack.account()
    guest, oak = stack.guest(team), stack.card(team)
    give(stack.client(team.member), oak, guest)
    with stack.database.transaction() as removing:
        admin = removing.get_one(Membership, team.admin.membership_id)
        revoke_grant(removing, removing.get_one(Card, oak.id), guest.membership_id, by=admin)
        with stack.database.reading() as asking:
            known = closed_grants(asking, oak.id, [guest.membership_id])

    assert mention(stack, Barrier(1), oak, guest, by=team.member, known=known) == "refused"


def test_r56_joining_while_the_invitation_is_cancelled(stack: Stack) -> None:
    team, elsewhere = stack.account(), stack.account()
    admin = Admin(stack, team)
    for _ in range(TRIALS):
        person = stack.guest(elsewhere)
        page = stack.client(person)
        assert admin.invite(person.email).status_code == 303
        row = admin.row(person.email)
        cancel = f"{team.path}/settings/invitations/{row.invitation_id}/cancel"

        joined, cancelled = at_once(
            partial(page.post, f"/accounts/{row.invitation_id}/join"),
            partial(admin.browser.post, cancel),
        )

        # One of them came first, and the other was told so.
        assert {joined.status_code, cancelled.status_code} == {303, 409}
        assert admin.row(person.email).status == ("joined" if joined.status_code == 303 else "cancelled")
        if joined.status_code == 303:
            receipt_of(admin.browser, admin.delete(row.membership_id))
        assert page.get(f"{team.path}/direct/{team.member.membership_id}").status_code in (403, 404)


def test_r56_activating_while_the_invited_is_deleted(stack: Stack) -> None:
    team = stack.account()
    admin = Admin(stack, team)
    people = [fresh() for _ in range(TRIALS)]
    links = {nora: invited(stack, admin, nora) for nora in people}
    rows = admin.rows()
    for nora, link in links.items():
        activated, deleted = at_once(
            partial(activate, stack, link),
            partial(admin.delete, rows[nora].membership_id),
        )

        assert activated.status_code in (303, 410)
        receipt_of(admin.browser, deleted)
        assert left_open(stack.database, rows[nora].membership_id) == {}


def test_r56_resending_while_the_invited_is_deleted(stack: Stack) -> None:
    team = stack.account()
    admin, bea = Admin(stack, team), Admin(stack, team, second_admin(stack, team))
    for _ in range(TRIALS):
        admin.invite(nora := fresh())
        row = admin.row(nora)
        resend = f"{team.path}/settings/invitations/{row.invitation_id}/resend"

        _, deleted = at_once(
            partial(bea.browser.post, resend),
            partial(admin.delete, row.membership_id),
        )

        receipt_of(admin.browser, deleted)
        stack.idle()
        assert left_open(stack.database, row.membership_id) == {}


def test_r56_two_removals_at_once_are_one(stack: Stack) -> None:
    team = stack.account()
    admin, bea = stack.client(team.admin), stack.client(second_admin(stack, team))
    for _ in range(TRIALS):
        guest = stack.guest(team)

        answers = at_once(partial(delete_users, admin, team, guest), partial(delete_users, bea, team, guest))

        assert len({answer.headers["Location"] for answer in answers}) == 1
        receipt_of(admin, answers[0])
    with stack.database.reading() as session:
        assert session.scalar(select(func.count()).where(Removal.account_id == team.id)) == TRIALS


def open_before_revoked(stack: Stack, membership_id: int, card_id: int) -> bool:
    """Return whether the card is open by a message that is older than the last revocation."""
    of = (Grant.membership_id == membership_id, Grant.card_id == card_id)
    opened = select(func.min(Message.created_at)).join(Grant, Grant.message_id == Message.id)
    with stack.database.reading() as session:
        opened_at = session.scalar(opened.where(*of, Grant.revoked_at.is_(None)))
        revoked_at = session.scalar(select(func.max(Grant.revoked_at)).where(*of))
    return opened_at is not None and opened_at < revoked_at


def mention(stack: Stack, barrier: Barrier, card: Lead, guest: Person, *, by: Person, known: Collection[int]) -> str:
    """Address the guest as the web does for a request that came in before the others were let go."""
    barrier.wait(10)
    try:
        with stack.database.transaction() as session:
            on, author = session.get_one(Card, card.id), session.get_one(Membership, by.membership_id)
            say(session, on, by=author, text="Look", to=[guest.membership_id], known=known)
    except JustRevoked:
        return "refused"
    return "said"


def take_away(stack: Stack, barrier: Barrier, card: Lead, guest: Person, *, by: Person) -> None:
    barrier.wait(10)
    with stack.database.transaction() as session:
        on, admin = session.get_one(Card, card.id), session.get_one(Membership, by.membership_id)
        revoke_grant(session, on, guest.membership_id, by=admin)
