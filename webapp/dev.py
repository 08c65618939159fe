"""The embedded mail server's mail, for trying things out; closed wherever a real mail server is set."""

from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, MIMEPart
from email.parser import BytesHeaderParser
from pathlib import Path

from flask import Blueprint, Response, render_template
from werkzeug.routing import BaseConverter

from webapp.access import needs
from webapp.display import product
from workflows.permissions import Action
from workflows.refusals import NotFound

pages = Blueprint("dev", __name__, url_prefix="/dev/mail")
MOST = 200
# A mail is somebody else's page: it may style itself, and nothing else.
HEADERS = ("Subject", "From", "To", "Date", "Message-ID", "X-Guestlist-Template")
# The library stumbles over odd heads, and parts within parts without an end, in any of these ways.
UNREADABLE = (AttributeError, LookupError, MessageError, NameError, RecursionError, TypeError, ValueError)
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


class MailName(BaseConverter):
    """A file's name in the Maildir."""

    regex = r"[A-Za-z0-9][A-Za-z0-9_.,=+-]{0,199}?"


@pages.get("")
@needs(Action.READ_DEV_MAIL)
def listed() -> str:
    """List the newest mails."""
    newest = sorted(_files(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    mails = [(path.name.partition(":")[0], _headers(_parse(path))) for path in newest[:MOST]]
    return render_template("pages/mails.html", mails=mails, total=len(newest))


@pages.get("/<mail:name>.eml")
@needs(Action.READ_DEV_MAIL)
def raw(name: str) -> Response:
    """Give one mail as it came."""
    return Response(_find(name).read_bytes(), mimetype="message/rfc822")


@pages.get("/<mail:name>")
@needs(Action.READ_DEV_MAIL)
def mail(name: str) -> str:
    """Show one mail."""
    letter = _parse(_find(name))
    return render_template(
        "pages/mail.html",
        name=name,
        headers=_headers(letter),
        text=_text(_part(letter, "plain")),
        has_html=_part(letter, "html") is not None,
    )


@pages.get("/<mail:name>/body")
@needs(Action.READ_DEV_MAIL)
def body(name: str) -> Response:
    """Give the mail's HTML to the sandbox on its page."""
    part = _part(_parse(_find(name)), "html")
    if part is None:
        raise NotFound
    return Response(_text(part), mimetype="text/html", headers={"Content-Security-Policy": POLICY})


def _find(name: str) -> Path:
    found = next((path for path in _files() if path.name.partition(":")[0] == name), None)
    if found is None:
        raise NotFound
    return found


def _files() -> list[Path]:
    if product().smtp_url:
        raise NotFound
    return [path for part in ("new", "cur") for path in (product().data_dir / "mail" / part).glob("*")]


def _parse(path: Path) -> EmailMessage:
    content = path.read_bytes()
    try:
        return message_from_bytes(content, policy=policy.default)
    except UNREADABLE:
        return BytesHeaderParser(policy=policy.default).parsebytes(content)


def _headers(letter: EmailMessage) -> dict[str, str]:
    """Return what the pages show of a mail's head; anybody may have written it, in any way."""
    return {name: value for name in HEADERS if (value := _header(letter, name))}


def _header(letter: EmailMessage, name: str) -> str:
    try:
        return _whole(str(letter.get(name, "")))
    except UNREADABLE:
        return "(unreadable)"


def _part(letter: EmailMessage, kind: str) -> MIMEPart | None:
    try:
        return letter.get_body((kind,))
    except UNREADABLE:
        return None


def _text(part: MIMEPart | None) -> str:
    """Return the text of a part, whatever charset it claims."""
    if part is None:
        return ""
    try:
        return _whole(str(part.get_content()))
    except UNREADABLE:
        return _whole(str(part.get_payload()))


def _whole(text: str) -> str:
    # There are charsets that make halves of characters, which no page can hold.
    return text.encode(errors="replace").decode()
