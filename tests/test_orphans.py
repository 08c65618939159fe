"""Whoever loses their parent to kill -9 ends too, however early that happens: nothing works on unseen (G2)."""

import os
from pathlib import Path

import psutil
import pytest

from jobs.supervisor import work_commands
from models import Database
from models.schema import migrate
from models.settings import PREFIX, load
from tests.process import Process, until
from tests.stack import BIN, free_port

READY = {"web": "Started worker-1", "work": "ready for action"}


@pytest.mark.parametrize("role", READY)
@pytest.mark.parametrize("moment", ["while it starts", "at work"])
def test_g2_a_child_ends_with_its_killed_parent(role: str, moment: str, tmp_path: Path) -> None:
    chosen = {"DATA_DIR": str(tmp_path), "BASE_URL": f"http://127.0.0.1:{free_port()}"}
    database = Database(load(data_dir=tmp_path).database)
    migrate(database)
    database.close()
    commands = {"web": [str(BIN / "guestlist"), "web"], "work": work_commands(load(data_dir=tmp_path))["worker-1"]}
    env = os.environ | {PREFIX + name: value for name, value in chosen.items()}
    parent = Process(*commands[role], env=env, log=tmp_path / "log").start()
    try:
        if moment == "at work":
            until(lambda: parent.has_said(READY[role]), what=READY[role], within=60)
        children = until(parent.tree, what="a child", within=60)
    finally:
        parent.inner.kill()
        parent.inner.wait(10)

    until(lambda: not any(map(is_alive, children)), what="the children to end", within=30)


def is_alive(process: psutil.Process) -> bool:
    # Nobody may have buried the dead yet.
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
