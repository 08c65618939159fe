"""From a fresh clone to a running product: `make`, `guestlist up`, and how everything ends."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from models import Account, Database
from tests.browser import Browser
from tests.process import Process, until
from tests.stack import BIN, free_port
from tests.terminal import clean_env, guestlist, one_line
from workflows import demo_data
from workflows.passwords import hash_password
from workflows.sweep import sweep_now

ROOT = Path(__file__).parent.parent


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


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.is_running:
        running.kill()


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
    stages = re.findall("^Ending (.*):", up.log(), re.MULTILINE)
    assert stages == ["web, clock, worker-1, worker-2", "valkey, mail server"]
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


def test_locks_pin_with_hashes_and_hold_no_addresses() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "tests" / "requirements.lock"):
        text = lock.read_text()
        assert "://" not in text
        assert all("--hash" in entry for entry in re.split(r"\n(?=\w)", text)[1:])


def test_the_package_holds_all_it_needs_wherever_it_is_installed(tmp_path: Path) -> None:
    source, site, elsewhere = (tmp_path / name for name in ("source", "site", "elsewhere"))
    folders = ("jobs", "models", "templates", "webapp", "workflows")
    for name in folders:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("guestlist.py", "worker.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(tmp_path)!r}))"
    made = subprocess.check_output([sys.executable, "-c", build], cwd=source, stderr=subprocess.STDOUT, text=True)
    shutil.unpack_archive(tmp_path / made.split()[-1], site, "zip")
    wanted = {each.relative_to(source) for name in folders for each in (source / name).rglob("*") if each.is_file()}
    assert {each for each in wanted if not (site / each).exists()} == set()

    elsewhere.mkdir()
    command = [sys.executable, "-P", "-m", "guestlist", "migrate"]
    subprocess.run(command, cwd=elsewhere, env=clean_env() | {"PYTHONPATH": str(site)}, check=True)
    assert (elsewhere / "data" / "guestlist.db").exists()


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
