"""Renders a letter into a mail of text and HTML, from templates/email/<name>/."""

import re
from collections.abc import Callable
from email.mime.multipart import MIMEMultipart
from email.policy import Compat32
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import NamedTuple

from emails.message import Message
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from models import Template as Kind
from models import settings
from models.audit import request_id
from models.language import day, gettext, moment, plural, speaking
from models.visible import one_line
from workflows.compose import Letter

TEMPLATES = Path(__file__).parent.parent / "templates" / "email"
LONGEST_NAME = 80
LONGEST_SUBJECT = 150
# What mail programs turn into a link without being asked; some take other stops for a dot, as browsers do.
LINKABLE = re.compile(r"(?<=://)|(?<=\w)(?=[.\u3002\uff0e\uff61][^\W\d_]{2})|(?<=\w)(?=@)")
WHOLE = ("Message-ID", "List-Unsubscribe")
BREAK = "\u200c"


class Unbroken(Compat32):
    """Leaves what names mails and pages in one piece: there are programs that misread it on two lines."""

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}{self.linesep}".encode() if name in WHOLE else super().fold_binary(name, value)


class Parts(NamedTuple):
    """The three files of a kind of mail, compiled."""

    subject: Template
    text: Template
    html: Template


def render(letter: Letter) -> Message:
    """Return the mail, the same for the same letter but for its Date."""
    with speaking(letter.language):
        return _render(letter)


def _render(letter: Letter) -> Message:
    parts = _parts(letter.template)
    chosen = settings()
    context = {"product": chosen.product_name, "product_text": gettext(chosen.product_text)}
    context |= {"language": letter.language, **letter.context}
    subject = cut(parts.subject.render(context), LONGEST_SUBJECT)
    mail = Message(
        subject=subject,
        text=parts.text.render(context),
        html=parts.html.render(context, subject=subject),
        mail_from=parseaddr(chosen.mail_from),
        mail_to=[(None, letter.to)],
        message_id=letter.mail_id,
        headers={
            "Auto-Submitted": "auto-generated",
            "X-Guestlist-Template": letter.template.value,
            **({"X-Guestlist-Request": request_id.get()} if request_id.get() else {}),
            **letter.headers,
        },
    )
    mail.policy = Unbroken()  # type: ignore[assignment]
    mail.after_build = _flatten
    return mail


def cut(text: str, longest: int = LONGEST_NAME) -> str:
    """Return text that somebody typed as one line of printing characters, cut where it is long."""
    line = one_line(text)
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def as_name(text: str | None, own_address: str | None = None) -> str:
    """Return a name on one line, in which mail programs find no link to make.

    Who has no name is shown by their own address, which was checked; it is in names that strangers hide links.
    """
    line = cut(text or "")
    return line if own_address and line == own_address else LINKABLE.sub(BREAK, line)


def excerpt(text: str, longest: int = 280) -> str:
    """Return the beginning of a message on one line."""
    return cut(text, longest)


def _flatten(_: object, mail: MIMEMultipart) -> None:
    """Leave one level of parts: programs that see "mixed" show a paper clip where nothing is attached."""
    mail.set_payload([part for part in mail.walk() if not part.is_multipart()])
    mail.set_type("multipart/alternative")


@cache
def _parts(kind: Kind) -> Parts:
    files = (f"{kind}/{name}" for name in ("subject.txt", "body.txt", "body.html"))
    return Parts(*map(_environment().get_template, files))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(gettext, plural, newstyle=True)  # type: ignore[attr-defined]
    # By its own name, and not by way of another look-up for every sentence.
    made.globals["_"] = made.globals["gettext"]
    filters: dict[str, Callable[..., str]] = {"name": as_name, "excerpt": excerpt, "moment": moment, "day": day}
    made.filters.update(filters)
    return made
