"""`guestlist doctor`: what is well, what is wrong, and what mends it."""

import json

import pytest
import redis

from tests.stack import Stack

NOWHERE = "127.0.0.1:1"


def test_doctor_finds_everything_well(stack: Stack) -> None:
    ended = stack.guestlist("doctor", "--json")
    parts = json.loads(ended.stdout)
    assert [part for part in parts if not part["is_well"]] == []
    assert ended.returncode == 0
    told = stack.guestlist("doctor").stdout
    assert all(part["part"] in told for part in parts)


@pytest.mark.parametrize(
    ("chosen", "wrong"),
    [
        ({"GUESTLIST_BROKER_URL": f"redis://{NOWHERE}"}, {"broker", "redis keeps", "live events"}),
        ({"GUESTLIST_SMTP_URL": f"smtp://{NOWHERE}"}, {"mail server"}),
        ({"GUESTLIST_SECRET_KEY": "short"}, {"settings"}),
        ({"GUESTLIST_SWEEP_REPAIR": "grant_past"}, {"settings"}),
    ],
)
def test_doctor_says_what_is_wrong(stack: Stack, chosen: dict[str, str], wrong: set[str]) -> None:
    ended = stack.guestlist("doctor", "--json", **chosen)
    assert ended.returncode == 1
    assert {part["part"] for part in json.loads(ended.stdout) if not part["is_well"]} == wrong
    assert ended.stderr == ""


def test_doctor_finds_a_redis_that_forgets(stack: Stack) -> None:
    with redis.Redis.from_url(f"unix://{stack.home / 'valkey.sock'}") as server:
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            told = stack.guestlist("doctor").stdout
        finally:
            server.config_set("maxmemory-policy", "noeviction")
    assert "allkeys-lru" in told
