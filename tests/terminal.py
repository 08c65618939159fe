"""The command line as people meet it: what a command leaves behind, and the one line in which it refuses."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from guestlist import main
from models.settings import PREFIX
from tests.stack import BIN


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
