"""Prunings that run at the same time as each other, as holds, and after the plan has changed."""

from __future__ import annotations

import json

import azure.functions as func
import pytest

from catalog_keeping.calls import hold_restore_point
from shared.core import layout
from shared.core.errors import ConflictError, UnavailableError
from shared.core.steps import StepState
from tests.fakes import FakePorts
from tests.fakes.ports import plan_json
from tests.fakes.stormy import DiedError, StormyStorage
from tests.steps.conftest import body_of, run
from tests.steps.keeping import (
    ALIVE,
    PRUNED,
    add_point,
    hold,
    keeping_ports,
    prune,
    storm,
    traces,
)


@pytest.fixture
def ports():
    """The primary's app, one service without a standby, and the strictest rules."""
    return keeping_ports()


@pytest.fixture
def old(ports):
    """A complete point that no rule keeps."""
    return add_point(ports, 20)


@pytest.fixture
def fresh(ports, old):
    """The point that was just recorded."""
    return add_point(ports, 0)


def put_hold(ports, point):
    """Ask for a hold over the route."""
    body = json.dumps({"reason": "audit"}).encode()
    route = {"service": point.service, "name": point.name}
    call = func.HttpRequest(method="PUT", url="https://dr.example/x", body=body, route_params=route)
    return run(hold_restore_point(call, ports))


def at_the_deletion_of(ports, point, act):
    """Do something once, right before the record of a point is deleted."""
    key = layout.restore_point_key(point.service, point.name)
    storage = storm(ports)

    def listener(call):
        if (call.method, call.key) == ("delete", key):
            storage.on_call = None
            act()

    storage.on_call = listener


def die_at_the_deletion_of(ports, point, fresh):
    """Prune until the point is announced, and end the process there."""

    def die():
        raise DiedError

    at_the_deletion_of(ports, point, die)
    with pytest.raises(DiedError):
        prune(ports, fresh)


def without_retention(ports):
    """Return the ports after retention was taken out of the plan."""
    plan = plan_json()
    del plan["services"][0]["standby"]
    return FakePorts(plan, storage=ports.storage, arm=ports.arm, clock=ports.clock)


def test_a_hold_that_was_answered_with_200_outlives_an_older_execution(ports, old, fresh):
    """A second execution takes the point back, a hold is confirmed, and the first one goes on: it lives."""
    answers = []

    def meanwhile():
        hold(ports, old)
        prune(ports, fresh)  # sees the hold, and takes tombstone and mark back
        answers.append(put_hold(ports, old).status_code)

    at_the_deletion_of(ports, old, meanwhile)

    result = prune(ports, fresh)

    assert answers == [200]
    assert traces(ports, old) == ALIVE
    assert result.value["pruned"] == []


def test_a_taking_back_for_another_reason_fences_the_older_execution(ports, old, fresh):
    """The second execution could not tell the restores; the hold comes after it, when no mark is left."""
    answers = []

    def meanwhile():
        seen = []

        def listener(call):
            if call.method == "keys" and call.key == layout.OPEN_RUNS:
                seen.append(call)
                raise UnavailableError("records: ServerBusy")

        storm(ports).on_call = listener
        prune(ports, fresh)
        storm(ports).on_call = None
        assert seen
        assert not traces(ports, old)["mark"]
        answers.append(put_hold(ports, old).status_code)

    at_the_deletion_of(ports, old, meanwhile)

    prune(ports, fresh)

    assert answers == [200]
    assert traces(ports, old) == ALIVE


def test_a_hold_in_the_middle_of_a_pruning_wins_and_says_so(ports, old, fresh):
    """It comes after the last look: the record is fenced, the answer is 200, and the point is whole."""
    answers = []
    at_the_deletion_of(ports, old, lambda: answers.append(put_hold(ports, old).status_code))

    prune(ports, fresh)

    assert answers == [200]
    assert traces(ports, old) == ALIVE


def test_a_hold_whose_fence_cannot_be_set_is_not_called_one(ports, old, fresh):
    """Storage does not let the record be written: whether the hold came in time is not known."""
    die_at_the_deletion_of(ports, old, fresh)
    ports.records().faults["replace"].append(ConflictError("LeaseIdMissing"))

    answer = put_hold(ports, old)

    assert (answer.status_code, body_of(answer)["error"]["code"]) == (409, "PruneUnderWay")
    assert ports.records().exists(layout.hold_key("contoso", old.name))


def test_a_fence_changes_the_record_by_its_etag_only(ports, old, fresh):
    """The same bytes, so nothing of a point is lost by having been announced."""
    key = layout.restore_point_key("contoso", old.name)
    content, etag = ports.records().read(key)
    die_at_the_deletion_of(ports, old, fresh)

    put_hold(ports, old)

    assert ports.records().read(key)[0] == content
    assert ports.records().read(key)[1] != etag


def test_a_slow_taking_back_does_not_take_a_newer_announcement(ports, old, fresh):
    """It stood still before it deleted the tombstone; the hold was released and another run announced."""
    die_at_the_deletion_of(ports, old, fresh)
    hold(ports, old)
    tombstone = layout.pruned_key("contoso", old.name)

    def listener(call):
        if (call.method, call.key) == ("delete", tombstone):
            storm(ports).on_call = None
            ports.records().delete(layout.hold_key("contoso", old.name))
            die_at_the_deletion_of(ports, old, fresh)

    storm(ports).on_call = listener
    prune(ports, fresh)
    storm(ports).on_call = None
    assert traces(ports, old) == ALIVE | {"tombstone": True, "mark": True}

    prune(ports, fresh)

    assert traces(ports, old) == PRUNED


def test_what_was_announced_is_taken_back_when_retention_leaves_the_plan(ports, old, fresh):
    """Neither tombstone nor mark stays, so that a hold is confirmed and a rebuild finds nothing pruned."""
    die_at_the_deletion_of(ports, old, fresh)
    later = without_retention(ports)
    newer = add_point(later, -0.01)

    result = prune(later, newer)

    assert result.state is StepState.DONE
    assert traces(ports, old) == ALIVE
    assert put_hold(later, old).status_code == 200


def test_what_was_begun_is_finished_when_retention_leaves_the_plan(ports, old, fresh):
    """The record was gone already: its backup does not lie there for ever."""
    ports.backups(old.account, old.container).faults["delete"].append(ConflictError("LeaseIdMissing"))
    prune(ports, fresh)
    assert traces(ports, old)["backup"]
    assert not traces(ports, old)["record"]
    later = without_retention(ports)

    prune(later, add_point(later, -0.01))

    assert traces(ports, old) == PRUNED


def test_a_service_without_retention_and_without_marks_costs_one_list(ports):
    """Only unfinished deletions are looked for."""
    bare = FakePorts(storage=StormyStorage())
    add_point(bare, 400)
    fresh = add_point(bare, 0)
    storm(bare).calm()

    assert prune(bare, fresh).value == {"pruned": [], "left": 0, "warnings": []}
    assert [(call.method, call.key) for call in storm(bare).calls] == [
        ("keys", layout.open_prunes_prefix("contoso"))
    ]


def test_an_announced_point_can_be_held_before_the_next_backup(ports, old, fresh):
    """A mark that an ended process left behind does not answer 409 for ever."""
    die_at_the_deletion_of(ports, old, fresh)

    assert put_hold(without_retention(ports), old).status_code == 200
