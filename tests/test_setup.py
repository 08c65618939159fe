"""From a fresh clone to a running product: `up`, the command line, the doctor, and what they say when it is amiss."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from click.testing import CliRunner

from guestlist import cli, main
from models import Account, Database, settings
from models.settings import PREFIX, Misconfigured
from tests.browser import Browser
from tests.process import Process, until
from tests.stack import BIN, Stack, free_port
from webapp.serving import address
from workflows import demo_data
from workflows.passwords import hash_password
from workflows.sweep import sweep_now

ROOT = Path(__file__).parent.parent
NOWHERE = "127.0.0.1:1"
COMMANDS = ("", "up", "web", "work", "migrate", "account", "account create", "sweep", "demo", "doctor")


class Up(Process):
    """`guestlist up` in a directory of its own."""

    def __init__(self, home: Path) -> None:
        self.port, self.data = free_port(), home / "data"
        command = (str(BIN / "guestlist"), "up", "--port", str(self.port), "--data-dir", str(self.data))
        super().__init__(*command, env=clean_env(), log=home / "up.log")

    def start_whole(self) -> list[psutil.Process]:
        """Start it, and return all its processes once it has said that it answers."""
        self.log_file.write_text("")
        self.start()
        until(lambda: "Ctrl-C ends it" in self.log() or not self.is_running, what="the greeting", within=60)
        assert self.is_running, self.log()
        return until(lambda: len(self.tree()) > 6 and self.tree(), what="every child")


def clean_env(**chosen: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {PREFIX + name: value for name, value in chosen.items()}


def guestlist(*arguments: str, cwd: Path, **chosen: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "guestlist"), *arguments]
    env = clean_env(**chosen)
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


def one_line(ended: subprocess.CompletedProcess[str], status: int) -> str:
    """Return the one line that an ended command left on stderr."""
    assert ended.returncode == status, ended
    assert re.fullmatch(r"guestlist: [^\n]+\n", ended.stderr), ended.stderr
    return ended.stderr


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command in this process; return the one line in which it says that it cannot be used so."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["guestlist", *arguments])
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert re.fullmatch(r"guestlist: [^\n]+\n", said), said
    return said


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.is_running:
        running.kill()


@pytest.mark.xdist_group("sqlite")
def test_up_starts_everything_once_and_leaves_nothing_behind(up: Up, tmp_path: Path) -> None:
    everything = up.start_whole()
    said = up.log()
    for part in (f"http://127.0.0.1:{up.port}", demo_data.ADMIN, demo_data.MEMBER, demo_data.PASSWORD, "/dev/mail"):
        assert part in said
    browser = Browser(f"http://127.0.0.1:{up.port}")
    assert browser.sign_in(demo_data.ADMIN, demo_data.PASSWORD).status_code == 303
    assert browser.post("/a/demo/leads", name="Kept over a power cut").status_code == 303

    again = guestlist("up", "--port", str(free_port()), "--data-dir", str(up.data), cwd=tmp_path)
    assert "another `guestlist up`" in one_line(again, 2)
    beside = guestlist("up", "--port", str(up.port), "--data-dir", str(tmp_path / "other"), cwd=tmp_path)
    assert f"cannot listen on 127.0.0.1:{up.port}" in one_line(beside, 2)

    up.inner.kill()
    up.inner.wait()
    until(lambda: not any(alive(each) for each in everything), what="every child to end after kill -9")

    everything = up.start_whole()
    assert "Kept over a power cut" in browser.get("/a/demo/leads").text
    assert up.stop(within=40) == 0
    assert not any(alive(each) for each in everything)
    browser.close()


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_demo_is_seeded_once_and_has_nothing_to_find(database: Database) -> None:
    hashed = hash_password(demo_data.PASSWORD, demo_data.PASSWORD)
    for is_made in (True, False):
        with database.transaction() as session:
            assert demo_data.seed_demo(session, password_hash=hashed) is is_made
    assert sweep_now(database).findings == []
    with database.reading() as session:
        former = session.query(Account).filter_by(slug=demo_data.CLOSED_SLUG).one()
        assert former.closed_at is not None


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    ended = CliRunner().invoke(cli, [*command.split(), "--help"])
    assert ended.exit_code == 0
    assert ended.output.startswith("Usage: ")


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"SMTPURL": "smtp://x"}, "did you mean GUESTLIST_SMTP_URL?"),
        ({"DATABASE_URL": "mysql://x/y"}, "GUESTLIST_DATABASE_URL"),
        ({"WORKER_THREADS": "many"}, "GUESTLIST_WORKER_THREADS"),
        ({"SECRET_KEY": "short"}, "GUESTLIST_SECRET_KEY: shorter than 32"),
        ({"SWEEP_REPAIR": "grant_past_end, grant_past"}, "GUESTLIST_SWEEP_REPAIR: there is no check “grant_past”"),
        ({"BIND": "nowhere"}, "GUESTLIST_BIND: must be host:port"),
        ({"BASE_URL": "https://guests.example/here?x=1"}, "GUESTLIST_BASE_URL: must be scheme, host and port"),
        ({"MAIL_FROM": "nobody"}, "GUESTLIST_MAIL_FROM: must be an address"),
        ({"DATABASE_URL": f"postgresql://nobody@{NOWHERE}/nothing"}, "database: "),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    choose: Callable[..., None], capsys: pytest.CaptureFixture[str], chosen: dict[str, str], named: str
) -> None:
    choose(**chosen)
    assert named in refusal(capsys, "web")


def test_a_directory_that_cannot_be_written_is_one_line_that_names_it(
    choose: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    choose(data_dir="/dev/null/here")
    assert "GUESTLIST_DATA_DIR: cannot write" in refusal(capsys, "migrate")


@pytest.mark.parametrize("chosen", [{"BIND": ":80"}, {"BASE_URL": "https://guests.example"}])
def test_a_bad_address_is_one_line(choose: Callable[..., None], chosen: dict[str, str]) -> None:
    choose(**chosen)
    with pytest.raises(Misconfigured, match="GUESTLIST_BIND"):
        address(settings())


def test_a_database_that_was_not_migrated_is_one_line(tmp_path: Path) -> None:
    assert "guestlist migrate" in one_line(guestlist("web", cwd=tmp_path), 2)
    assert "guestlist migrate" in one_line(guestlist("sweep", cwd=tmp_path), 2)


def test_misuse_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--frobnicate" in refusal(capsys, "sweep", "--frobnicate")
    assert "frobnicate" in refusal(capsys, "frobnicate")


def test_a_first_account_and_its_admin(stack: Stack, tmp_path: Path) -> None:
    slug = f"first-{free_port()}"
    (tmp_path / "password").write_text("my first long password\n")
    create = ("account", "create", slug, "--name", "First", "--admin", f"ann@{slug}.example")
    made = stack.guestlist(*create, "--password-file", str(tmp_path / "password"))
    assert (made.returncode, made.stderr) == (0, "")
    assert f"{stack.url}/a/{slug}" in made.stdout

    browser = Browser(stack.url)
    assert browser.sign_in(f"ann@{slug}.example", "my first long password").status_code == 303
    assert browser.get(f"/a/{slug}/settings/users").status_code == 200
    browser.close()
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


def test_doctor_finds_everything_well(stack: Stack) -> None:
    ended = stack.guestlist("doctor", "--json")
    parts = json.loads(ended.stdout)
    assert [part for part in parts if not part["is_well"]] == []
    assert ended.returncode == 0
    told = stack.guestlist("doctor").stdout
    assert all(part["part"] in told for part in parts)


@pytest.mark.parametrize(
    ("chosen", "wrong"),
    [
        ({"GUESTLIST_BROKER_URL": f"redis://{NOWHERE}"}, {"broker", "redis keeps", "live events"}),
        ({"GUESTLIST_SMTP_URL": f"smtp://{NOWHERE}"}, {"mail server"}),
        ({"GUESTLIST_SECRET_KEY": "short"}, {"settings"}),
        ({"GUESTLIST_SWEEP_REPAIR": "grant_past"}, {"settings"}),
    ],
)
def test_doctor_says_what_is_wrong(stack: Stack, chosen: dict[str, str], wrong: set[str]) -> None:
    ended = stack.guestlist("doctor", "--json", **chosen)
    assert ended.returncode == 1
    assert {part["part"] for part in json.loads(ended.stdout) if not part["is_well"]} == wrong
    assert ended.stderr == ""


def test_doctor_finds_a_redis_that_forgets(stack: Stack) -> None:
    with redis.Redis.from_url(f"unix://{stack.home / 'valkey.sock'}") as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            told = stack.guestlist("doctor").stdout
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert "allkeys-lru" in told


def test_work_says_what_is_away_and_waits_for_it(stack: Stack, tmp_path: Path) -> None:
    away = {"GUESTLIST_BROKER_URL": f"redis://{NOWHERE}", "GUESTLIST_SMTP_URL": f"smtp://{NOWHERE}"}
    work = Process(str(BIN / "guestlist"), "work", env=stack.env | away, log=tmp_path / "work.log").start()
    until(lambda: "guestlist: mail server: " in work.log() and "guestlist: broker: " in work.log(), what="two lines")
    assert work.is_running
    assert "Traceback" not in work.log()
    work.stop(within=40)


def test_locks_pin_with_hashes_and_hold_no_addresses() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert all("--hash" in entry for entry in re.split(r"\n(?=\w)", text)[1:])


def test_make_says_which_python_it_needs(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("make", "sh", "touch"):
        (tools / tool).symlink_to(subprocess.check_output(["which", tool], text=True).strip())
    ended = subprocess.run(
        [str(tools / "make"), "up"], cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "Guestlist needs Python 3.11 or newer" in ended.stderr
    assert sys.version_info >= (3, 11)
