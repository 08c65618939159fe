"""Headers that keep a page to itself, and an id and a span for every request."""

import logging
import re
from contextlib import ExitStack
from uuid import uuid4

from flask import Flask, Response, g, request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.audit import request_id
from models.spans import span

logger = logging.getLogger(__name__)
FAULT = 500
# What a proxy may call a request: nothing that could be more than a name, in logs, mails and pages.
WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{8,64}")
ALWAYS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
BEHIND_TLS = {"Strict-Transport-Security": f"max-age={365 * 24 * 3600}; includeSubDomains"}


def cover(app: ASGIApp, *, is_https: bool) -> ASGIApp:
    """Return the application, whose every answer carries the headers that it does not set itself."""
    always = ALWAYS | BEHIND_TLS if is_https else ALWAYS

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def covered(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in always.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, covered)

    return serve


def shield(app: Flask) -> None:
    """Name and time every request, and let the secret address of a page be sent nowhere."""
    app.before_request(_name)
    app.add_template_global(request_id.get, "request_id")
    app.after_request(_keep)
    app.after_request(_log)
    app.teardown_request(_end)


def _name() -> None:
    given = request.headers.get("X-Request-Id", "")
    request_id.set(given if WELL_FORMED.fullmatch(given) else uuid4().hex)
    g.ending = ExitStack()
    about = {"http.request.method": request.method, "http.route": str(request.url_rule)}
    g.about = g.ending.enter_context(span(f"{request.method} {request.url_rule}", **about))


def _keep(response: Response) -> Response:
    # The address of a page behind a mailed link is a secret, whatever the answer is.
    if "token" in (request.view_args or {}):
        response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Request-Id"] = request_id.get()
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
