"""`guestlist jobs`: what operators do to jobs at a terminal."""

import getpass
import json
from collections.abc import Callable, Sequence
from typing import Any

import click
from sqlalchemy import select

from models import Database, Job, JobStatus, Pause
from models.job import EVERY_KIND
from models.visible import visible
from workflows.operate import KINDS, dead_letters, discard, pause, replay, resume

Open = Callable[[], Database]
Settle = Callable[..., int]
Command = Callable[..., Any]
KIND = click.Choice(KINDS)
LONGEST_LINE = 100


@click.group()
def jobs() -> None:
    """Background jobs: list them, replay or discard dead letters, pause and resume kinds."""


@jobs.command(name="list")
@click.option("--state", type=click.Choice([str(each) for each in JobStatus]), help="Only jobs in this state.")
@click.option("--kind", type=KIND, help="Only jobs of this kind.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with arguments and whole tracebacks.")
@click.pass_obj
def listed(opened: Open, state: str | None, kind: str | None, limit: int, as_json: bool) -> None:
    """Print jobs, the newest first, and what is paused."""
    wanted = select(Job).order_by(Job.id.desc()).limit(limit)
    wanted = wanted.where(Job.status == JobStatus(state)) if state else wanted
    with opened().reading() as session:
        found = session.scalars(wanted.where(Job.actor == kind) if kind else wanted).all()
        paused = session.scalars(select(Pause.actor).order_by(Pause.actor)).all()
    if as_json:
        click.echo(json.dumps({"jobs": [_shown(job) for job in found], "paused": list(paused)}, indent=2, default=str))
        return
    for job in found:
        about = " ".join(f"{name}={value}" for name, value in job.arguments.items())
        error = (job.last_error or "").strip().rpartition("\n")[2][:LONGEST_LINE]
        click.echo(visible(f"{job.id:>8}  {job.status:<9}  {job.attempts:>2}  {job.actor} {about}  {error}".rstrip()))
    if paused:
        click.echo(f"Paused: {', '.join('every kind' if each == EVERY_KIND else each for each in paused)}.")


def of_dead_letters(command: Command) -> Command:
    """Give a command what names dead letters: ids, or all, or all of one kind."""
    command = click.option("--kind", type=KIND, help="With --all: only those of this kind.")(click.pass_obj(command))
    command = click.option("--all", "is_all", is_flag=True, help="All dead letters.")(command)
    return click.argument("job_ids", metavar="[ID]...", nargs=-1, type=click.IntRange(1, 2**63 - 1))(command)


@jobs.command(name="replay")
@of_dead_letters
def replay_them(opened: Open, job_ids: tuple[int, ...], is_all: bool, kind: str | None) -> None:
    """Let dead letters begin anew, with all their attempts."""
    click.echo(f"{_settle(opened(), replay, job_ids, is_all=is_all, kind=kind)} replayed.")


@jobs.command(name="discard")
@of_dead_letters
def discard_them(opened: Open, job_ids: tuple[int, ...], is_all: bool, kind: str | None) -> None:
    """Put dead letters away for good."""
    click.echo(f"{_settle(opened(), discard, job_ids, is_all=is_all, kind=kind)} discarded.")


@jobs.command(name="pause")
@click.argument("kind", required=False, type=KIND)
@click.pass_obj
def pause_kind(opened: Open, kind: str | None) -> None:
    """Leave jobs of one kind waiting, or of every kind, until they are resumed. What runs is finished."""
    with opened().transaction() as session:
        pause(session, kind or EVERY_KIND, by=_operator())
    click.echo(f"{kind or 'Every kind'} is paused.")


@jobs.command(name="resume")
@click.argument("kind", required=False, type=KIND)
@click.pass_obj
def resume_kind(opened: Open, kind: str | None) -> None:
    """Let jobs of a paused kind go on; without a kind, end the pause of every kind."""
    with opened().transaction() as session:
        resume(session, kind or EVERY_KIND, by=_operator())
    click.echo(f"{kind or 'Every kind'} goes on.")


def _settle(database: Database, settle: Settle, job_ids: Sequence[int], *, is_all: bool, kind: str | None) -> int:
    if is_all == bool(job_ids):
        raise click.UsageError("name jobs by their ids, or give --all")
    if kind and not is_all:
        raise click.UsageError("--kind goes with --all")
    done, batch = 0, job_ids
    while True:
        with database.transaction() as session:
            if is_all:
                # Onward only: what dies again is left to whoever looks why.
                batch = dead_letters(session, kind=kind or "", after=batch[-1] if batch else 0)
            done += settle(session, batch, by=_operator()) if batch else 0
        if not (is_all and batch):
            return done


def _shown(job: Job) -> dict[str, object]:
    return {column.key: getattr(job, column.key) for column in Job.__table__.columns}


def _operator() -> str:
    return f"{getpass.getuser()} (command line)"
