"""Two acts let go at the same moment, the last winner a little later than before: so that each of them wins often."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

SECONDS = 60
SHORTEST_STEP, FIRST_STEP, LONGEST_STEP = 0.0005, 0.03, 0.1
Act = Callable[[], Any]


class Duel:
    """Lets two acts go, each in a thread of its own; knows how much later the first one goes."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._lead = 0.0
        self._step = FIRST_STEP
        self._last: int | None = None

    def fight(self, first: Act, second: Act) -> tuple[Any, Any]:
        """Do both at once, and return what they returned. Raises TimeoutError where they hold each other up."""
        barrier = Barrier(2)
        # Without any chance in it, the same moments would meet each time.
        lead = self._lead + random.uniform(-2, 2) * SHORTEST_STEP  # noqa: S311
        going = [
            self._threads.submit(_go, barrier, max(0, lead), first),
            self._threads.submit(_go, barrier, max(0, -lead), second),
        ]
        return going[0].result(SECONDS), going[1].result(SECONDS)

    def learn(self, winner: int) -> None:
        """Let the winner go later the next time, and the more so the longer it has been winning."""
        is_again = winner == self._last
        self._step = min(self._step * 2, LONGEST_STEP) if is_again else max(self._step / 4, SHORTEST_STEP)
        self._last = winner
        self._lead += self._step if winner == 0 else -self._step


@contextmanager
def duel() -> Iterator[Duel]:
    """Offer a duel, and end its threads afterwards."""
    with ThreadPoolExecutor(2) as threads:
        yield Duel(threads)


def _go(barrier: Barrier, later: float, act: Act) -> Any:  # noqa: ANN401
    barrier.wait(SECONDS)
    time.sleep(later)
    return act()
