"""The safety backup against the simulator: real lists, real backups, one POST each."""

from __future__ import annotations

import datetime as dt

from restore_http.safety import safety_run_id
from shared.contents import LISTS, has_content
from shared.core.runs import Outcome

HOUR = dt.timedelta(hours=1)


def test_a_new_service_of_the_simulator_holds_nothing(world):
    """All lists are asked with the real client, and each is read."""
    standby = world.ports.first.standby.ref

    assert has_content(world.ports.arm, standby) is False
    asked = [name for name in LISTS if world.azure.calls("GET", f"{standby.resource_id}/{name}")]
    assert asked == list(LISTS)


def test_a_target_with_content_is_backed_up_once_and_then_restored(make_world):
    """The connection breaks after each POST took effect: one backup and one restore all the same."""
    primary = make_world()
    primary.back_up()
    point = primary.newest_point()
    standby = primary.in_region("northeurope")
    target = standby.ports.first.standby.ref
    path = f"{target.resource_id}/namedValues/left-over"
    standby.azure.simulator.arm("PUT", path, {"properties": {"displayName": "left-over", "value": "1"}})
    standby.azure.fault("POST", "/backup", drop="after")
    standby.azure.fault("POST", "/restore", drop="after")

    request = standby.start_restore(point, safety_backup=True, despite_traffic=True)
    standby.let_pass(3 * HOUR)

    run, made = standby.run_of(request), standby.ports.runs.read(safety_run_id(request))[0]
    assert (run.word, made.word) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED), (run.fault, made.fault)
    assert standby.azure.posts(target, "backup") == 1
    assert standby.azure.posts(target, "restore") == 1
