"""The words for what is kept by its name: groups, states, kinds and severities, in the language of the page."""

from models.language import N_, gettext

WORDS = {
    "free": N_("Free user"),
    "member": N_("Member"),
    "admin": N_("Admin"),
    "queued": N_("Queued"),
    "sent": N_("Sent"),
    "joined": N_("Joined"),
    "bounced": N_("Bounced"),
    "failed": N_("Failed"),
    "expired": N_("Expired"),
    "cancelled": N_("Cancelled"),
    "removed": N_("Removed"),
    "checked": N_("Not confirmed yet"),
    "running": N_("Under way"),
    "done": N_("Done"),
    "stopped": N_("Stopped"),
    "ready": N_("Ready"),
    "waiting": N_("Waiting"),
    "invited": N_("Invited"),
    "refused": N_("Refused"),
    "kept": N_("Kept"),
    "ended": N_("Ended"),
    "lead": N_("Lead"),
    "leads": N_("Leads"),
    "customer": N_("Customer"),
    "customers": N_("Customers"),
    "contact": N_("Contact"),
    "contacts": N_("Contacts"),
    "company": N_("Company"),
    "companies": N_("Companies"),
    "high": N_("High"),
    "medium": N_("Medium"),
    "low": N_("Low"),
    "access": N_("Access"),
    "invitations": N_("Invitations"),
    "work": N_("Work"),
}


def word(name: str) -> str:
    """Return what people call it; a name of ours that has no word is shown as it is."""
    return gettext(WORDS[name]) if name in WORDS else name.capitalize()
