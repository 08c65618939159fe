"""What a setting may look like: each format says what is wrong, and by an example what is right."""

import os
from email.utils import parseaddr
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

# All tokens are made from the key, and are worth no more than it is.
SHORTEST_KEY = 32
# These may name a file rather than a host.
HOSTLESS = ("sqlite", "unix", "postgresql", "postgresql+psycopg")
KINDS = {int: "a whole number", float: "a number"}


def _url(*schemes: str, example: str) -> AfterValidator:
    def check(value: str) -> str:
        if not value:
            return value
        parts, port = _split(value)
        # As it is written: not everybody who reads it takes https and HTTPS for the same.
        if value.partition("://")[0] not in schemes:
            begins = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"must begin with {begins}, as in {example}")
        if port is None or not (parts.hostname or parts.scheme in HOSTLESS):
            raise ValueError(f"has no host, or a port that is no number up to 65535; right is, for example, {example}")
        return value

    return AfterValidator(check)


def _file_of_sqlite(value: str) -> str:
    if value.startswith("sqlite:"):
        path, has_options, _ = value.partition("?")
        if has_options:
            raise ValueError("takes no options for SQLite; in a file's name, write %3F for the question mark")
        if not path.removeprefix("sqlite:///") or not path.startswith("sqlite:///") or path.endswith(":memory:"):
            raise ValueError("must name a file, as in sqlite:////var/lib/guestlist/guestlist.db")
    return value


def _whole_host(value: str) -> str:
    value = value.rstrip("/")
    parts = urlsplit(value)
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be scheme, host and port alone, as in https://crm.example")
    return value


def _host_and_port(value: str) -> str:
    parts, port = _split(f"//{value}")
    if value and not (parts.hostname and port):
        raise ValueError(f"must be host:port, as in 0.0.0.0:8000; it is “{value}”")
    return value


def _mailbox(value: str) -> str:
    name, _, host = parseaddr(value)[1].rpartition("@")
    if not name or not host:
        raise ValueError(f"must be an address, as in Acme <crm@acme.example>; it is “{value}”")
    return value


def _long_enough(value: str) -> str:
    if value and len(value) < SHORTEST_KEY:
        raise ValueError(f"shorter than {SHORTEST_KEY} characters; take what `openssl rand -base64 32` prints")
    return value


def _directory(value: Path) -> Path:
    # What stands in the way may be further up.
    there = next((each for each in (value, *value.absolute().parents) if os.path.lexists(each)), value)
    if there.exists() and not there.is_dir():
        raise ValueError(f"{there} is a file; name a directory, as in /var/lib/guestlist")
    return value


def _file(value: Path | None) -> Path | None:
    if value is not None and not value.is_file():
        raise ValueError(f"there is no file {value}; name one, as in /etc/ssl/certs/ca-certificates.crt")
    return value


def _dsn(value: str) -> str:
    parts = urlsplit(value)
    if value and not (parts.username and parts.path.rpartition("/")[2].isdecimal()):
        raise ValueError("needs a key and the number of a project, as in https://key@sentry.example/1")
    return value


def _with(package: str, module: str) -> AfterValidator:
    def check(value: str) -> str:
        if value:
            try:
                import_module(module)
            except ImportError:
                raise ValueError(
                    f"needs the package {package}; README.md says under Watching how to install it"
                ) from None
        return value

    return AfterValidator(check)


def _by_commas(value: object) -> object:
    return [part.strip().lower() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


DatabaseUrl = Annotated[
    str,
    _url("sqlite", "postgresql", "postgresql+psycopg", example="postgresql://guestlist:password@db.example/guestlist"),
    AfterValidator(_file_of_sqlite),
]
BrokerUrl = Annotated[
    str, _url("redis", "rediss", "unix", "amqp", "amqps", example="redis://:password@redis.example:6379/0")
]
RedisUrl = Annotated[str, _url("redis", "rediss", "unix", example="redis://:password@redis.example:6379/0")]
SmtpUrl = Annotated[
    str, _url("smtp", "smtp+starttls", "smtps", example="smtp+starttls://user:password@mail.example:587")
]
SentryDsn = Annotated[
    str,
    _url("http", "https", example="https://key@sentry.example/1"),
    AfterValidator(_dsn),
    _with("sentry-sdk", "sentry_sdk"),
]
OtelEndpoint = Annotated[
    str,
    _url("http", "https", example="http://collector.example:4318"),
    _with("opentelemetry-exporter-otlp-proto-http", "opentelemetry.exporter.otlp.proto.http.trace_exporter"),
]
BaseUrl = Annotated[str, _url("http", "https", example="https://crm.example"), AfterValidator(_whole_host)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
SecretKey = Annotated[str, AfterValidator(_long_enough)]
Directory = Annotated[Path, AfterValidator(_directory)]
File = Annotated[Path | None, AfterValidator(_file)]
Names = Annotated[list[str], NoDecode, BeforeValidator(_by_commas)]


def wish(field: FieldInfo) -> str:
    """Return what a number, a choice or a text of limited length has to be."""
    if get_origin(field.annotation) is Literal:
        return f"must be one of {', '.join(get_args(field.annotation))}"
    if field.annotation is bool:
        return "must be true or false"
    if field.annotation not in KINDS:
        return f"must have {_limit(field, 'min_length') or 0} to {_limit(field, 'max_length')} characters"
    above, least, most = (_limit(field, name) for name in ("gt", "ge", "le"))
    low = f" above {above}" if above is not None else f" from {least}"
    high = "" if most is None else f" up to {most}"
    return f"must be {KINDS[field.annotation]}{low}{high}, as in {field.default}"


def shown(url: str) -> str:
    """Return a URL as it may be told: without user, password and options."""
    scheme, mark, place = url.partition("://")
    server = place.partition("?")[0]
    # An @ after the question mark may be a password's, or the end of one.
    is_plain = "@" in server or "@" not in place
    return scheme + mark + (server.rpartition("@")[2] if is_plain else "…")


def _limit(field: FieldInfo, name: str) -> Any:  # noqa: ANN401
    return next((getattr(each, name) for each in field.metadata if hasattr(each, name)), None)


def _split(value: str) -> tuple[SplitResult, int | None]:
    """Return a URL's parts, and its port: 0 where it names none, None where that is no port or the host no host."""
    try:
        return urlsplit(value), urlsplit(value).port or 0
    except ValueError:
        return urlsplit(value.partition("//")[0]), None
