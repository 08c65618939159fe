"""Tells that a server is away: at once, again after growing pauses, and when it is back."""

import logging
import time

from models.formats import shown
from models.settings import PREFIX, settings

logger = logging.getLogger(__name__)
FIRST_PAUSE = 10.0
LONGEST_PAUSE = 600.0


class Absence:
    """Of the server that a setting names, as one process sees it."""

    def __init__(self, setting: str, meanwhile: str) -> None:
        address = shown(getattr(settings(), setting.removesuffix("_url")))
        self._server = f"{PREFIX}{setting.upper()}: {address}"
        self._meanwhile = meanwhile
        self._began_at: float | None = None
        self._pause = self._speak_at = 0.0

    def note(self, error: BaseException) -> None:
        """Say that the server does not answer, unless that was said a short while ago."""
        at = time.monotonic()
        if self._began_at is None:
            self._began_at, self._pause, self._speak_at = at, FIRST_PAUSE, at
        if at >= self._speak_at:
            logger.warning("%s does not answer (%s); %s", self._server, first_line(error), self._meanwhile)
            self._speak_at, self._pause = at + self._pause, min(2 * self._pause, LONGEST_PAUSE)

    def end(self) -> None:
        """Say that the server is back, if it was away."""
        if self._began_at is not None:
            logger.warning("%s answers again, after %.0f s", self._server, time.monotonic() - self._began_at)
            self._began_at = None


def of_live_events() -> Absence:
    """Return that of the Redis which carries live events."""
    setting = "redis_url" if settings().redis_url else "broker_url"
    return Absence(setting, "pages hear of changes made by other processes when it is back")


def first_line(error: BaseException) -> str:
    """Return what an error says, without the parts that only programmers read."""
    told = str(getattr(error, "orig", None) or error) or type(error).__name__
    return told.strip().splitlines()[0][:200].rstrip(".")
