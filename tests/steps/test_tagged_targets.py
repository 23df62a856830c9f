"""Standbys and drill targets that have the tags of discovery: whoever gave them wants them kept."""

from __future__ import annotations

import pytest

from shared import clearance, roster
from shared.core import layout
from shared.core.roster import Found, Outsider, Roster
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import SUBSCRIPTION, plan_json
from tests.steps.restore_world import World

DISCOVER = {"subscriptions": [SUBSCRIPTION], "tag": {"dr": "on"}}


def stored(ports, **found):
    """Store what discovery found last."""
    ports.records().put(layout.ROSTER, Roster(taken_at=START, **found).to_bytes())


def entry(resource_id):
    """Return a service as discovery keeps it."""
    return Found(name="tagged", resource_id=resource_id, region="northeurope")


@pytest.mark.parametrize("is_left_out", [False, True])
@pytest.mark.parametrize("kind", ["restore", "replicate", "drill"])
def test_nothing_is_restored_into_a_target_with_the_tags(kind, is_left_out):
    """Neither before nor after discovery has seen that the plan names it as an end."""
    world = World(kind=kind)
    target = world.target.resource_id
    if is_left_out:
        stored(world.ports, left_out=(Outsider(resource_id=target, reason="it is a standby"),))
    else:
        stored(world.ports, services=(entry(target),))

    found = clearance.refusals(clearance.checks(world.request, world.ports))

    assert [check.name for check in found] == ["TargetIsNoPrimary"]


def test_without_discovery_the_plan_alone_says_what_is_a_primary():
    """A roster of former days says nothing."""
    ports = FakePorts(plan_json())
    stored(ports, services=(entry(ports.first.standby.resource_id),))

    assert roster.primaries(ports) == {ports.first.resource_id.lower()}


def test_with_discovery_what_has_the_tags_is_added():
    """By ids in lower case, as Azure compares them."""
    ports = FakePorts(plan_json(discover=DISCOVER))
    stored(ports, services=(entry(ports.first.standby.resource_id),))

    assert roster.primaries(ports) == {
        ports.first.resource_id.lower(),
        ports.first.standby.resource_id.lower(),
    }
