"""Look through the rows of an uploaded list, knowing nothing but the file: who could be invited, and who not (R12)."""

from collections.abc import Iterable
from typing import Any

from models.language import gettext
from models.visible import CONTROLS, one_line, visible
from workflows.address import normalise
from workflows.invite import known_group
from workflows.refusals import BadInput, Refusal
from workflows.tabulate import Row

COLUMNS = ("email", "name", "group")
LONGEST_EMAIL, LONGEST_NAME, LONGEST_GROUP, LONGEST_REASON = 320, 200, 40, 400
Values = dict[str, Any]


def examine(rows: Iterable[Row]) -> list[Values]:
    """Return what to keep of each row: where mail would go, or why nobody can be invited by it."""
    lines: dict[str, int] = {}
    return [_examined(row, lines) for row in rows]


def _examined(row: Row, lines: dict[str, int]) -> Values:
    email, name, group = (row.cells.get(column, "") for column in COLUMNS)
    seen: Values = {"line": row.line, "group": visible(group.strip().lower()), "address": "", "reason": row.trouble}
    if not row.trouble:
        try:
            _require_plain(name)
            known_group(seen["group"])
            seen["address"] = _once(normalise(email), row.line, lines)
        except Refusal as refusal:
            seen["reason"] = refusal.sentence[:LONGEST_REASON]
    shown = {"email": visible(email.strip())[:LONGEST_EMAIL], "name": one_line(name)[:LONGEST_NAME]}
    return seen | shown | {"group": seen["group"][:LONGEST_GROUP]}


def _require_plain(name: str) -> None:
    if len(name.strip()) > LONGEST_NAME:
        raise BadInput(gettext("The name is longer than %(longest)s characters.", longest=LONGEST_NAME))
    if name.translate(CONTROLS) != name:
        raise BadInput(gettext("The name contains control characters."))


def _once(address: str, line: int, lines: dict[str, int]) -> str:
    first = lines.setdefault(address, line)
    if first != line:
        raise BadInput(gettext("%(address)s stands in line %(line)s already.", address=address, line=first))
    return address
