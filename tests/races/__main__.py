"""Lets go at once what must not happen at once, many times: `python -m tests.races [--trials N]`."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from models import Job, JobStatus, settings
from models.settings import PREFIX
from tests.databases import KINDS, databases
from tests.races.duel import duel
from tests.races.of_access import GrantWithCardDeletion, GrantWithRemoval, MentionWithRemoval, TwoRemovals
from tests.races.of_imports import ImportWithImport
from tests.races.of_invitations import ExpiryWithUse, JoinWithCancel, ResendWithUse, TwoInvitations, UseWithCancel
from tests.races.of_undoing import TwoUndos, UndoWithInvitation, UndoWithRemoval
from tests.races.race import Race
from tests.stack import Stack
from workflows.sweep import sweep_now

RACES: dict[str, type[Race]] = {
    each.name: each
    for each in (
        UseWithCancel,
        JoinWithCancel,
        GrantWithRemoval,
        GrantWithCardDeletion,
        MentionWithRemoval,
        ResendWithUse,
        TwoRemovals,
        TwoInvitations,
        ExpiryWithUse,
        UndoWithRemoval,
        TwoUndos,
        UndoWithInvitation,
        ImportWithImport,
    )
}
FULL, SHORT = 500, 4
BATCH = 25
# Fewer trials prove nothing about who can win.
ENOUGH = 100
TROUBLE = ("Traceback", "deadlock", "database is locked")
HEADER = ("race", "database", "through", "trials", "who came first", "violations", "seconds")
LINE = "{:<28} {:<11} {:<15} {:>6}   {:<27} {:>10} {:>8}"


def main() -> int:
    """Run every race on every database, print the table, and return 1 if anything was violated."""
    asked = _arguments()
    violations: list[str] = []
    print(LINE.format(*HEADER), flush=True)
    for kind in asked.database or KINDS:
        with _stack(kind) as stack:
            for name in asked.race or RACES:
                violations += _run(RACES[name], kind, stack, trials=asked.trials)
            violations += [f"{kind}: {each}" for each in _amiss(stack)]
    print(*violations, sep="\n")
    return 1 if violations else 0


def _run(kind_of_race: type[Race], kind: str, stack: Stack, *, trials: int) -> list[str]:
    began, race, wins = time.monotonic(), kind_of_race(stack), [0, 0]
    violations: list[str] = []
    with duel() as fight:
        for count in [BATCH] * (trials // BATCH) + [trials % BATCH] * (trials % BATCH > 0):
            scenes = race.scenes(count)
            for scene in scenes:
                answers = fight.fight(*race.acts(scene))
                winner = race.winner(scene, answers)
                wins[winner] += 1
                fight.learn(winner)
                violations += race.at_once(scene, answers)
            stack.idle(within=120)
            violations += [each for scene in scenes for each in race.afterwards(scene)]
    if trials >= ENOUGH and not all(wins):
        violations.append(f"one of them always came first: {wins}")
    who = f"{race.first} {wins[0]}, {race.second} {wins[1]}"
    told = (race.name, kind, race.through, trials, who, len(violations), f"{time.monotonic() - began:.0f}")
    print(LINE.format(*told), flush=True)
    return [f"{kind}: {race.name}: {each}" for each in violations]


def _amiss(stack: Stack) -> Iterator[str]:
    """Say what is amiss after all: findings, dead letters, and trouble in the logs."""
    for finding in sweep_now(stack.database).findings:
        yield f"a sweep finds {finding.check} {finding.object_id} {finding.evidence}"
    with stack.database.reading() as session:
        for job in session.scalars(select(Job).where(Job.status == JobStatus.DEAD)):
            yield f"dead: {job.actor} {job.arguments} {job.last_error}"
    for name, process in stack.processes.items():
        for line in process.log_file.read_text(errors="replace").splitlines():
            if any(each in line for each in TROUBLE):
                yield f"{name} said: {line}"


@contextmanager
def _stack(kind: str) -> Iterator[Stack]:
    """Run the product on a database of a kind, and give this process its settings."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="guestlist-races-") as place, databases(kind, Path(place)) as offered:
        stack = Stack(offered.create("races", like="migrated"), Path(place))
        # Nothing is too young to be found, when all has come to rest.
        os.environ |= stack.settings | {f"{PREFIX}SWEEP_GRACE_MINUTES": "0"}
        settings.cache_clear()
        stack.start()
        try:
            yield stack
        finally:
            stack.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.races", description=__doc__)
    parser.add_argument("--trials", type=int, default=FULL, help="trials of each race on each database")
    parser.add_argument("--short", dest="trials", action="store_const", const=SHORT, help=f"{SHORT} trials")
    parser.add_argument("--database", action="append", choices=KINDS, help="on this alone")
    parser.add_argument("--race", action="append", choices=list(RACES), help="this alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
