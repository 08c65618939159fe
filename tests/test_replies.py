"""What a card's contact answers by mail is threaded on the card (R32)."""

import smtplib
from email.message import EmailMessage

from tests.browser import Browser
from tests.filled import contact_of, guest_on_card
from tests.people import Lead
from tests.process import until
from tests.stack import Stack


def test_r32_an_answer_is_threaded_on_the_card(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    address = written_to_contact(stack, card, browser)

    answer(stack, address, "Friday suits us.\n> May we come by?", "hannah@client.example")

    until(lambda: "Friday suits us." in browser.get(card.path).text)
    assert "> May we come by?" not in browser.get(card.path).text
    assert "Friday suits us." in browser.get("/notifications").text


def test_r32_made_up_addresses_and_machines_put_nothing_on_the_card(stack: Stack) -> None:
    _, card, _, browser = guest_on_card(stack)
    address = written_to_contact(stack, card, browser)
    name, _, domain = address.partition("@")

    answer(stack, f"{name[:-1]}{'0' if name[-1] != '0' else '1'}@{domain}", "Forged.", "mallory@client.example")
    answer(stack, address, "I am away.", "hannah@client.example", **{"Auto-Submitted": "auto-replied"})
    answer(stack, address, "I am back.", "hannah@client.example")

    until(lambda: "I am back." in browser.get(card.path).text)
    assert "Forged." not in browser.get(card.path).text
    assert "I am away." not in browser.get(card.path).text


def test_r53_an_answer_does_not_reach_a_guest_whose_card_was_closed(stack: Stack) -> None:
    team, card, guest, browser = guest_on_card(stack)
    address = written_to_contact(stack, card, browser)
    admin = stack.client(team.admin)
    admin.post(f"{card.path}/participants/{guest.membership_id}/remove")

    answer(stack, address, "Too late for Noor.", "hannah@client.example")

    until(lambda: "Too late for Noor." in admin.get(card.path).text)
    assert "Too late for Noor." not in browser.get("/notifications").text


def written_to_contact(stack: Stack, card: Lead, browser: Browser) -> str:
    """Write to the card's contact, and return the address to which that mail asks to be answered."""
    browser.post(f"{card.path}/contact-messages", text="May we come by?")
    contact = contact_of(stack.database, card).email or ""
    return str(stack.mails(contact, template="contact-message")[0]["Reply-To"])


def answer(stack: Stack, to: str, text: str, sender: str, **headers: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, "Re: Message"
    for name, value in headers.items():
        mail[name] = value
    mail.set_content(text)
    port = int((stack.home / "smtp.port").read_text())
    with smtplib.SMTP("127.0.0.1", port) as server:
        server.send_message(mail)
