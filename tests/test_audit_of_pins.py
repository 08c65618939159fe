"""The audit of dependencies fails on what is known to be vulnerable, and says so where nobody can be asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).parent.parent / ".ci" / "audit"
# An auditor that knows of one pin, as much as it is told to.
AUDITOR = """
import json, sys
pins = open(sys.argv[sys.argv.index("--requirement") + 1]).read()
known = {"canary": "jinja2==3.1.2", "flask": "flask=="}
told = [{"name": each, "version": "1", "vulns": [{"id": "VULN-1", "fix_versions": ["2"]}]}
        for each in sys.argv[1].split(",") if known.get(each, "?") in pins]
json.dump({"dependencies": told or [{"name": "other", "version": "1", "vulns": []}]},
          open(sys.argv[sys.argv.index("--output") + 1], "w"))
"""


@pytest.mark.parametrize(
    ("known", "status", "said"),
    [
        ("canary", 0, "audit: done for all; 0 of 1 dependencies unknown to the source; 0 findings"),
        ("canary,flask", 1, "audit: flask 1: VULN-1, mended in ['2']"),
        ("flask", 0, "audit: NOT DONE: nobody who knows"),
    ],
)
def test_the_audit_fails_on_findings_alone(tmp_path: Path, known: str, status: int, said: str) -> None:
    (tmp_path / "auditor.py").write_text(AUDITOR)
    done = audit(f"{sys.executable} {tmp_path / 'auditor.py'} {known}")
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.startswith(said)


def test_the_audit_says_so_where_nobody_can_be_asked() -> None:
    done = audit(f"{sys.executable} -c pass")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("audit: NOT DONE")


def audit(auditor: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "AUDITOR": auditor}
    return subprocess.run([sys.executable, AUDIT], env=env, capture_output=True, text=True, timeout=60, check=False)
