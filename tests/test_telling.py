"""What the record holds and what sweeps find is said in sentences, with names in the place of ids (R70, R61)."""

import html
import re
from datetime import timedelta

from sqlalchemy import update

from models import AuditEvent, Event, Grant, now
from tests.inviting import Admin, fresh
from tests.process import until
from tests.removing import a_guest_with_two_cards, delete_users, receipt_of
from tests.stack import Stack
from workflows.tell import SENTENCES

LINE = re.compile(
    r'data-event-id="\d+".*?<span class="grow">(.*?)<small class="raw"[^>]*><code>([\w.]+)</code>', re.DOTALL
)


def test_r70_every_event_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Event)


def test_r70_the_record_reads_as_sentences(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    invitee = fresh()
    inviting = Admin(stack, team)
    inviting.invite(invitee)
    inviting.sees(invitee, "sent")
    stack.client(guest).get(f"{team.path}/audit")
    admin.post(f"{oak.path}/participants/{guest.membership_id}/remove")
    receipt_of(admin, delete_users(admin, team, guest))

    said = sentences(admin.get(f"{team.path}/audit").text)
    for sentence, event in {
        f"Ada Admin invited {invitee} as a free user": "invitation.made",
        f"A mail was sent to {invitee}": "delivery.sent",
        "Ada Admin created the lead “Oak table”": "card.created",
        "Ada Admin gave Gwen Guest access to the customer “Elm chair”": "grant.made",
        f"Gwen Guest was refused the page {team.path}/audit: You may not do this.": "access.refused",
        "Ada Admin removed Gwen Guest from the lead “Oak table”": "grant.revoked",
        "Ada Admin removed Gwen Guest from the account": "removal.requested",
        "Guestlist removed Gwen Guest from the customer “Elm chair”: access was removed": "grant.revoked",
    }.items():
        assert (sentence, event) in said, (sentence, said)
    assert any(sentence.startswith("All that Gwen Guest could reach is closed: 1 grant") for sentence, _ in said)


def test_r57_the_record_leads_to_receipts_even_of_who_came_back(stack: Stack) -> None:
    team, admin, guest, _, _ = a_guest_with_two_cards(stack)
    answer = delete_users(admin, team, guest)
    receipt_of(admin, answer)
    where = answer.headers["Location"]
    assert admin.post(f"{where}/undo").status_code == 303

    assert f'href="{where}"' not in admin.get(f"{team.path}/settings/users").text
    assert f'href="{where}">Receipt</a>' in admin.get(f"{team.path}/audit").text


def test_g4_a_sentence_names_nothing_of_another_account(stack: Stack) -> None:
    team, other = stack.account(), stack.account()
    theirs, guest = stack.card(other, name="Their secret boat"), stack.guest(other, name="Their secret guest")
    with stack.database.transaction() as session:
        about = {"membership": guest.membership_id, "card": theirs.id}
        for event in Event:
            session.add(AuditEvent(event=event, account_id=team.id, object_id=theirs.id, details=about))
    page = stack.client(team.admin).get(f"{team.path}/audit")
    assert page.status_code == 200
    assert len(sentences(page.text)) > len(Event)
    assert "Their secret" not in page.text


def test_r62_a_finding_says_whom_and_what_it_is_about(stack: Stack) -> None:
    team, admin, guest, oak, _ = a_guest_with_two_cards(stack)
    with stack.database.transaction() as session:
        held = update(Grant).where(Grant.membership_id == guest.membership_id, Grant.card_id == oak.id)
        session.execute(held.values(ends_at=now() - timedelta(hours=1)))
    found = admin.post(f"{team.path}/sweeps").headers["Location"]
    until(lambda: "data-finished" in admin.get(found).text, what="the sweep")
    page = html.unescape(admin.get(found).text)
    said = re.search(r'class="about-finding">([^<]*)<', page)
    assert said is not None
    assert said[1].startswith(f"{guest.email}, on “Oak table”, granted ")

    admin.post(f"{found}/repair")
    assert f"{guest.email}, on “Oak table”" in html.unescape(admin.get(found).text)
    assert "Ada Admin had a sweep's finding repaired: close the grant as of its end date" in [
        sentence for sentence, _ in sentences(admin.get(f"{team.path}/audit").text)
    ]


def sentences(page: str) -> list[tuple[str, str]]:
    """Return each line of the record, and the event that it tells of."""
    return [(html.unescape(" ".join(said.split())), event) for said, event in LINE.findall(page)]
