"""Faults, told to Sentry where the settings name one: what is logged as an error, and nothing of requests or people."""

import logging
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from models.audit import request_id
from models.logs import job_at_hand
from models.settings import Settings

# Whatever else the SDK finds out, of requests, people or this machine, stays here.
TOLD = ("event_id", "timestamp", "platform", "level", "logger", "exception", "environment", "release", "server_name")
# What may name a person or sign in to a server, and words so long that they may be a token or a cookie.
PRIVATE = re.compile(r"\S*@\S*|[\w-]{24,}")


def begin_reports(chosen: Settings, part: str) -> None:
    """Have this process, which is the web, a worker or the clock, report its faults if the settings say where to."""
    if not chosen.sentry_dsn:
        return
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.excepthook import ExcepthookIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    sentry_sdk.init(
        chosen.sentry_dsn,
        release=version("guestlist"),
        # Those that come by default read requests, arguments and the environment.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR, sentry_logs_level=None),
            ExcepthookIntegration(),
            AtexitIntegration(callback=lambda *_: None),
        ],
        include_local_variables=False,
        max_breadcrumbs=0,
        before_send=lambda event, hint: _told(event, hint, part),  # type: ignore[arg-type, return-value]
    )


def _told(event: Mapping[str, Any], hint: Mapping[str, Any], part: str) -> dict[str, Any] | None:
    """Return what may leave of an event; of one about the watching itself, nothing."""
    if str(event.get("logger")).startswith("opentelemetry"):
        return None
    told = {name: event[name] for name in TOLD if name in event}
    for error in told.get("exception", {}).get("values", ()):
        error["value"] = _public(str(error.get("value") or ""))
    if record := hint.get("log_record"):
        told["logentry"] = {"message": _public(record.getMessage())}
    return told | {"tags": {"part": part, "request": request_id.get(), "job": job_at_hand.get()}}


def _public(words: str) -> str:
    return PRIVATE.sub("…", words)
