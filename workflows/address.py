"""Make one form of every e-mail address that can be written to, and refuse the rest (R7)."""

from email_validator import EmailNotValidError, validate_email

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
        raise BadAddress(_shown(typed), _lower_first(str(error))) from None
    normal = f"{valid.ascii_local_part}@{valid.ascii_domain}".lower()
    if "." not in valid.domain:
        raise BadAddress(_shown(typed), "its domain has no dot.")
    if len(normal) > LONGEST:
        raise BadAddress(_shown(typed), f"it is longer than {LONGEST} octets.")
    return normal


def _plain_reason(address: str) -> str | None:
    """Return why an address is refused at first sight, in words of our own; None where the syntax decides."""
    local, _, domain = address.rpartition("@")
    reasons = {
        "nothing was typed.": not address,
        f"it is longer than {LONGEST} octets.": len(address.encode(errors="replace")) > LONGEST,
        "it contains a line break.": "\r" in address or "\n" in address,
        "it contains control characters.": not address.replace("\u00a0", " ").isprintable(),
        "write the address alone, without a name or brackets.": "<" in address or ">" in address,
        "write one address only.": any(mark in address for mark in ",;")
        or len(address.split()) > 1 < address.count("@"),
        "quotation marks before the @-sign cannot be delivered.": '"' in local,
        "an IP address in place of a domain cannot be delivered.": domain.startswith("["),
        "letters with accents or of other scripts before the @-sign cannot be delivered.": not local.isascii(),
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def _shown(typed: str) -> str:
    """Return the start of what was typed, with everything that does not print made visible and harmless."""
    harmless = visible(typed[: SHOWN + 1])
    return harmless if len(harmless) <= SHOWN else harmless[:SHOWN] + "…"


def _lower_first(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:200]
