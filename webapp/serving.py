"""Serves the application by Granian, on the address that the settings name."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from models.settings import Misconfigured, Settings

# What open streams may delay an end by.
GRACE_SECONDS = 5
# What a request may say before its form: cookies, and addresses of any length that makes sense.
LARGEST_HEAD = 128 * 1024
# Its lines go where ours go, and look alike.
LIKE_OURS = {"formatters": {}, "handlers": {}, "loggers": {"_granian": {"propagate": True}}}


class Forgetful(dict[int, float]):
    """When each worker was started again, as if none had been.

    Where one falls twice within seconds Granian would give up, and nobody would listen: so it is started once more.
    """

    def __setitem__(self, worker: int, at: float) -> None:
        """Keep nothing."""


def serve(settings: Settings, *, factory: str) -> None:
    """Serve what `factory` ("module:function") makes until somebody asks for the end by SIGTERM or SIGINT."""
    host, port = address(settings)
    claim(host, port)
    server = Server(
        factory,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        websockets=False,
        http1_settings=HTTP1Settings(max_buffer_size=LARGEST_HEAD),
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE_SECONDS,
        log_level=LogLevels(settings.log_level.lower()),
        log_dictconfig=LIKE_OURS,
    )
    server.respawned_wrks = Forgetful()
    with suppress(SystemExit):
        server.serve()


def address(settings: Settings) -> tuple[str, int]:
    """Return the host and port to listen on. Raises Misconfigured."""
    base = urlsplit(settings.base_url)
    if not settings.bind and base.scheme == "https":
        raise Misconfigured("GUESTLIST_BIND: needed, as host:port, for the proxy that answers https:// in front")
    try:
        bound = urlsplit(f"//{settings.bind}") if settings.bind else base
        host, port = bound.hostname, bound.port or (0 if settings.bind else 80)
    except ValueError:
        host, port = None, 0
    if not host or not port:
        raise Misconfigured(f"GUESTLIST_{'BIND' if settings.bind else 'BASE_URL'}: names no host and port to listen on")
    return host, port


def claim(host: str, port: int) -> None:
    """Return if one may listen there now. Raises Misconfigured."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = str(error.strerror or error).lower()
        raise Misconfigured(f"cannot listen on {host}:{port}: {reason}; choose another port") from error
