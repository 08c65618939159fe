"""How a line of the log is written: JSON for programs, plain where people read it on a terminal."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

from models.audit import request_id
from models.visible import visible

# What the lines written now are about, beside the request: "deliver 42" in a worker.
job_at_hand: ContextVar[str] = ContextVar("job_at_hand", default="")
# Every message that finds nothing to do, and every look of the relay, would be a line.
TALKATIVE = ("dramatiq.worker.WorkerThread", "apscheduler", "httpx")


class Lines(logging.Formatter):
    """One JSON object a line; `extra={"fields": ...}` adds to it. Only what a message says is told, never arguments."""

    def format(self, record: logging.LogRecord) -> str:
        about = {"request": request_id.get(), "job": job_at_hand.get()}
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in about.items() if value},
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class PlainLines(logging.Formatter):
    """The same for people: time, level and message, then what it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s  %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        # Errors hold what other servers said, and a terminal may be reading.
        return "\n".join(map(visible, super().format(record).split("\n")))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        about = " ".join(part for part in (job_at_hand.get(), request_id.get()) if part)
        return super().formatMessage(record) + (f"  ({about})" if about else "")


def begin_log(level: str) -> None:
    """Have this process write its log to stderr, in lines that suit whoever reads there."""
    lines = logging.StreamHandler()
    lines.setFormatter(PlainLines() if sys.stderr.isatty() else Lines())
    logging.basicConfig(level=level, handlers=[lines])
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
