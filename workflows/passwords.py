"""Make and check password hashes (argon2id). All of it is slow by design: call it outside transactions."""

import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from models import settings
from workflows.refusals import PasswordsDiffer, WeakPassword

LONGEST_PASSWORD = 1024


def hash_password(password: str, confirm: str) -> str:
    """Return the hash of a new password, which is kept whole. Raises WeakPassword, PasswordsDiffer."""
    shortest = settings().password_min_length
    if not shortest <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword(shortest, LONGEST_PASSWORD)
    if password != confirm:
        raise PasswordsDiffer
    return _hasher().hash(password)


def password_matches(password_hash: str, password: str) -> bool:
    """Return whether the password is the one. It takes as long for a wrong one, and for nobody's."""
    try:
        return _hasher().verify(password_hash, password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def hash_of_nothing() -> str:
    """Return a hash that no password matches, to check against where there is no person."""
    return _hasher().hash(secrets.token_urlsafe(32))


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()
