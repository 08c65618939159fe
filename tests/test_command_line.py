"""The commands: each explains itself, does one thing, and says in one line what is amiss."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from guestlist import cli
from tests.browser import Browser
from tests.process import Process, until
from tests.stack import BIN, Stack, free_port
from tests.terminal import guestlist, one_line, refusal

NOWHERE = "127.0.0.1:1"


def commands(of: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the words that lead to a command, and to each below it."""
    yield path
    for name, each in getattr(of, "commands", {}).items():
        yield from commands(each, *path, name)


@pytest.mark.parametrize("command", list(commands(cli, "guestlist")), ids=" ".join)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(cli, [*command[1:], "--help"])
    assert ended.exit_code == 0
    assert ended.output.startswith("Usage: ")


def test_a_database_that_was_not_migrated_is_one_line(tmp_path: Path) -> None:
    assert "guestlist migrate" in one_line(guestlist("web", cwd=tmp_path), 2)
    assert "guestlist migrate" in one_line(guestlist("sweep", cwd=tmp_path), 2)


def test_misuse_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--frobnicate" in refusal(capsys, "sweep", "--frobnicate")
    assert "frobnicate" in refusal(capsys, "frobnicate")


def test_a_first_account_and_its_admin(stack: Stack, tmp_path: Path) -> None:
    slug = f"first-{free_port()}"
    (tmp_path / "password").write_text("my first long password\n")
    create = ("account", "create", slug, "--name", "First", "--admin", f"ann@{slug}.example", "--language", "es")
    made = stack.guestlist(*create, "--password-file", str(tmp_path / "password"))
    assert (made.returncode, made.stderr) == (0, "")
    assert f"{stack.url}/a/{slug}" in made.stdout

    browser = Browser(stack.url)
    assert browser.sign_in(f"ann@{slug}.example", "my first long password").status_code == 303
    assert '<html lang="es">' in browser.get(f"/a/{slug}/settings/users").text
    browser.close()
    assert "time zone" in one_line(stack.guestlist(*create, "--time-zone", "Berlin"), 2)
    assert "already" in one_line(stack.guestlist(*create), 1)
    assert "not an address" in one_line(
        stack.guestlist("account", "create", f"{slug}-b", "--name", "B", "--admin", "b"), 1
    )
    assert "slug" in one_line(
        stack.guestlist("account", "create", "No Slug", "--name", "B", "--admin", "b@b.example"), 1
    )


def test_a_made_password_is_shown_and_works(stack: Stack) -> None:
    slug = f"made-{free_port()}"
    made = stack.guestlist("account", "create", slug, "--name", "Made", "--admin", f"mo@{slug}.example")
    password = re.search(r"shown this once: (\S+)", made.stdout).group(1)
    browser = Browser(stack.url)
    assert browser.sign_in(f"mo@{slug}.example", password).status_code == 303
    browser.close()


def test_web_says_when_its_port_is_taken(stack: Stack) -> None:
    assert "cannot listen" in one_line(stack.guestlist("web"), 2)


def test_work_says_what_is_away_and_waits_for_it(stack: Stack, tmp_path: Path) -> None:
    away = {
        "GUESTLIST_BROKER_URL": f"redis://user:tell-nobody@{NOWHERE}/0",
        "GUESTLIST_SMTP_URL": f"smtp://{NOWHERE}",
    }
    work = Process(str(BIN / "guestlist"), "work", env=stack.env | away, log=tmp_path / "work.log").start()
    until(lambda: "guestlist: mail server: " in work.log(), what="the mail server")
    until(lambda: f"GUESTLIST_BROKER_URL: redis://{NOWHERE}/0 does not answer" in work.log(), what="the broker")
    until(lambda: "ready for action" in work.log(), what="the workers")
    assert work.stop(within=40) == 0
    said = work.log()
    assert "Traceback" not in said and "tell-nobody" not in said and "connection error" not in said
    assert "Ending clock, worker-1" in said and said.rstrip().count("Ended.") == 1
