"""The cron lines in the settings: which there are, and whether each is one."""

from datetime import UTC

from apscheduler.triggers.cron import CronTrigger

from models import Settings
from models.settings import PREFIX, Misconfigured

SCHEDULES = [field for field in Settings.model_fields if field.endswith("_cron")]
PARTS = ("minute", "hour", "day", "month", "day_of_week")


def require_schedules(settings: Settings) -> None:
    """Return if each schedule in the settings is one. Raises Misconfigured."""
    for name in SCHEDULES:
        line = getattr(settings, name)
        parts = line.split()
        named = dict(zip(PARTS, parts, strict=False))
        wrong = [f"“{part}” is no {kind.replace('_', ' ')}" for kind, part in named.items() if not _is_part(kind, part)]
        if len(parts) != len(PARTS):
            wrong = ["needs minute, hour, day, month and day of week"]
        if wrong:
            says = f"{' and '.join(wrong)}; it is “{line}”; right is, for example, */15 * * * * (every 15 minutes)"
            raise Misconfigured(f"{PREFIX}{name.upper()}: {says}")


def _is_part(kind: str, part: str) -> bool:
    try:
        CronTrigger(timezone=UTC, **{kind: part})
    except ValueError:
        return False
    return True
