"""What a usable plan leaves open, and what its author may not have meant."""

from __future__ import annotations

from shared.core.plan import Plan


def warnings(plan: Plan) -> list[str]:
    """Return a sentence for each service whose restore points are lost with the account of its backups."""
    return [
        f"{one.name} has a standby without storage: nothing is copied, and what is lost with the account "
        f"{one.storage.account} cannot be restored in {one.standby.region} (docs/plan.md, standby)"
        for one in plan.services
        if one.standby is not None and one.standby.storage is None and one.standby.region != one.region
    ]
