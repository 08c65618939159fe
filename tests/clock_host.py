"""A host that runs a clock, in a time of its own: each line of its standard input sets that forward or back."""

import sys
import threading
from datetime import datetime, timedelta

import time_machine

from jobs import clock
from models import Database, now, settings
from models.logs import begin_log


class Relay:
    """Says that it looked, and rings for nobody."""

    def look(self, _: float) -> None:
        print("looked", flush=True)


def main() -> None:
    """Run the clock of the settings, so many seconds from the real time."""
    begin_log("INFO")
    offset = timedelta(seconds=float(sys.argv[1]))
    with time_machine.travel(now() + offset, tick=True) as traveller:
        threading.Thread(target=_obey, args=(traveller,), daemon=True).start()
        clock.run(Database(settings().database), settings(), Relay(), None)  # type: ignore[arg-type]


def _obey(traveller: time_machine.Traveller) -> None:
    for line in sys.stdin:
        traveller.shift(timedelta(seconds=float(line)))
        print("it is", datetime.now().astimezone(), flush=True)


if __name__ == "__main__":
    main()
