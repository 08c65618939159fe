"""What is said of a server that is away: its setting and address, not too often, and that it is back."""

import logging
from collections.abc import Callable

import pytest

from models import absence
from models.absence import Absence
from models.formats import shown


def test_an_absence_is_told_at_growing_pauses_and_so_is_its_end(
    choose: Callable[..., None], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(broker_url="redis://user:tell-nobody@redis.example:6379/1?password=tell-nobody")
    broker, told_at = Absence("broker_url", "jobs wait"), []
    with caplog.at_level(logging.WARNING):
        for second in range(100):
            monkeypatch.setattr(absence.time, "monotonic", lambda second=second: 5000.0 + second)
            broker.note(ConnectionError("refused\nand more"))
            if len(caplog.messages) > len(told_at):
                told_at.append(second)
        broker.end()
        broker.end()
    assert told_at == [0, 10, 30, 70]
    assert set(caplog.messages[:-1]) == {
        "GUESTLIST_BROKER_URL: redis://redis.example:6379/1 does not answer (refused); jobs wait"
    }
    assert caplog.messages[-1] == "GUESTLIST_BROKER_URL: redis://redis.example:6379/1 answers again, after 99 s"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:////var/lib/guestlist.db", "sqlite:////var/lib/guestlist.db"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock"),
        ("postgresql://a:b/c@d@db:5432/x?password=y", "postgresql://db:5432/x"),
        ("postgresql://a@/x?host=/run&password=y@z", "postgresql:///x"),
        # Where the password ends, nobody can say.
        ("postgresql:///x?password=y@z", "postgresql://…"),
        ("redis://:12?y@redis.example/0", "redis://…"),
    ],
)
def test_an_address_is_told_without_what_opens_it(url: str, told: str) -> None:
    assert shown(url) == told
