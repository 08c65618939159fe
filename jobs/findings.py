"""`guestlist sweep` and `guestlist doctor`: look, and print what is found."""

import json
import logging
from collections.abc import Callable
from datetime import UTC

import click

from models import Database, Finding, Sweep
from models.visible import visible

Open = Callable[[], Database]
FOUND = 1
SHOWN = ("check", "severity", "account_id", "object_id", "evidence", "found_at", "repaired_at")


@click.command()
@click.option("--repair", is_flag=True, help="Mend what is found.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def sweep(opened: Open, repair: bool, as_json: bool) -> int:
    """Run all checks now and print what they find. Exits with 1 if a finding is left."""
    from workflows.sweep import sweep_and_repair, sweep_now

    done = (sweep_and_repair if repair else sweep_now)(opened())
    for line in [_as_json(done)] if as_json else [*map(_told, done.findings), _summed(done)]:
        click.echo(line)
    return FOUND if any(finding.repaired_at is None for finding in done.findings) else 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> int:
    """Examine configuration, database, broker, mail server, clock and queues. Exits with 1 if anything is wrong."""
    from jobs.doctor import examine

    logging.disable()
    lines = list(examine())
    if as_json:
        click.echo(json.dumps([vars(line) for line in lines], indent=2))
    for line in () if as_json else lines:
        state = click.style("ok   ", fg="green") if line.is_well else click.style("WRONG", fg="red")
        click.echo(f"{state}  {line.part:<15} {visible(line.says)}")
    return 0 if all(line.is_well for line in lines) else FOUND


def warn() -> None:
    """Say which of the servers that workers need does not answer now."""
    from jobs.doctor import broker, examine, mail_server

    for line in examine([broker, mail_server]):
        if not line.is_well:
            click.echo(f"guestlist: {line.part}: {visible(line.says)}; until then what needs it waits", err=True)


def _told(finding: Finding) -> str:
    from workflows.checks import CHECKS
    from workflows.checks.words import evidence_in_words

    about = visible(evidence_in_words(finding.evidence, UTC))
    outcome = "  mended" if finding.repaired_at else ""
    return (
        f"{finding.severity:<6}  {CHECKS[finding.check].breach} {about}  ({finding.check} {finding.object_id}){outcome}"
    )


def _summed(done: Sweep) -> str:
    count = len(done.findings)
    return f"{count} finding{'s' * (count != 1)} in {done.rows} rows."


def _as_json(done: Sweep) -> str:
    found = [{name: getattr(finding, name) for name in SHOWN} for finding in done.findings]
    return json.dumps({"sweep": done.id, "rows": done.rows, "findings": found}, indent=2, default=str)
