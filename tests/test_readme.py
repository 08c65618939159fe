"""What the README says about the code is made from the code."""

from tests.readme import README, rewritten


def test_readme_lists_every_setting_and_permission() -> None:
    text = README.read_text()
    assert rewritten(text) == text, "run `make readme`"
