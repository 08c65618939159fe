"""A mail that comes back marks its delivery, with the server's words, and nobody can make one up (R2, R72)."""

import os
import smtplib
from collections.abc import Callable
from email.message import EmailMessage

from sqlalchemy import select

from models import AuditEvent, Database, Delivery, DeliveryStatus, Event
from tests.filled import contact_of, guest_on_card
from tests.inviting import Admin, fresh
from tests.mail_server import MailServer
from tests.mailing import deliver, newest
from tests.people import Team
from tests.rows import invitation_to
from tests.stack import Stack
from tests.test_receiving import pipe
from workflows.tokens import delivery_bounced

WORDS = "550 5.1.1 <nobody@partner.example>: Recipient address rejected"
REPORT = """From: Mail Delivery System <mailer-daemon@mail.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; nobody@partner.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words}

--cut
Content-Type: message/rfc822

Subject: the mail itself

--cut--
"""


def test_r72_an_invitation_that_comes_back_is_bounced_with_the_servers_words(stack: Stack) -> None:
    admin, nora = Admin(stack, stack.account()), fresh()
    admin.invite(nora)
    admin.sees(nora, "sent")
    mail = stack.mails(nora)[0]
    came_from = str(mail["Return-Path"]).strip("<>")
    assert came_from.startswith("bounce+") and came_from not in str(mail["From"])

    # As a mail server sends it: by SMTP, from nobody.
    report = REPORT.format(to=came_from, action="failed", status="5.1.1", words=WORDS).encode()
    with smtplib.SMTP("127.0.0.1", int((stack.home / "smtp.port").read_text())) as server:
        server.sendmail("", [came_from], report)

    admin.sees(nora, "bounced")
    assert "Recipient address rejected" in admin.browser.get(admin.page).text
    assert "came back" in admin.browser.get(f"{admin.team.path}/audit").text
    # What was wrong was mended: the next mail decides.
    admin.resend(nora)
    admin.sees(nora, "sent")


def test_r32_who_wrote_to_a_contact_reads_that_it_did_not_arrive(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    browser.post(f"{card.path}/contact-messages", text="May we come by?")
    contact = contact_of(stack.database, card).email or ""
    address = str(stack.mails(contact, template="contact-message")[0]["Return-Path"]).strip("<>")
    stack.idle()
    report = REPORT.format(to=address, action="failed", status="5.1.1", words=WORDS).encode()
    assert pipe(stack, report, "--sender", "", address) == os.EX_OK
    assert f"did not reach {contact}" in browser.get(card.path).text
    assert "did not reach" in browser.get("/notifications").text


def test_r72_a_late_mail_is_recorded_and_stays_sent(stack: Stack) -> None:
    delivery, address = sent(stack)
    late = REPORT.format(to=address, action="delayed", status="4.4.1", words="timed out")
    assert pipe(stack, late.encode(), "--sender", "", address) == os.EX_OK
    assert status(stack.database, delivery) is DeliveryStatus.SENT
    assert told(stack.database, delivery) == [(Event.DELIVERY_DELAYED, "timed out")]


def test_r72_a_made_up_mark_changes_nothing(stack: Stack) -> None:
    delivery, address = sent(stack)
    for forged in (address.replace("bounce+", "bounce+1"), address.replace("bounce+", "reply+")):
        report = REPORT.format(to=forged, action="failed", status="5.1.1", words=WORDS).encode()
        assert pipe(stack, report, "--sender", "", forged) == os.EX_DATAERR
    assert status(stack.database, delivery) is DeliveryStatus.SENT
    assert told(stack.database, delivery) == []


def test_r72_what_is_no_report_and_what_is_reported_twice_change_nothing(stack: Stack) -> None:
    delivery, address = sent(stack)
    away = EmailMessage()
    away["Auto-Submitted"] = "auto-replied"
    away.set_content("I am away. 550 5.1.1")
    assert pipe(stack, away, "--sender", "", address) == os.EX_OK
    assert status(stack.database, delivery) is DeliveryStatus.SENT
    for _ in range(2):
        report = REPORT.format(to=address, action="failed", status="5.1.1", words=WORDS).encode()
        assert pipe(stack, report, "--sender", "", address) == os.EX_OK
    assert told(stack.database, delivery) == [(Event.DELIVERY_BOUNCED, WORDS)]


def test_r72_the_envelope_names_the_delivery_where_bounces_are_taken(
    database: Database, team: Team, server: MailServer, choose: Callable[..., None]
) -> None:
    def send(email: str) -> int:
        with database.transaction() as session:
            invitation_to(session, team, email)
        assert deliver(database, newest(database)) is DeliveryStatus.SENT
        return newest(database)

    first = send(fresh())
    choose(bounces="false", mail_from="Acme <crm@acme.example>")
    send(fresh())
    assert [delivery_bounced(server.senders[0]), server.senders[1]] == [first, "crm@acme.example"]


def sent(stack: Stack) -> tuple[int, str]:
    """Have an invitation sent; return its delivery and the address to which it would come back."""
    admin, nora = Admin(stack, stack.account()), fresh()
    admin.invite(nora)
    admin.sees(nora, "sent")
    address = str(stack.mails(nora)[0]["Return-Path"]).strip("<>")
    delivery = delivery_bounced(address)
    assert delivery is not None
    return delivery, address


def status(database: Database, delivery_id: int) -> DeliveryStatus:
    with database.reading() as session:
        return session.get_one(Delivery, delivery_id).status


def told(database: Database, delivery_id: int) -> list[tuple[Event, str]]:
    """Return what is recorded of a delivery after it was sent."""
    of = (AuditEvent.object_id == delivery_id, AuditEvent.event.in_((Event.DELIVERY_BOUNCED, Event.DELIVERY_DELAYED)))
    with database.reading() as session:
        return [(each.event, each.outcome) for each in session.scalars(select(AuditEvent).where(*of))]
