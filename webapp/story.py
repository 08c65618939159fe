"""The steps of the whole story, as its people take them: by pages, forms, streams and mail."""

import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta

from sqlalchemy import select

from models import Database, Grant, Membership, MembershipStatus, now, settings
from webapp.visitor import Visitor, expect, links
from workflows.demo_data import ADMIN, PASSWORD, SLUG

HERE = f"/a/{SLUG}"
NEW_PASSWORD = "a password made for this story"  # noqa: S105


class Story:
    """What one playing knows: who takes part, and what it made so far."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.admin, self.guest = Visitor(url), Visitor(url)
        self.address = f"guest-{date.today():%m%d}-{secrets.token_hex(4)}@partner.example"  # noqa: DTZ011
        self.membership = self.card = self.link = self.contact = ""

    def invite(self) -> str:
        """Invite the story's guest and return the answer's page."""
        form = {"email": self.address, "name": "Noor Haddad", "group": "free"}
        return self.admin.post(f"{HERE}/settings/users", **form)

    def row(self, status: str) -> dict[str, str]:
        """Wait until the guest's row shows a status, and return what the row carries."""
        return self.admin.wait(lambda: self.admin.user_row(HERE, self.address), status)

    def grant(self, text: str) -> None:
        """Address the guest in the card's chat."""
        self.admin.post(f"{self.card}/chat", text=text, to=self.membership)


def sign_in(story: Story) -> str:
    story.admin.sign_in(ADMIN, PASSWORD)
    return f"{ADMIN} opened {HERE}/settings/users: {len(story.admin.get(f'{HERE}/settings/users'))} bytes"


def add_free_user(story: Story) -> str:
    story.invite()
    row = story.row("queued|sent")
    story.membership = row["membership-id"]
    return f"the row of {story.address} shows “{row['status']}”"


def new_person_mail(story: Story) -> str:
    mail = story.admin.mail(story.address, "invitation-new")
    story.link = expect(re.findall(r"/activate/[\w-]+", mail), "a link to set a password")[0]
    for part in ("Ada", story.address, settings().product_name):
        expect(part in mail, f"{part!r} in the mail")
    story.row("sent")
    return "“invitation-new” with the inviter's name, the login and a link; the row moved to “sent”"


def invite_twice(story: Story) -> str:
    form = {"email": story.address.upper(), "group": "free"}
    said = story.admin.refused("POST", f"{HERE}/settings/users", 409, **form)
    return f"409: {said}"


def activate(story: Story) -> str:
    for _ in range(3):
        story.guest.get(story.link)
    both = {"password": NEW_PASSWORD, "password_confirm": NEW_PASSWORD}
    story.guest.post(story.link, **both, name="Noor Haddad")
    story.guest.refused("GET", story.link, 410)
    story.row("joined")
    return "opening the link three times changed nothing; used once it is dead; the row shows “joined”"


def guest_arrives(story: Story) -> str:
    story.guest.sign_in(story.address, NEW_PASSWORD)
    story.guest.get("/notifications")
    story.guest.refused("GET", f"{HERE}/leads", 403)
    return "the notification center opens, the list of leads answers 403"


def prepare_card(story: Story) -> str:
    story.contact = expect(re.findall(r'<option value="(\d+)"', story.admin.get(f"{HERE}/leads")), "a contact")[0]
    story.card = story.admin.post(f"{HERE}/leads", name="Bakery on the canal", contact_id=story.contact)
    story.admin.post(f"{story.card}/fields", name="Bakery on the canal", new_label="Ovens", new_value="three")
    story.admin.post(f"{story.card}/notes", text="They open at five in the morning.")
    story.admin.post(f"{story.card}/tasks", text="Ask for the floor plan")
    story.guest.refused("GET", story.card, 404)
    return f"{story.card} has a field, a note and a task; to the guest it is 404"


def give_access(story: Story) -> str:
    with story.guest.stream() as heard:
        story.grant("Noor, could you look at the ovens?")
        came = heard.wait_for("notification")
    expect(story.card in links(story.guest.get("/notifications")), "a notification that links to the card")
    story.guest.get(story.card)
    return f"the notification came live, {came}, and leads to the card"


def guest_may(story: Story) -> str:
    page = story.guest.get(story.card)
    for part in ("three", "five in the morning", "look at the ovens"):
        expect(part in page, f"{part!r} on the guest's page")
    expect("floor plan" not in page, "no task on the guest's page")
    story.guest.post(f"{story.card}/chat", text="Two of them are older than I am.")
    expect("older than I am" in story.admin.get(story.card), "the guest's message on the admin's page")
    contact = re.findall(r"<dd>(\S+@[^<]+)</dd>", story.admin.get(f"{HERE}/contacts/{story.contact}"))
    story.guest.post(f"{story.card}/contact-messages", text=f"Measured for {story.address}.")
    story.admin.mail(contact[0], "contact-message", holding=story.address)
    admin_id = story.admin.user_row(HERE, ADMIN)["membership-id"]
    story.guest.post(f"{HERE}/direct/{admin_id}", text="May I bring a colleague?")
    return "fields and notes are there, tasks are not; chat, a mail to the contact and a direct message arrived"


def guest_may_not(story: Story) -> str:
    for path, fields in (
        ("fields", {"name": "Mine"}),
        ("notes", {"text": "x"}),
        ("tasks", {"text": "x"}),
        (f"participants/{story.membership}/remove", {}),
    ):
        story.guest.refused("POST", f"{story.card}/{path}", 403, **fields)
    for path in ("leads", "customers", "settings/users", "audit", "sweeps"):
        story.guest.refused("GET", f"{HERE}/{path}", 403)
    return "fields, notes, tasks, participants, lists, settings, audit and sweeps: each answered 403"


def remove_participant(story: Story) -> str:
    with story.guest.stream() as heard:
        story.admin.post(f"{story.card}/participants/{story.membership}/remove")
        told = heard.wait_for("closed")
        story.guest.refused("GET", story.card, 404)
    expect(story.card not in links(story.guest.get("/notifications")), "no notification of the closed card")
    return f"the next request was refused, the open page was told {told}"


def delete_free_user(story: Story) -> str:
    story.grant("One more look, please.")
    story.guest.get(story.card)
    preview = story.admin.post(f"{HERE}/settings/users/delete", ids=story.membership)
    expect(story.address in preview, "a preview that names the guest")
    with story.guest.stream() as heard:
        where = story.admin.post(f"{HERE}/settings/users/delete", ids=story.membership, confirm="yes")
        told = heard.wait_for("end", "closed")
        for path in (story.card, "/notifications"):
            story.guest.refused("GET", path, 403, 404)
    receipt = story.admin.wait(lambda: story.admin.receipt(where), "done")
    expect("older than I am" in story.admin.get(story.card), "the guest's message, kept")
    return f"refused at once, told {told}; receipt: {receipt['sentence']}"


def invite_again(story: Story) -> str:
    story.invite()
    mail = story.admin.mail(story.address, "invitation-existing")
    expect("/activate/" not in mail, "no token in the mail")
    expect("unchanged" in mail, "that login and password remain unchanged")
    story.guest = Visitor(story.url)
    story.guest.sign_in(story.address, NEW_PASSWORD)
    story.membership = story.row("joined")["membership-id"]
    story.guest.refused("GET", story.card, 404)
    return "“invitation-existing”, no token; signing in joined again, and old access stayed closed"


def sweep(story: Story) -> str:
    story.grant("Welcome back.")
    with _breach(int(story.membership)) as grant_id:
        findings = story.admin.sweep(HERE)
        expect("grant_without_live_membership" in findings, "the planted grant among the findings")
        story.admin.repair(HERE)
        after = story.admin.sweep(HERE)
        expect("grant_without_live_membership" not in after, "no finding after the repair")
    return f"grant {grant_id} without a live membership was found, closed, and is found no more"


def tidy_up(story: Story) -> str:
    story.admin.post(f"{story.card}/delete")
    story.admin.refused("GET", story.card, 404)
    return "the card is gone for everybody"


@contextmanager
def _breach(membership_id: int) -> Iterator[int]:
    """Damage the data as only a fault could: a deleted membership whose grant nobody closed."""
    held = select(Grant).where(Grant.membership_id == membership_id, Grant.revoked_at.is_(None))
    with closing(Database(settings().database)) as database:
        with database.transaction() as session:
            membership = session.get_one(Membership, membership_id)
            membership.status, membership.deleted_at = MembershipStatus.DELETED, now() - timedelta(hours=1)
            grant_id = session.scalars(held).one().id
        try:
            yield grant_id
        finally:
            # Where nothing has found it, nothing of it stays.
            with database.transaction() as session:
                for left in session.scalars(held):
                    left.revoked_at = now()
