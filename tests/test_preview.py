"""Every mail can be looked at without being sent."""

import shutil
import struct
from pathlib import Path

import pytest

from jobs.preview import CHROMIUM, SCHEMES, WIDTHS, picture, samples
from jobs.render import TEMPLATES, render
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
    assert "Without Chromium there are no pictures." in said.stdout
    names = [name for name, _ in samples()]
    written = {each.name: each.read_text() for each in (tmp_path / "mails").iterdir()}
    assert written.keys() >= {f"{name}.{kind}" for name in names for kind in ("html", "txt")}
    for name, letter in samples():
        html, text = written[f"{name}.html"], written[f"{name}.txt"]
        subject, _, body = text.partition("\n\n")
        assert subject.startswith("Subject: ") and body
        assert html.count('class="button"') == (0 if letter.template is Template.CONTACT_MESSAGE else 1), name
        assert "<img" not in html and "display:none" in html, "read without pictures, and announced by a line"


@pytest.mark.skipif(not any(map(shutil.which, CHROMIUM)), reason="Chromium is not installed")
def test_a_mail_is_pictured_as_wide_as_a_phone_and_a_desk_by_day_and_by_night(tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, CHROMIUM)))
    (tmp_path / "mail.html").write_text(str(render(next(samples())[1]).html_body))
    seen = set()
    for width in WIDTHS:
        for scheme in SCHEMES:
            taken = tmp_path / f"{width}-{scheme}.png"
            picture(browser, tmp_path / "mail.html", taken, width, scheme)
            seen.add(taken.read_bytes())
            # Of a PNG the width is the first number behind the name of its first part.
            assert struct.unpack(">I", taken.read_bytes()[16:20]) == (width,)
    assert len(seen) == len(WIDTHS) * len(SCHEMES), "no two of them look alike"
