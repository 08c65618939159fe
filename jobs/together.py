"""Everything on one machine: what is not configured is embedded, and what is needed first is made."""

import logging
import os
import sys
import threading
import time
from pathlib import Path

import click
import httpx
from dotenv import dotenv_values

from jobs import embedded, supervisor
from jobs.schedules import require_schedules
from models import Database, Settings, settings
from models.schema import migrate
from models.settings import PREFIX, Misconfigured
from workflows import demo_data
from workflows.checks import require_known
from workflows.passwords import hash_password

POLL_SECONDS = 0.1
HIGHEST_PORT = 65535


class Port(click.ParamType[int]):
    """A number that a server may listen on."""

    name = "port"

    def convert(self, value: str, *_: object) -> int:
        """Return the number. Raises UsageError, in the words of make as well."""
        if value.isdecimal() and 0 < int(value) <= HIGHEST_PORT:
            return int(value)
        wish = f"it is a number from 1 to {HIGHEST_PORT}, as in 9000"
        raise click.UsageError(f"--port (PORT of make): “{value}” is no port; {wish}")


def choose(port: int | None, data_dir: Path | None) -> Settings:
    """Return the settings with these choices made, for this process and for all that it starts."""
    if data_dir is not None:
        os.environ[f"{PREFIX}DATA_DIR"] = str(data_dir.resolve())
    if port is not None:
        os.environ[f"{PREFIX}BIND"] = f"127.0.0.1:{port}"
        if not (dotenv_values(".env") | os.environ).get(f"{PREFIX}BASE_URL"):
            os.environ[f"{PREFIX}BASE_URL"] = f"http://127.0.0.1:{port}"
    settings.cache_clear()
    return settings()


def migrated(chosen: Settings) -> Database:
    """Return the database, at this version. Raises Misconfigured."""
    embedded.make_directory(chosen.data_dir)
    database = opened(chosen)
    migrate(database)
    return database


def opened(chosen: Settings) -> Database:
    """Return the database, as it is. Raises Misconfigured."""
    require_known(chosen.sweep_repair)
    require_schedules(chosen)
    return Database(chosen.database)


def seed(database: Database) -> None:
    """Make the demo account, unless there is one already."""
    hashed = hash_password(demo_data.PASSWORD, demo_data.PASSWORD)
    with database.transaction() as session:
        demo_data.seed_demo(session, password_hash=hashed)


def require_answer(url: str) -> None:
    """Return if an instance answers there. Raises Misconfigured."""
    try:
        is_well = httpx.get(f"{url}/healthz", trust_env=False).is_success
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Misconfigured(f"no instance answers at {url}: {error}") from None
    if not is_well:
        raise Misconfigured(f"what answers at {url} is no instance of Guestlist")


def require_demo(database: Database) -> None:
    """Return if the database has the demo account. Raises Misconfigured."""
    with database.reading() as session:
        if not demo_data.is_seeded(session):
            raise Misconfigured("DATA_DIR or DATABASE_URL: not those of an instance with the demo account")


def stages(chosen: Settings) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return what `guestlist up` runs, by name: first what the others need, then the others."""
    python = [sys.executable, "-m"]
    needed = {
        **({} if chosen.broker_url else {"valkey": [*python, "jobs.embedded"]}),
        **({} if chosen.smtp_url else {"mail server": [*python, "jobs.mailbox"]}),
    }
    return needed, {"web": [*python, "guestlist", "web"], **supervisor.work_commands(chosen)}


def greet(chosen: Settings, where: str, *, has_demo: bool) -> None:
    """Say where everything is, as soon as pages are answered."""
    lines = [f"Guestlist answers at   {chosen.base_url}"]
    if has_demo:
        people = {"admin": demo_data.ADMIN, "member": demo_data.MEMBER}
        lines += [f"Sign in as             {email:<22} ({who})" for who, email in people.items()]
        lines += [f"with the password      {demo_data.PASSWORD}"]
        lines += [f"Invite                 {demo_data.FORMER:<22} (registered before, with the same password)"]
    mail = f"{chosen.base_url}/dev/mail, and in {chosen.data_dir.resolve() / 'mail'}"
    lines += [f"Mail arrives at        {mail if not chosen.smtp_url else 'your mail server'}"]
    lines += [f"Everything is kept in  {chosen.data_dir.resolve()}"]
    if has_demo:
        lines += [
            f"See the whole story    GUESTLIST_DATA_DIR={chosen.data_dir.resolve()} {_command()} demo --url {where}"
        ]
    lines += ["Ctrl-C ends it."]
    text = "\n".join(["", *(f"  {line}" for line in lines), ""])
    threading.Thread(target=_say_when_up, args=(where, text), daemon=True).start()


def _command() -> str:
    """Return the command line's own path, short where that is below the working directory."""
    path = Path(sys.executable).parent / "guestlist"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _say_when_up(where: str, text: str) -> None:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    while True:
        try:
            if httpx.get(f"{where}/healthz", trust_env=False).is_success:
                break
        except httpx.TransportError:
            pass
        time.sleep(POLL_SECONDS)
    click.echo(text)
