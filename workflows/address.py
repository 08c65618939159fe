"""Make one form of every e-mail address that can be written to, and refuse the rest (R7)."""

from email_validator import EmailNotValidError, validate_email

from models.language import ENGLISH, N_, gettext, spoken
from models.visible import visible
from workflows.refusals import BadAddress

# RFC 5321, 4.5.3.1.3: a path holds 256 octets, its angle brackets included.
LONGEST = 254
# What a careless paste leaves at the ends. Other control characters are never trimmed away.
BLANKS = " \t\r\n\u00a0"
SHOWN = 60


def normalise(typed: str) -> str:
    """Return the address as it is stored and mailed: lower case, its domain in ASCII. Raises BadAddress."""
    address = typed.strip(BLANKS)
    if reason := _plain_reason(address):
        raise BadAddress(_shown(typed), reason)
    try:
        # `test_environment` lets the reserved domain .test through, for demonstrations that must reach nobody.
        valid = validate_email(
            address, check_deliverability=False, allow_smtputf8=False, strict=True, test_environment=True
        )
    except EmailNotValidError as error:
        # The library gives its reasons in English.
        reason = _lower_first(str(error)) if spoken() == ENGLISH else gettext("it is not written as addresses are.")
        raise BadAddress(_shown(typed), reason) from None
    normal = f"{valid.ascii_local_part}@{valid.ascii_domain}".lower()
    if "." not in valid.domain:
        raise BadAddress(_shown(typed), gettext("its domain has no dot."))
    if len(normal) > LONGEST:
        raise BadAddress(_shown(typed), gettext("it is longer than %(longest)s octets.", longest=LONGEST))
    return normal


def _plain_reason(address: str) -> str | None:
    """Return why an address is refused at first sight, in words of our own; None where the syntax decides."""
    local, _, domain = address.rpartition("@")
    reasons = {
        N_("nothing was typed."): not address,
        N_("it is longer than %(longest)s octets."): len(address.encode(errors="replace")) > LONGEST,
        N_("it contains a line break."): "\r" in address or "\n" in address,
        N_("it contains control characters."): not address.replace("\u00a0", " ").isprintable(),
        N_("write the address alone, without a name or brackets."): "<" in address or ">" in address,
        N_("write one address only."): any(mark in address for mark in ",;")
        or len(address.split()) > 1 < address.count("@"),
        N_("quotation marks before the @-sign cannot be delivered."): '"' in local,
        N_("an IP address in place of a domain cannot be delivered."): domain.startswith("["),
        N_("letters with accents or of other scripts before the @-sign cannot be delivered."): not local.isascii(),
    }
    first = next((reason for reason, applies in reasons.items() if applies), None)
    return first and gettext(first, longest=LONGEST)


def _shown(typed: str) -> str:
    """Return the start of what was typed, with everything that does not print made visible and harmless."""
    harmless = visible(typed[: SHOWN + 1])
    return harmless if len(harmless) <= SHOWN else harmless[:SHOWN] + "…"


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:200]
