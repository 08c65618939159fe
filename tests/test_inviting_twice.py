"""Inviting somebody twice, one after the other or at once, leaves one of everything (R8)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import func, select

from models import Invitation, InvitationStatus, Membership, MembershipStatus, User
from tests.inviting import Admin, fresh, invited, picture, second_admin
from tests.stack import Stack

RACES = 5


def test_r8_the_second_admin_is_told_and_nothing_is_doubled(stack: Stack) -> None:
    team, nora = stack.account(), fresh()
    first, second = Admin(stack, team), Admin(stack, team, second_admin(stack, team))
    assert first.invite(nora, name="Nora").status_code == 303
    first.sees(nora, "sent")
    stack.idle()
    before = picture(stack, team)

    answer = second.invite(nora, name="Somebody Else", group="admin")

    assert answer.status_code == 409
    assert f"{nora} has already been invited" in answer.text
    assert picture(stack, team) == before
    assert len(stack.mails_now(nora)) == 1


def test_r8_at_once_from_two_browsers_leaves_one_of_everything(stack: Stack) -> None:
    team = stack.account()
    admins = [Admin(stack, team), Admin(stack, team, second_admin(stack, team))]
    for admin in admins:
        admin.browser.get(admin.page)

    for _ in range(RACES):
        nora, start = fresh(), Barrier(len(admins))

        def invite(admin: Admin, nora: str = nora, start: Barrier = start) -> int:
            start.wait(10)
            return admin.invite(nora).status_code

        with ThreadPoolExecutor() as both:
            assert sorted(both.map(invite, admins)) == [303, 409]
        stack.mails(nora)
        stack.idle()
        assert len(stack.mails_now(nora)) == 1
        assert standing(stack, nora) == (1, 1)


def test_r8_into_two_accounts_at_once_makes_one_person(stack: Stack) -> None:
    admins = [Admin(stack, stack.account()), Admin(stack, stack.account())]
    for admin in admins:
        admin.browser.get(admin.page)
    for _ in range(RACES):
        nora = fresh()
        with ThreadPoolExecutor() as both:
            answers = [each.status_code for each in both.map(lambda admin, to=nora: admin.invite(to), admins)]
        assert answers == [303, 303]
        assert standing(stack, nora) == (2, 2)
        with stack.database.reading() as session:
            assert session.scalar(select(func.count()).where(User.email == nora)) == 1


def test_r8_a_present_member_is_not_invited(stack: Stack) -> None:
    team = stack.account()
    admin, guest = Admin(stack, team), stack.guest(team)
    before = picture(stack, team)
    for present in (guest, team.member, team.admin):
        answer = admin.invite(present.email, group="admin")
        assert answer.status_code == 409
        assert f"{present.email} is already a user of this account" in answer.text
    assert picture(stack, team) == before


def test_r8_who_was_cancelled_is_invited_again_and_stands_there_once(stack: Stack) -> None:
    nora, admin = fresh(), Admin(stack, stack.account())
    old = invited(stack, admin, nora, group="member", name="Nora Old")
    first = admin.row(nora)
    admin.cancel(nora)
    assert admin.row(nora).status == "cancelled"

    new = invited(stack, admin, nora, name="Nora New")

    again = admin.sees(nora, "sent")
    assert again.invitation_id != first.invitation_id
    assert standing(stack, nora) == (1, 1)
    assert "Nora New" in admin.browser.get(admin.page).text
    # The link of the cancelled invitation stays dead.
    assert [stack.client().get(path).status_code for path in (old, new)] == [410, 200]


def standing(stack: Stack, email: str) -> tuple[int, int]:
    """Return how many memberships, past ones aside, and how many pending invitations an address has."""
    of = select(func.count()).join(Membership.user).where(User.email == email)
    of = of.where(Membership.status != MembershipStatus.DELETED)
    pending = select(func.count()).join(Invitation.membership).join(Membership.user).where(User.email == email)
    with stack.database.reading() as session:
        members = session.scalars(of.select_from(Membership)).one()
        wanted = pending.select_from(Invitation).where(Invitation.status == InvitationStatus.PENDING)
        return members, session.scalars(wanted).one()
