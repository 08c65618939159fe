"""The forms of addresses, and tokens that travel by mail."""

from collections.abc import Callable

import pytest

from models import (
    LinkPurpose,
)
from workflows.address import normalise
from workflows.refusals import BadAddress
from workflows.tokens import read_unsubscribe, sign_unsubscribe, token_for


def test_r7_addresses_take_one_form() -> None:
    assert normalise("  Ann.O'Neil+Tag@EXAMPLE.com ") == "ann.o'neil+tag@example.com"
    assert normalise("ann@B\u00fccher.example") == normalise("ANN@xn--bcher-kva.EXAMPLE") == "ann@xn--bcher-kva.example"
    longest = "a" * 64 + "@" + ".".join(["b" * 63, "c" * 63, "d" * 57]) + ".de"
    assert len(longest) < 255 and normalise(longest) == longest


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "nothing"),
        ("nobody", "@"),
        ("a@b@example.com", "@"),
        ("a..b@example.com", "two periods"),
        ("a@example", "period"),
        ("a@example.com, b@example.com", "one address"),
        ("a@example.com;b@example.com", "one address"),
        ("a@example.com b@example.com", "one address"),
        ("Ann <ann@example.com>", "without a name"),
        ("ann@example.com\r\nBcc: all@example.com", "line break"),
        ("ann\x00@example.com", "control"),
        ("\u202eann@example.com", "control"),
        ("ann\udc00@example.com", "control"),
        ('"ann lee"@example.com', "quotation"),
        ("ann@[127.0.0.1]", "IP address"),
        ("j\u00fcrgen@example.com", "accents"),
        ("a" * 65 + "@example.com", "too long"),
        ("\u00e9" * 130 + "@example.com", "254 octets"),
        ("a@" + "b." * 5000 + "com", "254 octets"),
    ],
)
def test_r7_what_cannot_be_mailed_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        normalise(typed)
    assert reason in refusal.value.sentence
    assert refusal.value.sentence.isprintable() and len(refusal.value.sentence) < 320


def test_tokens_are_ours_alone(choose: Callable[..., None]) -> None:
    choose(secret_key="one key of two, long enough for both")
    token, signed = token_for(LinkPurpose.ACTIVATE, "<1@a>"), sign_unsubscribe(7)
    others = {token_for(LinkPurpose.RESET, "<1@a>"), token_for(LinkPurpose.ACTIVATE, "<2@a>")}
    assert len(token) == 43 and token not in others and token_for(LinkPurpose.ACTIVATE, "<1@a>") == token
    assert read_unsubscribe(signed) == 7
    for forged in ("", "7", f"8{signed[1:]}", signed[:-2], "x" * 1_000_000, "\u00fc.\u00fc"):
        assert read_unsubscribe(forged) is None
    choose(secret_key="the other key of two, as long as one")
    assert token_for(LinkPurpose.ACTIVATE, "<1@a>") != token and read_unsubscribe(signed) is None
