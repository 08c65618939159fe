"""Which passwords are taken: long ones, kept whole, and none that anybody would guess."""

import pytest
from argon2 import PasswordHasher

from tests.inviting import Admin, activate, fresh, invited
from tests.stack import Stack
from workflows.passwords import COMMON, hash_password, password_matches
from workflows.refusals import CommonPassword

GUESSED = (
    "123456789123456789",
    "passwordpassword",
    "Password12345678",
    "P@ssw0rd!P@ssw0rd!",
    "qwertyuiopqwertyuiop",
    "!!!!!iloveyou2026!!!!!",
    "sunshineprincess",
    "aaaaaaaaaaaaaaaaaaa",
    "abcdefghijklmnopq",
    "zyxwvutsrqponmlkji",
    "ｐａｓｓｗｏｒｄ１２３４５６７８",
    "p a s s w o r d 1 2 3 4 5 6 7 8",
)
OWN = ("correct horse battery staple", "wüste Regen Gabel zwölf", "𝔬𝔡𝔡 letters of many a script 字", "x7" * 7 + "-q9zk")


def test_the_commonest_passwords_are_refused_at_whatever_length() -> None:
    known = COMMON.read_text().split()
    assert len(known) >= 3000
    for each in known:
        stretched = each * (15 // len(each) + 1)
        with pytest.raises(CommonPassword):
            hash_password(stretched, stretched)


def test_a_guessed_password_is_refused_on_the_page_and_the_link_lives_on(stack: Stack) -> None:
    path = invited(stack, Admin(stack, stack.account()), fresh())
    for each in GUESSED:
        answer = activate(stack, path, password=each)
        assert answer.status_code == 422, each
        assert "would guess" in answer.text and each not in answer.text
    assert activate(stack, path).status_code == 303


@pytest.mark.parametrize("password", [*OWN, "é" * 5 + "long enough", "many words " * 90])
def test_a_password_is_kept_whole(stack: Stack, password: str) -> None:
    path = invited(stack, Admin(stack, stack.account()), nora := fresh())
    assert activate(stack, path, password=password).status_code == 303
    for wrong in {password[:-1], password + "x", password[:72], password.swapcase()} - {password}:
        assert stack.client().sign_in(nora, wrong).status_code == 403
    assert stack.client().sign_in(nora, password).status_code == 303


@pytest.mark.parametrize(
    ("typed", "again"), [("ma\u0308rchen am abend", "märchen am abend"), ("ﬁve blue Ａnts", "five blue Ants")]
)
def test_a_password_is_the_same_on_every_keyboard(typed: str, again: str) -> None:
    for one, other in ((typed, again), (again, typed)):
        assert password_matches(hash_password(f"some {one}", f"some {other}"), f"some {other}")


def test_a_password_from_before_there_was_a_normal_form_is_right() -> None:
    password = "ma\u0308rchen am abend"
    assert password_matches(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password), password)


@pytest.mark.parametrize("password", ["fourteen chars", "x y z " * 200])
def test_a_password_too_short_or_too_long_is_refused(stack: Stack, password: str) -> None:
    path = invited(stack, Admin(stack, stack.account()), fresh())
    answer = activate(stack, path, password=password)
    assert answer.status_code == 422
    assert "15 to 1024 characters" in answer.text
