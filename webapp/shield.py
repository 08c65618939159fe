"""Headers that keep a page to itself, and an id for every request."""

from uuid import uuid4

from flask import Flask, Response, g, request

from models.audit import request_id

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def shield(app: Flask) -> None:
    """Name every request, and put the headers on every answer."""
    app.before_request(_name)
    app.after_request(_cover)


def keep_secret() -> None:
    """Say that the address of this page is a secret: it is sent nowhere and kept nowhere."""
    g.is_secret = True


def _name() -> None:
    request_id.set(uuid4().hex)


def _cover(response: Response) -> Response:
    is_secret = g.get("is_secret", False)
    headers = response.headers
    headers["X-Request-Id"] = request_id.get()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer" if is_secret else "same-origin"
    headers.setdefault("Content-Security-Policy", POLICY)
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.endpoint is None or not request.endpoint.endswith("static"):
        headers["Cache-Control"] = "no-store"
    return response
