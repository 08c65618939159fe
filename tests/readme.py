"""Write into the README what is made from the code: the table of permissions and the list of settings."""

import re
from pathlib import Path

from models.settings import PREFIX, Settings
from workflows.permissions import SENTENCES, Role, may


def permissions_table() -> str:
    """Return the table of every action beside every role."""
    lines = ["| | " + " | ".join(Role) + " |", "|---|" + ":-:|" * len(Role)]
    for action, sentence in SENTENCES.items():
        lines.append(f"| {sentence} | {' | '.join('yes' if may(role, action) else '' for role in Role)} |")
    return "\n".join(lines)


def settings_table() -> str:
    """Return the table of all settings, with their defaults."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        given = field.default
        shown = ", ".join(given) if isinstance(given, list) else "" if given is None else str(given)
        lines.append(f"| `{PREFIX}{name.upper()}` | {f'`{shown}`' if shown else ''} | {field.description} |")
    return "\n".join(lines)


README = Path(__file__).parent.parent / "README.md"
PARTS = {"permissions": permissions_table, "settings": settings_table}


def rewritten(text: str) -> str:
    """Return the README's text with every made part made again."""
    for name, make in PARTS.items():
        part = re.compile(rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- end -->)", re.DOTALL)
        text, found = part.subn(lambda match: f"{match[1]}{make()}\n{match[2]}", text)  # noqa: B023
        if found != 1:
            raise ValueError(f"the README has {found} places for {name}")
    return text


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text()))
