"""`python -m tests.chaos`: break everything, on one database or both, and say what came of it."""

import sys
import time

import click

from tests.chaos.run import run

DATABASES = ("sqlite", "postgresql")


@click.command()
@click.option("--seed", type=int, help="Replays the choices of an earlier run; else a new one is taken.")
@click.option("--minutes", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="On each database.")
@click.option("--database", type=click.Choice([*DATABASES, "both"]), default="both", show_default=True)
def main(seed: int | None, minutes: float, database: str) -> None:
    """Run with faults, and print the report. Exits with 1 if a promise was broken."""
    chosen = int(time.time()) if seed is None else seed
    kept = [run(chosen, minutes, each) for each in (DATABASES if database == "both" else [database])]
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
