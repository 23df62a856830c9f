"""
Comparing a standby with the point that it should hold, before a drill overwrites it.

A drill makes no safety backup: what it overwrites has to be a restore point. What somebody changed in the
standby by hand, such as after a failover, is in none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared import inventories, standby, survey
from shared.beside import expected_inventories
from shared.core import layout
from shared.core.drills import DrillWish
from shared.core.errors import ServiceBusyError
from shared.core.inventory import Inventory, compare, shortened
from shared.core.lro import Fault
from shared.core.ports import Ports
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome, RunRecord
from shared.core.services import ServiceState
from shared.records import readable

NAMED_MAX = 5

BUSY = "TargetBusy"


def objection(wish: DrillWish, point: RestorePoint, ports: Ports) -> Fault | None:
    """
    Return why a drill must not overwrite a standby: it is not what the point holds, or nobody can tell.

    Args:
        wish: a drill into a standby.
        point: what the standby should hold, and what the drill would restore.
        ports: everything. The inventory may take several executions.

    Raises:
        TemporaryError: TargetBusy while something works on the standby, so that comparing says nothing;
            InventoryGoesOn; or something could not be read for now. The step is to be repeated.
    """
    _wait_for_others(wish, point, ports)
    pair = expected_inventories(point, ports)
    if pair is None:
        return _not_compared(wish, point, f"{point.name} has no inventory that can be read")
    wanted = [pair.before, *([pair.after] if pair.after else [])]
    part_key = layout.part_key(layout.report_key(wish.run_id))
    actual = inventories.take(ports, wish.target, part_key, f"standby {point.name}")
    changes = [f"{one.entity} {one.what}" for one in compare(wanted, actual)]
    if changes:
        more = f" and {len(changes) - NAMED_MAX} more" if len(changes) > NAMED_MAX else ""
        message = (
            f"the standby {wish.target.name} is not what it holds by the records: {len(changes)} entities "
            f"differ from {point.name}: {', '.join(changes[:NAMED_MAX])}{more}. A drill would wipe that, and "
            "no backup has it"
        )
        return Fault(code="StandbyWasChanged", message=message, hint=_hint(wish, point))
    unseen = sorted(set(_unseen(wanted, actual)))
    return _not_compared(wish, point, shortened(unseen)) if unseen else None


def _not_compared(wish: DrillWish, point: RestorePoint, why: str) -> Fault:
    message = f"whether somebody changed the standby {wish.target.name} could not be told: {why}"
    return Fault(code="StandbyNotCompared", message=message, hint=_hint(wish, point))


def _hint(wish: DrillWish, point: RestorePoint) -> str:
    return (
        f"Bring to the primary what is to stay. POST /api/restores with {point.name} and the target "
        f"{wish.target.name} then keeps the standby as it is in a safety backup, and restores the point."
    )


def _unseen(wanted: list[Inventory], actual: Inventory) -> Iterator[str]:
    """Yield what could not be compared, in words."""
    yield from actual.not_read
    for inventory in wanted:
        yield from inventory.not_read
        if inventory.taken < actual.taken:
            yield f"the inventory of {inventory.taken_at:%Y-%m-%d} has fewer lists than one of today"


def _wait_for_others(wish: DrillWish, point: RestorePoint, ports: Ports) -> None:
    """Raise ServiceBusyError while a standby is being changed, or while its record is about to follow."""
    state = ServiceState.from_resource(survey.read_service(ports.arm, wish.target))
    if state.is_in_transition:
        message = f"the provisioning state of {wish.target.name} is {state.provisioning_state}"
        raise ServiceBusyError(message, code=BUSY)
    for run in _others(wish, ports):
        if run.word is None:
            raise ServiceBusyError(f"run {run.run_id} has {wish.target.name}", code=BUSY)
    since = ports.clock.now() - standby.RECENTLY
    for run in standby.replications(wish.service, wish.target, since, ports):
        if run.word is Outcome.SUCCEEDED and (run.restore_point or "") > point.name:
            raise ServiceBusyError(f"what run {run.run_id} has brought is not recorded yet", code=BUSY)


def _others(wish: DrillWish, ports: Ports) -> list[RunRecord]:
    """Return the other restores of the service into the standby that may be at work."""
    own = re.compile(
        rf"\d{{8}}T\d{{6}}Z-(replicate|restore|drill)-{re.escape(wish.service)}(-[0-9a-f]{{8}})?"
    )
    keys = [layout.run_key(one) for one in ports.runs.open_ids() if own.fullmatch(one) and one != wish.run_id]
    runs = readable(ports.records(), keys, RunRecord)
    return [run for run in runs if run.subject.is_same_as(wish.target)]
