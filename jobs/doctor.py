"""Examines an installation: each part is well, or it says what is wrong and what mends it."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import redis
from sqlalchemy import select

from jobs.ailment import Ailment, mend, opened, reading
from jobs.broker import AWAY, RedisDoorbell, connect
from jobs.mailer import MailTrouble, probe
from jobs.progress import clock, queues, sweeps
from jobs.schedules import require_schedules
from models import settings
from models.absence import first_line
from models.formats import shown
from models.news import CHANNEL
from models.schema import is_current
from models.settings import Misconfigured, Settings
from workflows.checks import require_known

WATCHER_SECONDS = 3.0


@dataclass(frozen=True)
class Line:
    """What the examination of one part found."""

    part: str
    is_well: bool
    says: str


def examine(parts: Sequence[Callable[[Settings], str]] | None = None) -> Iterator[Line]:
    """Examine these parts, or all, one after the other. Changes nothing, and waits for nobody long."""
    try:
        chosen = settings()
        require_known(chosen.sweep_repair)
        require_schedules(chosen)
    except Misconfigured as error:
        yield Line("settings", is_well=False, says=str(error))
        return
    yield Line("settings", is_well=True, says=f"{len(chosen.model_fields_set)} chosen, the others on their defaults")
    for look in PARTS if parts is None else parts:
        part = look.__name__.replace("_", " ")
        try:
            yield Line(part, is_well=True, says=look(chosen))
        except Ailment as ailment:
            yield Line(part, is_well=False, says=str(ailment))


def secret_key(chosen: Settings) -> str:
    if not chosen.secret_key:
        return f"made and kept in {chosen.data_dir / 'secret.key'}; several hosts need one GUESTLIST_SECRET_KEY"
    return "set"


def data_directory(chosen: Settings) -> str:
    path = chosen.data_dir.resolve()
    there = next(each for each in (path, *path.parents) if os.path.exists(each))
    try:
        # It has no name, and is gone at once; permissions alone would not tell of a full or read-only disk.
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise Ailment(f"{there} cannot be written ({first_line(error)}): mend it, or set GUESTLIST_DATA_DIR") from error
    return str(path) if path == there else f"{path} will be made"


def database(chosen: Settings) -> str:
    with reading(chosen) as session:
        session.execute(select(1))
    return shown(chosen.database)


def migrations(chosen: Settings) -> str:
    with opened(chosen) as found:
        if not is_current(found):
            raise Ailment("the database is not at this version: run `guestlist migrate`")
    return "the database is at this version"


def broker(chosen: Settings) -> str:
    try:
        waiting = connect(chosen.broker).depth()
    except AWAY as error:
        raise Ailment(f"cannot be reached ({first_line(error)}): {mend('broker_url', chosen.broker_url)}") from error
    return f"{waiting} messages wait"


def redis_keeps(chosen: Settings) -> str:
    doorbell = connect(chosen.broker)
    if not isinstance(doorbell, RedisDoorbell):
        return "the broker is not a Redis"
    try:
        told = {**doorbell.client.info("memory"), **doorbell.client.info("persistence")}
    except redis.RedisError as error:
        raise Ailment(f"cannot be asked ({first_line(error)}): {mend('broker_url', chosen.broker_url)}") from error
    policy = str(told.get("maxmemory_policy", "unknown"))
    if policy != "noeviction":
        raise Ailment(f"Redis drops keys when it is full ({policy}): set maxmemory-policy to noeviction")
    if told.get("aof_last_write_status", "ok") != "ok":
        raise Ailment("Redis cannot write its append-only file: look at its disk")
    return policy + (", on disk" if told.get("aof_enabled") else ", not on disk: after a restart the relay rings again")


def live_events(chosen: Settings) -> str:
    if not chosen.redis:
        raise Ailment("open pages hear of nothing where the broker is not a Redis: set GUESTLIST_REDIS_URL")
    try:
        listening = redis.Redis.from_url(chosen.redis, socket_timeout=3).pubsub_numsub(CHANNEL)[0][1]
    except redis.RedisError as error:
        setting, url = ("redis_url", chosen.redis_url) if chosen.redis_url else ("broker_url", chosen.broker_url)
        raise Ailment(f"Redis cannot be reached ({first_line(error)}): {mend(setting, url)}") from error
    return f"{listening} web processes listen"


def mail_server(chosen: Settings) -> str:
    url = urlsplit(chosen.smtp)
    try:
        probe()
    except MailTrouble as error:
        raise Ailment(f"{url.hostname}: {first_line(error)}: {mend('smtp_url', chosen.smtp_url)}") from error
    return f"{url.hostname} answers" + (", and took the sign-in" if url.username else "")


def watchers(chosen: Settings) -> str:
    wanted = {name: url for name in ("sentry_dsn", "otel_endpoint") if (url := getattr(chosen, name))}
    for name, url in wanted.items():
        server = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"
        try:
            httpx.head(server, timeout=WATCHER_SECONDS)
        except httpx.TransportError as error:
            raise Ailment(f"{server} cannot be reached ({first_line(error)}): {mend(name, url)}") from error
    return f"{len(wanted)} answer" if wanted else "neither Sentry nor OpenTelemetry is told anything"


PARTS: Sequence[Callable[[Settings], str]] = (
    secret_key,
    data_directory,
    database,
    migrations,
    broker,
    redis_keeps,
    live_events,
    mail_server,
    watchers,
    clock,
    sweeps,
    queues,
)
