"""Pruning and rebuilding over memory like over Azurite: conditions, ETags and lists as storage has them."""

from __future__ import annotations

import dataclasses
import itertools
import os

import pytest

from catalog_keeping import rebuild
from shared.adapters.blobs import BlobContainer
from shared.core import layout
from shared.core.restore_points import RestorePoint
from shared.core.steps import StepResult, StepState
from tests.azurite import StorageToken
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.steps.keeping import ALIVE, PRUNED, STRICT, add_point, prune, recorded, traces

_numbers = itertools.count(1)


class InOurTime(BlobContainer):
    """Azurite has the machine's clock, and these tests have one that stands still."""

    def look(self, key):
        """Return what a blob's properties show, written at the present time of the test."""
        seen = super().look(key)
        return None if seen is None else dataclasses.replace(seen, modified_at=START)


@pytest.fixture(params=["fake", "real"])
def ports(request):
    """One service without a standby, the strictest rules, and storage in memory or in Azurite."""
    suffix = f"{os.getpid()}x{next(_numbers)}"
    plan = plan_json(defaults={"retention": STRICT})
    del plan["services"][0]["standby"]
    plan["regions"] = {"westeurope": {"account": "drprimary"}}
    if request.param == "fake":
        return FakePorts(plan)
    azurite = request.getfixturevalue("azurite")
    plan["regions"]["westeurope"]["container"] = f"records-{suffix}"
    plan["services"][0]["storage"]["container"] = f"backups-{suffix}"
    for container in (f"records-{suffix}", f"backups-{suffix}"):
        azurite.service("drprimary").create_container(container)
    ports = FakePorts(plan)
    made = {}

    def backups(account, container):
        url = azurite.url("drprimary")
        return made.setdefault(container, InOurTime(url, account, container, StorageToken()))

    ports.backups = backups
    return ports


def test_what_no_rule_keeps_goes_and_the_rest_stays(ports):
    """The recorded ETag is the one that the deletion needs."""
    old, fresh = add_point(ports, 20), add_point(ports, 0)

    assert prune(ports, fresh).value == {"pruned": [old.name], "left": 0, "warnings": []}
    assert traces(ports, old) == PRUNED
    assert traces(ports, fresh) == ALIVE


def test_a_blob_that_was_written_anew_stays(ports):
    """The same bytes with another ETag are not the recorded blob."""
    old, fresh = add_point(ports, 20), add_point(ports, 0)
    backups = ports.backups(old.account, old.container)
    backups.put(old.name, backups.read(old.name)[0])

    assert "size or ETag" in prune(ports, fresh).value["warnings"][0]
    assert traces(ports, old) == ALIVE


def test_a_lost_catalogue_comes_back_equal(ports):
    """Every field, with the ETag that storage has, and the time when it was made anew."""
    points = [add_point(ports, age) for age in (2, 1, 0)]
    for point in points:
        ports.records().delete(layout.restore_point_key(point.service, point.name))
    wish = {"rebuildId": "rebuild-20261123T020000Z-0123abcd", "service": "contoso"}

    result = StepResult.from_json(rebuild.rebuild_service(wish, ports))

    assert result.state is StepState.DONE
    assert recorded(ports) == [point.name for point in points]
    for point in points:
        content, _ = ports.records().read(layout.restore_point_key("contoso", point.name))
        assert RestorePoint.from_bytes(content) == point.model_copy(update={"rebuilt_at": START})
