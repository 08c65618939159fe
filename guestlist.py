"""The command line: each command composes what it needs, runs it, and says in one line what went wrong."""

import secrets
import signal
import sys
from pathlib import Path
from typing import IO, NoReturn
from zoneinfo import available_timezones

import click
from sqlalchemy.exc import DBAPIError
from starlette.types import ASGIApp

from jobs import embedded, supervisor, together
from jobs.bell import Bell
from jobs.broker import connect
from jobs.commands import jobs
from jobs.findings import doctor, sweep, warn
from jobs.live import Live
from jobs.preview import mail
from jobs.receiving import receive
from models import Database, settings
from models.formats import shown
from models.language import ENGLISH, LANGUAGES
from models.logs import begin_log
from models.reports import begin_reports
from models.schema import is_current
from models.settings import Misconfigured
from models.spans import begin_spans
from models.visible import visible
from workflows.found import found_account
from workflows.passwords import hash_password
from workflows.refusals import Refusal

FOUND, UNUSABLE, SHORTEST_SECRET = 1, 2, 15
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def main() -> None:
    """Run a command. What an operator can mend is one line on stderr; anything else is a fault, with its traceback."""
    try:
        sys.exit(cli(prog_name="guestlist", standalone_mode=False, obj=_open))
    except click.exceptions.Abort:
        sys.exit(FOUND)
    except click.ClickException as misuse:
        _fail(misuse.format_message(), misuse.exit_code)
    except Misconfigured as error:
        _fail(str(error), UNUSABLE)
    except Refusal as refusal:
        _fail(refusal.sentence, FOUND)
    except DBAPIError as error:
        _fail(f"GUESTLIST_DATABASE_URL: {shown(settings().database)}: {error.orig}", UNUSABLE)
    except OSError as error:
        _fail(f"{error.filename or 'system'}: {error.strerror or error}", UNUSABLE)


@click.group(commands=[jobs, sweep, doctor, mail, receive], invoke_without_command=True, context_settings=HELP)
@click.pass_context
def cli(context: click.Context) -> None:
    """Guest access to single CRM cards: invite, grant, notify, revoke, and prove that nothing was left behind."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        context.exit(UNUSABLE)


@cli.command()
@click.option("--port", type=together.Port(), help="Serve on this port of the loopback address.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Keep everything in this directory.")
@click.option("--no-demo", is_flag=True, help="Make no demo account.")
def up(port: int | None, data_dir: Path | None, no_demo: bool) -> None:
    """Start everything on this machine, with what is not configured embedded. Ctrl-C ends it."""
    from webapp.serving import address, claim

    chosen = together.choose(port, data_dir)
    embedded.hold(chosen.data_dir / "up.lock", "another `guestlist up` runs on this data directory")
    host, at = address(chosen)
    claim(host, at)
    database = together.migrated(chosen)
    if not no_demo:
        together.seed(database)
    begin_log(chosen.log_level)
    together.greet(chosen, f"http://{host}:{at}", has_demo=not no_demo)
    supervisor.supervise(*together.stages(chosen), say=click.echo)


@cli.command()
def web() -> None:
    """Serve pages, forms and live events."""
    from webapp.serving import serve

    _open().close()
    begin_log(settings().log_level)
    serve(settings(), factory="guestlist:asgi")


@cli.command()
def work() -> None:
    """Run the workers, the clock and the relay. Any number of hosts may."""
    _open().close()
    begin_log(settings().log_level)
    warn()
    supervisor.supervise(supervisor.work_commands(settings()))


@cli.command()
def migrate() -> None:
    """Bring the database to this version."""
    together.migrated(settings())
    click.echo("The database is at this version.")


@cli.group()
def account() -> None:
    """Accounts: one company's workspace each."""


@account.command()
@click.argument("slug")
@click.option("--name", required=True, help="The account's name, as people read it.")
@click.option("--admin", required=True, help="E-mail address of its first admin.")
@click.option("--password-file", type=click.File(), help="The admin's password; - is standard input. Else one is made.")
@click.option(
    "--language", type=click.Choice(list(LANGUAGES)), default=ENGLISH, show_default=True, help="Spoken in it."
)
@click.option("--time-zone", default="UTC", show_default=True, help="Of its days, as in America/Sao_Paulo.")
def create(slug: str, admin: str, password_file: IO[str] | None, **about: str) -> None:
    """Create an account with its first admin."""
    if about["time_zone"] not in available_timezones():
        raise click.BadParameter("there is no such time zone", param_hint="--time-zone")
    made = "" if password_file else secrets.token_urlsafe(max(SHORTEST_SECRET, settings().password_min_length))
    password = password_file.readline().rstrip("\r\n") if password_file else made
    hashed = hash_password(password, password)
    with _open().transaction() as session:
        user = found_account(session, slug=slug, admin_email=admin, password_hash=hashed, **about).user
    click.echo(f"{settings().base_url}/a/{slug} is open for {user.email}.")
    if user.password_hash != hashed:
        click.echo("They sign in with the password they have.")
    elif made:
        click.echo(f"Password, shown this once: {made}")


@cli.command()
@click.option("--url", help="Where the instance answers; otherwise BASE_URL. Its database is that of the settings.")
def demo(url: str | None) -> int:
    """Play the whole story against a running instance, with its demo account."""
    url = url or settings().base_url
    together.require_answer(url)
    together.require_demo(_open())
    from webapp.play import play

    return 0 if play(url) else FOUND


def asgi() -> ASGIApp:
    """Return what a web process serves."""
    from webapp import create_app
    from webapp.live import create_root

    supervisor.die_with_parent(signal.SIGKILL)
    begin_log(settings().log_level)
    begin_reports(settings(), "web")
    begin_spans(settings(), "web")
    database = _open()
    return create_root(settings(), database, create_app(settings(), database))


def _open() -> Database:
    """Return the database, which tells workers and open pages what changes. Raises Misconfigured."""
    chosen = settings()
    database = together.opened(chosen)
    if not is_current(database):
        raise Misconfigured("the database is not at this version: run `guestlist migrate`")
    database.on_commit(Bell(database, connect(chosen.broker), Live(chosen.redis)))
    return database


def _fail(sentence: str, status: int) -> NoReturn:
    click.echo(f"guestlist: {visible(' '.join(sentence.split()))}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
