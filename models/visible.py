"""Makes text that anybody may have written fit to be kept and shown: by databases, pages, mails and terminals."""

import unicodedata

# Nobody means them, PostgreSQL keeps no NUL, and a terminal obeys the others; lines and tabs are text.
CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {0x09, 0x0A})
# Marks that turn the direction of writing: with them a name could rearrange the sentence around it.
TURNING = dict.fromkeys(map(ord, "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
BREAKING = ("Cc", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """Return the text with everything that does not print spelt out, such as \\x1b for Escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def plain(text: str) -> str:
    """Return the text without control characters, and without the white space around it."""
    return text.translate(CONTROLS).strip()


def one_line(text: str) -> str:
    """Return the text on one line, in which nothing turns the writing of what stands beside it."""
    printing = "".join(" " if unicodedata.category(char) in BREAKING else char for char in text)
    return " ".join(printing.translate(TURNING).split())


def is_blank(text: str) -> bool:
    """Return whether there is nothing to be seen."""
    return not any(char.isprintable() and not char.isspace() for char in text)
