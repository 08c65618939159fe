"""Makes text that anybody may have written fit for a terminal, which obeys some characters instead of showing them."""


def visible(text: str) -> str:
    """Return the text with everything that does not print spelt out, such as \\x1b for Escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
