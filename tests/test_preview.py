"""Every mail can be looked at without being sent."""

from pathlib import Path

import pytest

from jobs.preview import samples
from jobs.render import TEMPLATES
from models import Template
from tests.terminal import guestlist


def test_every_kind_of_mail_has_a_sample() -> None:
    assert {letter.template for _, letter in samples()} == set(Template)
    assert {each.name for each in TEMPLATES.iterdir() if each.is_dir()} == {str(each) for each in Template}


def test_all_mails_are_written_as_html_and_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where no browser is found, there are no pictures to wait for.
    monkeypatch.setenv("PATH", "")
    said = guestlist("mail", "preview", "mails", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    names = [name for name, _ in samples()]
    written = {each.name: each.read_text() for each in (tmp_path / "mails").iterdir()}
    assert written.keys() >= {f"{name}.{kind}" for name in names for kind in ("html", "txt")}
    for name, letter in samples():
        html, text = written[f"{name}.html"], written[f"{name}.txt"]
        subject, _, body = text.partition("\n\n")
        assert subject.startswith("Subject: ") and body
        assert html.count('class="button"') == (0 if letter.template is Template.CONTACT_MESSAGE else 1), name
        assert "<img" not in html and "display:none" in html, "read without pictures, and announced by a line"
