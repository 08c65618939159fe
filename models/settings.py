"""Every setting, from the environment (prefix GUESTLIST_) or a .env file."""

import difflib
import hashlib
import os
import tempfile
from email.utils import parseaddr
from functools import cache, cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.formats import (
    BaseUrl,
    BrokerUrl,
    DatabaseUrl,
    Directory,
    File,
    HostAndPort,
    Mailbox,
    Names,
    OtelEndpoint,
    RedisUrl,
    SecretKey,
    SentryDsn,
    SmtpUrl,
    wish,
)
from models.key import kept_key
from models.language import N_

PREFIX = "GUESTLIST_"
# A Unix socket's path has room for 108 bytes on Linux, 104 on macOS.
SOCKET_PATH_LIMIT = 100


class Misconfigured(Exception):
    """The settings cannot be used; the text says which one and why, in one line."""


class Settings(BaseSettings):
    """What an installation may choose. Defaults run everything embedded on one machine."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True
    )

    data_dir: Directory = Field(Path("data"), description="Directory of everything that the embedded parts keep")
    database_url: DatabaseUrl = Field("", description="SQLAlchemy URL; empty: SQLite in the data directory")
    broker_url: BrokerUrl = Field("", description="redis://, rediss://, unix:// or amqp://; empty: the embedded Valkey")
    redis_url: RedisUrl = Field("", description="Redis for live events; empty: the broker, where that is a Redis")
    smtp_url: SmtpUrl = Field(
        "", description="smtp://, smtp+starttls:// or smtps://, user and password inside; empty: the embedded server"
    )
    smtp_ca_file: File = Field(None, description="CA certificates to trust for SMTP; empty: the system's")
    smtp_timeout: float = Field(15, gt=0, le=60, description="Seconds a mail server may take over one answer")
    mail_from: Mailbox = Field("Guestlist <guestlist@localhost.localdomain>", description="Sender of every mail")
    dkim_key_file: File = Field(None, description="Private key that signs mails (DKIM); empty: the mail server signs")
    dkim_selector: str = Field("guestlist", min_length=1, max_length=63, description="Name of that key in the DNS")
    bounces: bool = Field(
        True, description="Whether mails have senders of their own, bounce+… at MAIL_FROM's domain, that failures go to"
    )
    product_name: str = Field("Guestlist", min_length=1, max_length=100, description="Name shown on pages and in mails")
    product_text: str = Field(
        N_("It keeps leads and customers in one place, and shares single cards with people outside the company."),
        max_length=1000,
        description="Information about the product in invitation mails",
    )
    base_url: BaseUrl = Field(
        "http://127.0.0.1:8000", description="Where all links lead, and where to serve by default"
    )
    hosts: Names = Field([], description="Names to answer to beside BASE_URL's, by commas")
    proxies: int = Field(-1, ge=-1, le=9, description="How many X-Forwarded-For to believe; -1: 1 behind https, else 0")
    bind: HostAndPort = Field("", description="host:port to listen on; empty: those of BASE_URL")
    secret_key: SecretKey = Field(
        "", description="Signs cookies, makes tokens; empty: made and kept in the data directory"
    )
    operators: Names = Field([], description="Addresses of platform operators, by commas")

    session_days: int = Field(14, ge=1, le=365, description="Days a sign-in lasts")
    session_idle_hours: int = Field(72, ge=1, le=8760, description="Hours without a page after which a sign-in ends")
    invitation_days: int = Field(7, ge=1, le=60, description="Days an invitation and its link live")
    reset_hours: int = Field(2, ge=1, le=48, description="Hours a password reset link lives")
    tries_per_address: int = Field(20, ge=1, description="Failed sign-ins per network address and TRIES_MINUTES")
    tries_per_person: int = Field(25, ge=1, description="Failed sign-ins per person, in browsers new to them")
    tries_minutes: int = Field(15, ge=1, le=1440, description="Minutes that a failed sign-in counts")
    password_min_length: int = Field(15, ge=8, le=128, description="Shortest password accepted")
    resends_per_day: int = Field(5, ge=1, description="Resends per invitation and day")
    invitations_per_hour: int = Field(100, ge=1, description="Invitations per admin and hour")
    mails_per_recipient_day: int = Field(5, ge=1, description="Other invitations' mails per recipient and day")
    import_rows: int = Field(10_000, ge=1, le=50_000, description="Rows that one uploaded list of people may have")
    notification_quiet_seconds: int = Field(120, ge=0, description="Quiet time before unread notifications are mailed")

    job_attempts: int = Field(12, ge=1, le=100, description="Attempts before a job is a dead letter")
    job_pause_seconds: float = Field(5, gt=0, description="Pause before the first retry; doubled each time, to an hour")
    job_lease_seconds: int = Field(60, ge=5, description="Seconds a worker may hold a job before it is rung again")
    job_keep_days: int = Field(
        14, ge=1, le=3650, description="Days that jobs are kept after they are done, and lists unconfirmed"
    )
    relay_seconds: float = Field(1, gt=0, le=60, description="Pause between the relay's looks at due jobs")
    worker_processes: int = Field(2, ge=1, le=64, description="Dramatiq worker processes per host")
    worker_threads: int = Field(4, ge=1, le=64, description="Threads per worker process")
    cascade_batch: int = Field(1000, ge=1, le=10000, description="Rows that one step of a removal closes")
    undo_days: int = Field(30, ge=0, le=3650, description="Days in which a removal can be undone; 0: never")
    import_batch: int = Field(25, ge=1, le=1000, description="Rows that one step of an import invites")
    stream_recheck_seconds: float = Field(2, gt=0, le=5, description="Pause between re-checks of open streams")

    sweep_access_cron: str = Field("*/15 * * * *", description="When to sweep grants, memberships, sessions")
    sweep_invitations_cron: str = Field("5 * * * *", description="When to sweep invitations and their links")
    sweep_work_cron: str = Field("*/10 * * * *", description="When to sweep jobs, deliveries and removals")
    purge_cron: str = Field("20 3 * * *", description="When to forget jobs that are long done")
    expire_cron: str = Field("* * * * *", description="When to expire what is past its time")
    remind_cron: str = Field("*/5 * * * *", description="When to remind of invitations and warn of end dates")
    end_warning_days: int = Field(7, ge=1, le=60, description="Days before a guest's end date that warnings are mailed")
    review_cron: str = Field("0 6 1 1,4,7,10 *", description="When to ask whether each guest keeps their access")
    review_answer_days: int = Field(14, ge=1, le=90, description="Days to answer such a review in")
    review_unanswered: Literal["keep", "end"] = Field("keep", description="What becomes of access nobody answered for")
    sweep_repair: Names = Field([], description="Checks to mend without asking, by commas")
    sweep_grace_minutes: int = Field(10, ge=0, description="Minutes that work in progress is left alone by sweeps")
    dormant_days: int = Field(90, ge=1, description="Days without grant and activity after which a guest is reported")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much the logs say")
    sentry_dsn: SentryDsn = Field("", description="Where faults are reported to, as Sentry names it; empty: nowhere")
    otel_endpoint: OtelEndpoint = Field(
        "", description="OpenTelemetry collector (OTLP over HTTP) that spans are told to; empty: none"
    )

    @property
    def is_https(self) -> bool:
        """Whether people come by TLS, which a proxy ends."""
        return self.base_url.startswith("https://")

    @cached_property
    def database(self) -> str:
        """URL of the database."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir.resolve() / 'guestlist.db'))}"

    @cached_property
    def broker(self) -> str:
        """URL of the broker; the embedded one listens on a socket in the data directory."""
        return self.broker_url or f"unix://{quote(str(self.valkey_socket))}"

    @cached_property
    def redis(self) -> str:
        """URL of the Redis that carries live events; empty where there is none."""
        return self.redis_url or ("" if urlsplit(self.broker).scheme.startswith("amqp") else self.broker)

    @property
    def smtp(self) -> str:
        """URL of the mail server; the embedded one writes its port into the data directory when it starts."""
        if self.smtp_url:
            return self.smtp_url
        port = self.data_dir / "smtp.port"
        return f"smtp://127.0.0.1:{port.read_text().strip() if port.exists() else 0}"

    @cached_property
    def mail_domain(self) -> str:
        """The domain that mails come from, and replies go to."""
        return parseaddr(self.mail_from)[1].rpartition("@")[2] or "localhost"

    @cached_property
    def valkey_socket(self) -> Path:
        """The embedded Valkey's socket: in the data directory, or in a private one where that path is too long."""
        here = self.data_dir.resolve() / "valkey.sock"
        if len(str(here)) < SOCKET_PATH_LIMIT:
            return here
        name = hashlib.sha256(str(here).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"guestlist-{os.getuid()}-{name}" / "valkey.sock"

    @cached_property
    def key(self) -> bytes:
        """The secret key, made and kept in the data directory (mode 0600) where none is set."""
        if self.secret_key:
            return self.secret_key.encode()
        path = self.data_dir / "secret.key"
        try:
            return kept_key(path)
        except OSError as error:
            raise Misconfigured(f"DATA_DIR: cannot write {path}: {error.strerror}") from error
        except ValueError:
            mend = "bring the file back as it was, or delete it: another is made, and old sign-ins and links are void"
            raise Misconfigured(f"DATA_DIR: {path} is too short to be a key; {mend}") from None


def load(**overrides: object) -> Settings:
    """Return the settings in force. Raises Misconfigured, naming the setting, for an unknown or malformed one."""
    try:
        given = {**dotenv_values(".env"), **os.environ}
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f".env: cannot be read as text: {error}") from error
    known = {name.upper() for name in Settings.model_fields}
    as_written = {name.upper().removeprefix(PREFIX): name for name in given if name.upper().startswith(PREFIX)}
    for name in sorted(as_written.keys() - known):
        near = difflib.get_close_matches(name, known, n=1)
        mend = f"did you mean {PREFIX}{near[0]}?" if near else "README.md lists them all"
        raise Misconfigured(f"unknown setting {as_written[name]}; {mend}")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = error.errors()[0]
        name = str(wrong["loc"][0])
        says = str(wrong["ctx"]["error"]) if wrong["type"] == "value_error" else _wish(name, wrong["input"])
        raise Misconfigured(f"{as_written.get(name.upper(), PREFIX + name.upper())}: {says}") from error


def _wish(name: str, given: object) -> str:
    return f"{wish(Settings.model_fields[name])}; it is “{str(given)[:40]}”"


@cache
def settings() -> Settings:
    """Return this process's settings, loaded once. Raises Misconfigured."""
    return load()
