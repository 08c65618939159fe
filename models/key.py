"""The secret key where none is set: made once and whole, whatever happens meanwhile and however many want it (G7)."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from models.formats import SHORTEST_KEY


def kept_key(path: Path) -> bytes:
    """Return the key in a file, which is made where there is none. Raises OSError; ValueError for half a key."""
    if not path.exists():
        _make(path)
    key = path.read_bytes()
    if len(key) < SHORTEST_KEY:
        raise ValueError
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its mode is 0600; it has its name when it is whole.
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.") as file:
        file.write(secrets.token_urlsafe(48).encode())
        file.flush()
        os.fsync(file.fileno())
        # Whoever was first has made the key of all.
        with suppress(FileExistsError):
            path.hardlink_to(file.name)
