"""A setting that cannot be used is one line that names it, says what is wrong, and what would be right."""

from collections.abc import Callable
from pathlib import Path

import pytest

from models import settings
from models.settings import Misconfigured
from tests.terminal import guestlist, refusal
from webapp.serving import address

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"SMTPURL": "smtp://x"}, "unknown setting GUESTLIST_SMTPURL; did you mean GUESTLIST_SMTP_URL?"),
        ({"PORT": "80"}, "unknown setting GUESTLIST_PORT; README.md lists them all"),
        ({"DATABASE_URL": "mysql://x/y"}, "GUESTLIST_DATABASE_URL: must begin with sqlite:// or postgresql://"),
        ({"DATABASE_URL": "SQLITE:///x"}, "GUESTLIST_DATABASE_URL: must begin with sqlite:// or postgresql://"),
        (
            {"DATABASE_URL": "sqlite:///x?timeout=abc"},
            "GUESTLIST_DATABASE_URL: takes no options for SQLite; in a file's",
        ),
        ({"DATABASE_URL": "sqlite://"}, "GUESTLIST_DATABASE_URL: must name a file, as in sqlite:////var/lib"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "GUESTLIST_DATABASE_URL: must name a file, as in sqlite:////var/lib"),
        ({"DATABASE_URL": "sqlite://x/y.db"}, "GUESTLIST_DATABASE_URL: must name a file, as in sqlite:////var/lib"),
        ({"BASE_URL": "HTTPS://guests.example"}, "GUESTLIST_BASE_URL: must begin with http:// or https://"),
        ({"SMTP_URL": "smtp://u:tell-nobody@x:abc"}, "GUESTLIST_SMTP_URL: has no host, or a port that is no number"),
        (
            {"WORKER_THREADS": "many"},
            "GUESTLIST_WORKER_THREADS: must be a whole number from 1 up to 64, as in 4",
        ),
        ({"RELAY_SECONDS": "0"}, "GUESTLIST_RELAY_SECONDS: must be a number above 0 up to 60, as in 1; it is “0”"),
        ({"LOG_LEVEL": "loud"}, "GUESTLIST_LOG_LEVEL: must be one of DEBUG, INFO, WARNING, ERROR; it is “loud”"),
        ({"PRODUCT_NAME": "x" * 101}, "GUESTLIST_PRODUCT_NAME: must have 1 to 100 characters"),
        ({"SECRET_KEY": "tell-nobody"}, "GUESTLIST_SECRET_KEY: shorter than 32 characters; take what `openssl rand"),
        ({"SWEEP_REPAIR": "grant_past_end, grant_past"}, "GUESTLIST_SWEEP_REPAIR: there is no check “grant_past”"),
        ({"EXPIRE_CRON": "99 * * * x"}, "GUESTLIST_EXPIRE_CRON: “99” is no minute and “x” is no day of week; it is"),
        (
            {"PURGE_CRON": "@daily"},
            "GUESTLIST_PURGE_CRON: needs minute, hour, day, month and day of week",
        ),
        ({"BIND": "nowhere"}, "GUESTLIST_BIND: must be host:port, as in 0.0.0.0:8000; it is “nowhere”"),
        ({"BIND": "0.0.0.0:abc"}, "GUESTLIST_BIND: must be host:port, as in 0.0.0.0:8000; it is"),
        ({"BASE_URL": "https://guests.example/here?x=1"}, "GUESTLIST_BASE_URL: must be scheme, host and port"),
        ({"BASE_URL": "http://[x"}, "GUESTLIST_BASE_URL: has no host, or a port"),
        (
            {"SENTRY_DSN": "sentry.example"},
            "GUESTLIST_SENTRY_DSN: must begin with http:// or https://, as in https://key@",
        ),
        (
            {"SENTRY_DSN": "https://sentry.example/1"},
            "GUESTLIST_SENTRY_DSN: needs a key and the number of a project, as",
        ),
        ({"OTEL_ENDPOINT": "collector:4318"}, "GUESTLIST_OTEL_ENDPOINT: must begin with http:// or https://, as in"),
        ({"MAIL_FROM": "nobody"}, "GUESTLIST_MAIL_FROM: must be an address, as in Acme <crm@acme.example>; it is"),
        ({"SMTP_CA_FILE": "/nowhere"}, "GUESTLIST_SMTP_CA_FILE: there is no file /nowhere; name one"),
        (
            {"DATA_DIR": __file__},
            f"GUESTLIST_DATA_DIR: {__file__} is a file; name a directory, as in",
        ),
        ({"DATA_DIR": f"{__file__}/x"}, f"GUESTLIST_DATA_DIR: {__file__} is a file; name a directory"),
        (
            {"DATABASE_URL": f"postgresql://nobody@{NOWHERE}/nothing"},
            f"GUESTLIST_DATABASE_URL: postgresql://{NOWHERE}/",
        ),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it_and_what_is_right(
    choose: Callable[..., None], capsys: pytest.CaptureFixture[str], chosen: dict[str, str], says: str
) -> None:
    choose(**chosen)
    said = refusal(capsys, "web")
    assert said.startswith(f"guestlist: {says}")
    assert "tell-nobody" not in said


def test_a_data_directory_may_have_any_name(tmp_path: Path) -> None:
    home = tmp_path / "50% of it? #1 %41 ü"
    for command in ("migrate", "sweep"):
        ended = guestlist(command, cwd=tmp_path, DATA_DIR=str(home))
        assert (ended.returncode, ended.stderr) == (0, "")
    assert (home / "guestlist.db").exists()
    assert [each.name for each in tmp_path.iterdir()] == [home.name]


def test_a_setting_is_named_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, choose: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    choose()
    monkeypatch.setenv("guestlist_worker_threads", "many")
    assert refusal(capsys, "web").startswith("guestlist: guestlist_worker_threads: must be")


def test_an_env_file_that_is_no_text_is_one_line(
    monkeypatch: pytest.MonkeyPatch, choose: Callable[..., None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(b"GUESTLIST_PRODUCT_NAME=\xff\xfe")
    monkeypatch.chdir(tmp_path)
    choose()
    assert refusal(capsys, "web").startswith("guestlist: .env: cannot be read as text")


@pytest.mark.parametrize("port", ["abc", "0", "65536"])
def test_a_port_that_is_none_is_one_line(capsys: pytest.CaptureFixture[str], port: str) -> None:
    assert refusal(capsys, "up", "--port", port) == (
        f"guestlist: --port (PORT of make): “{port}” is no port; it is a number from 1 to 65535, as in 9000\n"
    )


def test_a_directory_that_cannot_be_written_is_one_line_that_names_it(
    choose: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    # Not even root may make a directory there.
    choose(data_dir="/proc/here")
    assert "GUESTLIST_DATA_DIR: cannot write /proc/here" in refusal(capsys, "migrate")


@pytest.mark.parametrize("chosen", [{"BIND": ":80"}, {"BASE_URL": "https://guests.example"}])
def test_a_bad_address_is_one_line(choose: Callable[..., None], chosen: dict[str, str]) -> None:
    choose(**chosen)
    with pytest.raises(Misconfigured, match="GUESTLIST_BIND"):
        address(settings())
