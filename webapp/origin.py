"""Where a request comes from: the network, and whether this browser is one in which the person has been before."""

import secrets
from ipaddress import IPv6Address, ip_address, ip_network

from flask import current_app, request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from models import Settings

COOKIE = "known"
A_YEAR = 365 * 24 * 3600
# What one subscriber is given of IPv6.
SUBSCRIBER = 64


def source() -> str:
    """Return the network address that the request comes from; of IPv6 the network, whose addresses cost nothing."""
    # Each proxy adds whom it heard; what is left of that, anybody may have written.
    hops = int(_settings().is_https) if _settings().proxies < 0 else _settings().proxies
    told = request.headers.get("X-Forwarded-For", "").split(",")
    said = told[-hops].strip() if 0 < hops <= len(told) else ""
    return _network(said) or _network(request.remote_addr or "") or "unknown"


def known_browser(user_id: int | None) -> str | None:
    """Return the name of this browser if this person has signed in here before, or proved their mailbox."""
    try:
        whose, name = _signer().loads(request.cookies.get(_cookie(), ""))
    except (BadSignature, TypeError, ValueError):
        return None
    return name if whose == user_id and isinstance(name, str) else None


def know_browser(answer: Response, user_id: int) -> None:
    """Let this browser be known as one of the person's."""
    name = known_browser(user_id) or secrets.token_urlsafe(16)
    value, is_https = str(_signer().dumps([user_id, name])), _settings().is_https
    answer.set_cookie(_cookie(), value, max_age=A_YEAR, httponly=True, samesite="Lax", secure=is_https)


def _network(address: str) -> str:
    try:
        found = ip_address(address.strip("[]"))
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found.packed, SUBSCRIBER), strict=False))
    return str(found)


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(_settings().key, salt="known browser")


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-{COOKIE}"


def _settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found
