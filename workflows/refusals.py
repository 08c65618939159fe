"""The tree of refusals. Each is a noun, with its sentence as docstring and its HTTP status on the class.

A refusal is an answer, not a fault: it is shown to whoever asked, and never retried.
"""

from models.language import gettext


class Refusal(Exception):
    """This is not possible."""

    status = 403

    @property
    def sentence(self) -> str:
        """The sentence to show in the language spoken, with the refusal's arguments filled in."""
        return gettext((self.__doc__ or "").strip()).format(*self.args)


class Forbidden(Refusal):
    """You may not do this."""


class SignInFirst(Refusal):
    """Sign in first."""


class AccessEnded(Refusal):
    """Your access has ended."""


class SignedOut(AccessEnded):
    """You were signed out here. Sign in again to go on."""


class NotFound(Refusal):
    """There is nothing here that you can open."""

    status = 404


class StaleForm(Refusal):
    """This form is no longer valid. Open the page again and send it once more."""

    status = 400


class BadInput(Refusal):
    """{0}"""

    status = 422


class BadAddress(BadInput):
    """“{0}” is not an address that mail can reach: {1}"""


class BadSlug(BadInput):
    """“{0}” cannot be an account's slug: use 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end."""


class UnknownGroup(BadInput):
    """There is no group “{0}”; choose admin, member or free."""


class BadFile(BadInput):
    """This file cannot be taken: {0}"""


class NobodyToInvite(BadInput):
    """There is nobody in this list who could be invited."""


class EmptyText(BadInput):
    """Write something first."""


class TextTooLong(BadInput):
    """This text is longer than {0} characters."""


class BadEndDate(BadInput):
    """“{0}” is not a date in the future, written as year-month-day."""


class WrongArguments(BadInput):
    """A job of kind {0} does not take these arguments: {1}."""


class EndlessGroup(BadInput):
    """Only free users can have an end date."""


class WeakPassword(BadInput):
    """Choose a password of {0} to {1} characters."""


class CommonPassword(BadInput):
    """Anybody would guess this password early. Choose a few words that have nothing to do with each other."""


class PasswordsDiffer(BadInput):
    """The two passwords are not the same."""


class NotAddressable(BadInput):
    """{0} cannot be addressed here: only participants of this card can."""

    status = 403


class NotWritable(Refusal):
    """You cannot write to this person."""


class NoMailbox(BadInput):
    """This card's contact has no e-mail address."""


class Conflict(Refusal):
    """This has changed in the meantime."""

    status = 409


class AlreadyMember(Conflict):
    """{0} is already a user of this account."""


class AlreadyInvited(Conflict):
    """{0} has already been invited to this account; the invitation is waiting for an answer."""


class AlreadyEnded(Conflict):
    """The access of {0} has ended already; invite them again."""


class AlreadyAnswered(Conflict):
    """Whether {0} keeps their access was answered already: {1}."""


class NoEnd(Conflict):
    """Your access has no end date."""


class AlreadyAsked(Conflict):
    """{0} was asked already, less than a day ago."""


class InvitationClosed(Conflict):
    """This invitation is no longer open."""


class ImportOver(Conflict):
    """This list was cancelled or came to its end; send the file again."""


class JustRevoked(Conflict):
    """{0} was removed from this card at the same moment. Send the message again if you mean to give access anew."""


class JustRemoved(Conflict):
    """{0} was removed from this account after this list was confirmed. Invite them again if you mean to."""


class LastAdmin(Conflict):
    """An account keeps at least one admin."""


class StillClosing(Conflict):
    """What this removal ended is still being closed. It can be undone once that is done."""


class TooLateToUndo(Conflict):
    """This removal cannot be undone any more: its time for that is over. Invite them again instead."""


class NobodyReturns(Conflict):
    """Nobody can return by undoing this removal. {0}"""


class SlugTaken(Conflict):
    """There is an account “{0}” already."""


class NotDead(Conflict):
    """Job {0} is not a dead letter: there is no such job, or it goes on already."""


class LinkDead(Refusal):
    """This link is not valid: it was used, cancelled or replaced, or its time is over."""

    status = 410


class AlreadyRegistered(Conflict):
    """You have a password already. Sign in with it to join."""


class WrongPassword(Refusal):
    """This is not the password that you have now."""


class SignInRefused(Refusal):
    """The address or the password is not right."""


class NoAccount(Refusal):
    """There is no account that you can open with this address."""


class TooMany(Refusal):
    """{0}"""

    status = 429
