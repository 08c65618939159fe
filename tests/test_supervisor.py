"""The supervisor raises the fallen, and outlives none of its children."""

import os
import signal
import sys
from pathlib import Path

import psutil

from tests.process import Process, until


def test_the_supervisor_raises_the_fallen_and_ends_them_all(tmp_path: Path) -> None:
    program = "from jobs.supervisor import supervise; supervise({'a': ['sleep', '600'], 'b': ['sleep', '600']})"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    supervisor = Process(sys.executable, "-c", program, env=env, log=tmp_path / "log").start()
    children = until(lambda: len(supervisor.tree()) == 2 and supervisor.tree(), what="two children")
    children[0].kill()
    again = until(lambda: [each for each in _alive(supervisor.tree()) if each not in children], what="a third")
    assert supervisor.stop(within=20) == 0

    until(lambda: not _alive([*children, *again]), what="all children to end")


def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    program = "from jobs.supervisor import supervise; supervise({'a': ['sleep', '600']})"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    supervisor = Process(sys.executable, "-c", program, env=env, log=tmp_path / "log").start()
    children = until(lambda: [each for each in supervisor.tree() if each.name() == "sleep"], what="the child")
    supervisor.inner.send_signal(signal.SIGKILL)
    supervisor.inner.wait()

    until(lambda: not _alive(children), what="the child to end")


def _alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
