"""Reads a mail that somebody else has made: the writer's own words, and what came with them."""

import re
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from functools import cached_property
from html.parser import HTMLParser

from models.visible import one_line, plain

LONGEST_NAME = 80
# Headers that only programs set (RFC 3834 and the custom of mail programs).
OF_MACHINES = ("X-Autoreply", "X-Autorespond", "X-Auto-Response")
BULK = ("bulk", "junk", "list", "auto_reply")
NOBODY = ("", "<>", "mailer-daemon")
# What mail programs write above a quote: a date or an address, and a colon at the end.
ATTRIBUTION = re.compile(r"[\d@].*:\s*$")
SIGNATURE = "-- "
UNSEEN = ("head", "style", "script", "blockquote")
BREAKS = ("br", "p", "div", "li", "tr", "h1", "h2", "h3", "hr", "ul", "ol", "table")


# What the library meets in mails that keep to no rule, parts within parts without an end among them.
MALFORMED = (MessageError, LookupError, ValueError, TypeError, AttributeError, RecursionError)


class Unreadable(Exception):
    """Nobody can say what the parts of this mail are."""


def read(content: bytes) -> "Letter":
    """Return the mail, of which all is read that will be asked for. Raises Unreadable."""
    try:
        letter = Letter(message_from_bytes(content, policy=policy.default))
        _ = letter.own_words, letter.attachments
    except MALFORMED as error:
        raise Unreadable from error
    return letter


def header(mail: Message, name: str) -> str:
    """Return what a header says, as it stands there; empty where there is none."""
    return next((str(said).strip() for each, said in mail.raw_items() if each.lower() == name.lower()), "")


class Letter:
    """A mail that came in. Nothing in it is believed."""

    def __init__(self, mail: EmailMessage) -> None:
        self.mail = mail

    @property
    def id(self) -> str:
        """What its writer's program calls it, if anything."""
        return header(self.mail, "Message-ID")

    @property
    def return_path(self) -> str:
        """What a mail server wrote above it; somebody, where it wrote nothing."""
        return header(self.mail, "Return-Path").strip("<>") if "Return-Path" in self.mail else "unknown"

    @cached_property
    def parts(self) -> list[EmailMessage]:
        """All that is no container of others."""
        return [part for part in self.mail.walk() if isinstance(part, EmailMessage) and not part.is_multipart()]

    def is_of_machine(self, sender: str) -> bool:
        """Return whether no person wrote it: an answering machine, a list, or a mail server's notice."""
        names = {name.lower() for name, _ in self.mail.raw_items()}
        return (
            sender.strip().lower().partition("@")[0] in NOBODY
            or header(self.mail, "Auto-Submitted").lower() not in ("", "no")
            or header(self.mail, "Precedence").lower() in BULK
            or self.mail.get_content_type() == "multipart/report"
            or any(name.startswith("list-") for name in names)
            or any(name.lower() in names for name in OF_MACHINES)
        )

    @cached_property
    def own_words(self) -> str:
        """The text without what it quotes and without the signature."""
        body = self._body
        text = _text(body) if body is not None else ""
        if body is not None and body.get_content_subtype() == "html":
            text = _seen(text)
        return _unquoted(plain(text))

    @cached_property
    def attachments(self) -> list[str]:
        """The names of everything beside the text, or their kinds."""
        beside = [each for each in self.parts if each is not self._body and _is_attached(each)]
        return [one_line(each.get_filename() or each.get_content_type())[:LONGEST_NAME] for each in beside]

    @cached_property
    def _body(self) -> EmailMessage | None:
        found = self.mail.get_body(("plain", "html"))
        return found if isinstance(found, EmailMessage) else None


class _Sight(HTMLParser):
    """Collects what a reader of HTML sees; a quote leaves its mark."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag in UNSEEN:
            self._unseen.append(tag)
        if tag in BREAKS or tag == "blockquote":
            self.words.append("\n>\n" if tag == "blockquote" else "\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
        if tag == "p":
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.words.append(re.sub(r"\s+", " ", data))


def _seen(html: str) -> str:
    sight = _Sight()
    sight.feed(html)
    sight.close()
    lines = (line.strip() for line in "".join(sight.words).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _text(part: EmailMessage) -> str:
    try:
        text = str(part.get_content())
    except (LookupError, ValueError):
        return ""
    # There are charsets that make halves of characters, which no database keeps.
    return text.encode(errors="replace").decode()


def _unquoted(text: str) -> str:
    kept: list[str] = []
    for line in text.splitlines():
        if line == SIGNATURE:
            break
        if not line.startswith(">"):
            kept.append(line)
            continue
        while kept and not kept[-1].strip():
            kept.pop()
        if kept and ATTRIBUTION.search(kept[-1]):
            kept.pop()
    return "\n".join(kept).strip()


def _is_attached(part: EmailMessage) -> bool:
    return bool(part.get_filename()) or part.get_content_maintype() != "text"
