"""The secret key that is made where none is set is whole, and one for all (G7)."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from models import settings
from models.key import kept_key
from models.settings import Misconfigured

MANY = 8


def test_g7_however_many_want_the_key_at_once_they_get_one(tmp_path: Path) -> None:
    for attempt in range(20):
        path, barrier = tmp_path / str(attempt) / "secret.key", Barrier(MANY)

        def look(_: int, path: Path = path, barrier: Barrier = barrier) -> bytes:
            barrier.wait(10)
            return kept_key(path)

        with ThreadPoolExecutor(MANY) as threads:
            (key,) = set(threads.map(look, range(MANY)))
        assert len(key) > 60
        assert os.listdir(path.parent) == [path.name]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("left", [b"", b"half a key"])
def test_g7_what_a_full_disk_left_is_no_key(choose: Callable[..., None], tmp_path: Path, left: bytes) -> None:
    choose(data_dir=tmp_path)
    (tmp_path / "secret.key").write_bytes(left)

    with pytest.raises(Misconfigured, match="DATA_DIR: .*/secret.key is too short to be a key; bring the file back"):
        _ = settings().key
