"""Headers that keep a page to itself, and an id and a span for every request."""

import logging
import re
from contextlib import ExitStack
from uuid import uuid4

from flask import Flask, Response, g, request

from models.audit import request_id
from models.spans import span

TLS_FOR_A_YEAR = f"max-age={365 * 24 * 3600}; includeSubDomains"
logger = logging.getLogger(__name__)
FAULT = 500
# What a proxy may call a request: nothing that could be more than a name, in logs, mails and pages.
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{8,64}")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def shield(app: Flask, *, is_https: bool) -> None:
    """Name and time every request, and put the headers on every answer."""
    app.before_request(_name)
    app.add_template_global(request_id.get, "request_id")
    app.after_request(_cover)
    app.after_request(_log)
    app.teardown_request(_end)
    if is_https:
        app.after_request(_insist_on_tls)


def _name() -> None:
    given = request.headers.get("X-Request-Id", "")
    request_id.set(given if WELL_FORMED.fullmatch(given) else uuid4().hex)
    g.ending = ExitStack()
    about = {"http.request.method": request.method, "http.route": str(request.url_rule)}
    g.about = g.ending.enter_context(span(f"{request.method} {request.url_rule}", **about))


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


def _log(response: Response) -> Response:
    # The rule and not the address, which may hold a mailed token.
    level = logging.INFO if request.method == "POST" or response.status_code >= FAULT else logging.DEBUG
    logger.log(level, "%s %s %d", request.method, request.url_rule, response.status_code)
    g.about["http.response.status_code"] = response.status_code
    return response


def _end(_: BaseException | None) -> None:
    if "ending" in g:
        g.pop("ending").close()


def _insist_on_tls(response: Response) -> Response:
    response.headers["Strict-Transport-Security"] = TLS_FOR_A_YEAR
    return response
