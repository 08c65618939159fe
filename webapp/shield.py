"""Headers that keep a page to itself, and an id for every request."""

from uuid import uuid4

from flask import Flask, Response, request

from models.audit import request_id

TLS_FOR_A_YEAR = f"max-age={365 * 24 * 3600}; includeSubDomains"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def shield(app: Flask, *, is_https: bool) -> None:
    """Name every request, and put the headers on every answer."""
    app.before_request(_name)
    app.after_request(_cover)
    if is_https:
        app.after_request(_insist_on_tls)


def _name() -> None:
    request_id.set(uuid4().hex)


def _cover(response: Response) -> Response:
    # The address of a page behind a mailed link is a secret, whatever the answer is: it is sent nowhere.
    is_secret = "token" in (request.view_args or {})
    headers = response.headers
    headers["X-Request-Id"] = request_id.get()
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer" if is_secret else "same-origin"
    headers.setdefault("Content-Security-Policy", POLICY)
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if request.endpoint is None or not request.endpoint.endswith("static"):
        headers["Cache-Control"] = "no-store"
    return response


def _insist_on_tls(response: Response) -> Response:
    response.headers["Strict-Transport-Security"] = TLS_FOR_A_YEAR
    return response
