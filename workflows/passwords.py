"""Make and check password hashes (argon2id). All of it is slow by design: call it outside transactions."""

import re
import secrets
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models import settings
from workflows.refusals import CommonPassword, PasswordsDiffer, WeakPassword

LONGEST_PASSWORD = 1024
# The 3,000 commonest in known breaches, most common first, then the long ones among the next 17,000; counted by Royce
# Williams, and taken from the list that Django ships.
COMMON = Path(__file__).with_name("common_passwords.txt")
RUNS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qazwsxedcrfvtgbyhnujmikolp", "01234567890")
SPELT = str.maketrans("013457@$!", "oieastasi")
FEWEST_CHARACTERS = 5


def hash_password(password: str, confirm: str) -> str:
    """Return the hash of a new password, which is kept whole. Raises WeakPassword, CommonPassword, PasswordsDiffer."""
    password, confirm = _normal(password), _normal(confirm)
    shortest = settings().password_min_length
    if not shortest <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(shortest, LONGEST_PASSWORD)
    if _is_common(password):
        raise CommonPassword
    if password != confirm:
        raise PasswordsDiffer
    return _hasher().hash(password)


def password_matches(password_hash: str, password: str) -> bool:
    """Return whether the password is the one. It takes as long for a wrong one, and for nobody's."""
    # As it was typed, too: there may be hashes from before there was a normal form.
    return any(_verifies(password_hash, form) for form in dict.fromkeys((_normal(password), password)))


def _verifies(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


def _normal(password: str) -> str:
    """Return the one form of all the ways in which keyboards make the same letters (RFC 8265, 4.2; NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def _is_common(password: str) -> bool:
    """Return whether it is one of the commonest passwords, however that was stretched to its length."""
    plain = "".join(password.casefold().split())
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", plain)
    spelt = {plain, core, plain.translate(SPELT), core.translate(SPELT)}
    forms = spelt | set(map(_unit, spelt))
    return (
        len(set(plain)) < FEWEST_CHARACTERS
        or any(plain in run or plain[::-1] in run for run in RUNS)
        or any(form in _common() or _is_made_of_two(form) for form in forms)
    )


def _is_made_of_two(text: str) -> bool:
    return any(text[:at] in _common() and text[at:] in _common() for at in range(1, len(text)))


def _unit(text: str) -> str:
    """Return what the text repeats, or the text."""
    sizes = (size for size in range(1, len(text)) if text == (text[:size] * len(text))[: len(text)])
    return text[: next(sizes, len(text))]


@cache
def _common() -> frozenset[str]:
    return frozenset(COMMON.read_text().casefold().split())


@cache
def hash_of_nothing() -> str:
    """Return a hash that no password matches, to check against where there is no person."""
    return _hasher().hash(secrets.token_urlsafe(32))


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()
