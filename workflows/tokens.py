"""Secrets that travel by mail: made anew from the key whenever needed, and stored as digests alone."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode

from itsdangerous import BadSignature, URLSafeSerializer

from models import LinkPurpose, settings

LONGEST_SIGNED = 200
MARKED = re.compile(r"(?P<kind>reply|bounce)\+(?P<id>[0-9]{1,18})\.(?P<mark>[0-9a-f]{32})@.+")


def token_for(purpose: LinkPurpose, mail_id: str) -> str:
    """Return the token of the link in the mail `mail_id`: 256 bits, and the same at every try."""
    secret = hmac.digest(settings().key, f"link\0{purpose}\0{mail_id}".encode(), hashlib.sha256)
    return urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest(token: str) -> str:
    """Return the digest under which a token is stored and found."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def sign_unsubscribe(user_id: int) -> str:
    """Return the token of a person's unsubscribe link. It never expires, and can do nothing else (R22)."""
    return str(_unsubscribe().dumps(user_id))


def read_unsubscribe(token: str) -> int | None:
    """Return the id of the user who may unsubscribe with the token; None for a token that is not ours."""
    if len(token) > LONGEST_SIGNED:
        return None
    try:
        user_id = _unsubscribe().loads(token)
    except BadSignature:
        return None
    return user_id if isinstance(user_id, int) else None


def reply_address(message_id: int) -> str:
    """Return the address at which a contact answers one message (R32). Nobody can make one up."""
    return _marked("reply", message_id)


def message_answered(address: str) -> int | None:
    """Return the id of the message that mail to this address answers; None for an address that is not ours."""
    return _id_in("reply", address)


def bounce_address(delivery_id: int) -> str:
    """Return the address to which mail servers report that they could not deliver one mail (R72)."""
    return _marked("bounce", delivery_id)


def delivery_bounced(address: str) -> int | None:
    """Return the id of the delivery that a notice to this address is about; None for an address that is not ours."""
    return _id_in("bounce", address)


def _marked(kind: str, row_id: int) -> str:
    return f"{kind}+{row_id}.{_mark(kind, row_id)}@{settings().mail_domain}"


def _id_in(kind: str, address: str) -> int | None:
    found = MARKED.fullmatch(address.lower())
    if found is None or found["kind"] != kind:
        return None
    return int(found["id"]) if hmac.compare_digest(found["mark"], _mark(kind, int(found["id"]))) else None


def _mark(kind: str, row_id: int) -> str:
    # Mail programs may change the case of an address, and cut it at 64 characters.
    return hmac.digest(settings().key, f"{kind}\0{row_id}".encode(), hashlib.sha256).hex()[:32]


def _unsubscribe() -> URLSafeSerializer:
    return URLSafeSerializer(settings().key, salt="unsubscribe", signer_kwargs={"digest_method": hashlib.sha256})
