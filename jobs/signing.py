"""Signs mails with the domain's own key (DKIM), where the settings name one."""

from functools import cache
from pathlib import Path

from emails.message import Message
from emails.signers import DKIMException  # type: ignore[attr-defined]

from models import settings
from models.settings import PREFIX


class KeyUnusable(Exception):
    """The key cannot be read, or is none."""


def sign(mail: Message) -> Message:
    """Return the mail, which will be signed as it is sent. Raises KeyUnusable."""
    chosen = settings()
    if chosen.dkim_key_file is None:
        return mail
    try:
        key = _key(chosen.dkim_key_file)
        mail.dkim(key=key, domain=chosen.mail_domain, selector=chosen.dkim_selector)
    except (OSError, DKIMException, ValueError) as error:
        raise KeyUnusable(f"{PREFIX}DKIM_KEY_FILE: {chosen.dkim_key_file}: {error or type(error).__name__}") from error
    return mail


@cache
def _key(path: Path) -> bytes:
    return path.read_bytes()
