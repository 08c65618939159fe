"""Every check of a sweep, in the order of repair: what owns comes before what it owns."""

from workflows.checks import grants, invitations, members, sight, work
from workflows.checks.check import Check, evidence

CHECKS: dict[str, Check] = {
    check.name: check for check in [*work.CHECKS, *members.CHECKS, *grants.CHECKS, *invitations.CHECKS, *sight.CHECKS]
}

__all__ = ["CHECKS", "Check", "evidence"]
