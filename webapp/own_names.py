"""Answers to its own names alone: under another, somebody else's page could read what this one shows."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from models import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Load balancers ask by number, and are told nothing of anybody.
FOR_ALL = frozenset({"/healthz", "/readyz", "/metrics"})
SENTENCE = "This host name is not one of ours: GUESTLIST_BASE_URL and GUESTLIST_HOSTS say which are.\n"


def only_own_names(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Return the application, which refuses requests to a host that the settings do not name."""
    own = own_names(settings)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in FOR_ALL and asked_name(scope) not in own:
            await PlainTextResponse(SENTENCE, 400)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return serve


def own_names(settings: Settings) -> frozenset[str]:
    """Return the names to answer to, without ports."""
    base = urlsplit(settings.base_url).hostname or ""
    return frozenset({base, *settings.hosts}) | (LOOPBACK if base in LOOPBACK else frozenset())


def asked_name(scope: Scope) -> str:
    """Return the host name that a request is for; nothing where it names none, or several."""
    given = Headers(scope=scope).getlist("host")
    try:
        return (urlsplit(f"//{given[0]}").hostname or "") if len(given) == 1 else ""
    except ValueError:
        return ""
