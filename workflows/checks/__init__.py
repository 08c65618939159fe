"""Every check of a sweep, in the order of repair: what owns comes before what it owns."""

from collections.abc import Iterable

from models.settings import Misconfigured
from workflows.checks import grants, invitations, members, schedules, sight, work
from workflows.checks.check import Check, evidence

CHECKS: dict[str, Check] = {
    check.name: check for part in (work, members, grants, invitations, sight, schedules) for check in part.CHECKS
}

__all__ = ["CHECKS", "Check", "evidence", "require_known"]


def require_known(names: Iterable[str]) -> None:
    """Return if there is a check of every name that the settings let mend itself. Raises Misconfigured."""
    for name in names:
        if name not in CHECKS:
            raise Misconfigured(f"GUESTLIST_SWEEP_REPAIR: there is no check “{name}”; there are {', '.join(CHECKS)}")
