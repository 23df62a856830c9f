"""The parts of the simulator that have no wire: clock, operation, faults, blob, ids."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest

from simulator import backup_blob, ids
from simulator.backup_request import BackupRequest
from simulator.clock import SpeedClock
from simulator.entities import EntityStore, Snapshot
from simulator.faults import Fault, FaultQueue
from simulator.operations import Failure, Kind, Operation, Progression, State
from simulator.services import Services
from simulator.tokens import TokenAuthority

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def _operation(progression: Progression) -> Operation:
    service_id = ids.ServiceId(subscription="s", group="g", name="contoso")
    body = {
        "location": "westeurope",
        "sku": {"name": "Developer"},
        "properties": {"publisherEmail": "o@contoso.example", "publisherName": "C"},
    }
    return Operation(
        id="id",
        kind=Kind.BACKUP,
        service=Services().create(service_id, body, now=NOW),
        request=BackupRequest(account="a", container="c", blob="b"),
        progression=progression,
        started_at=NOW,
    )


@pytest.mark.parametrize("polls", [0, 1, 3])
def test_operation_of_polls_is_ended_by_the_poll_after_them(polls: int) -> None:
    """Only the poll after n polls says that it ends the operation."""
    operation = _operation(Progression(polls=polls))

    assert [operation.count_poll() for _ in range(polls + 1)] == [False] * polls + [True]


def test_operation_of_seconds_is_never_ended_by_a_poll() -> None:
    """Polls are counted and change nothing."""
    operation = _operation(Progression(seconds=1))

    assert not any(operation.count_poll() for _ in range(50))
    assert (operation.polls, operation.state) == (50, State.RUNNING)


@pytest.mark.parametrize("is_first_good", [True, False])
def test_operation_ends_once(is_first_good: bool) -> None:
    """A second end is refused, and changes nothing."""
    operation = _operation(Progression(polls=0))
    if is_first_good:
        operation.succeed({"name": "contoso"}, now=NOW)
    else:
        operation.fail(Failure(code="C", message="m"), now=NOW)
    before = (operation.state, operation.resource, operation.failure, operation.ended_at)

    with pytest.raises(ValueError, match="has ended"):
        operation.fail(Failure(code="D", message="n"), now=NOW + dt.timedelta(hours=1))
    assert (operation.state, operation.resource, operation.failure, operation.ended_at) == before


def test_wait_ends_when_the_clock_is_moved_past_it() -> None:
    """Moving the clock shortens waits; one that is not reached goes on."""

    async def scenario() -> tuple[bool, bool]:
        clock = SpeedClock()
        waits = [clock.wait(seconds) for seconds in (3600, 7200)]
        await asyncio.sleep(0)
        clock.advance(3601)
        await asyncio.sleep(0)
        done = (waits[0].done(), waits[1].done())
        waits[1].cancel()
        return done

    assert asyncio.run(scenario()) == (True, False)


def test_speed_compresses_waits_but_not_dates() -> None:
    """At a great speed an hour of waiting is short, and the date is still the machine's."""

    async def scenario() -> dt.timedelta:
        clock = SpeedClock(speed=100_000)
        before = clock.now()
        await clock.wait(3600)
        return clock.now() - before

    assert asyncio.run(scenario()) < dt.timedelta(minutes=10)


def test_time_does_not_go_back() -> None:
    """The clock refuses to be moved backwards."""
    with pytest.raises(ValueError, match="forward"):
        SpeedClock().advance(-1)


def test_fault_queue_gives_the_first_that_matches() -> None:
    """Faults for other calls stay in the queue."""
    queue = FaultQueue()
    queue.add(Fault(method="POST", status=500))
    queue.add(Fault(path_contains="/apis", status=404))
    found = queue.take("GET", "/x/APIS/y")

    assert found is not None
    assert found.status == 404
    assert [one["match"]["method"] for one in queue.to_json()] == ["POST"]
    assert queue.take("GET", "/x/apis/y") is None


def test_blob_comes_back_as_it_went_in() -> None:
    """Encoding and decoding lose nothing, and the same backup gives the same bytes."""
    entities = (
        Snapshot(path=("apis", "a", "operations", "é b"), properties={"displayName": "ö", "n": None}),
    )
    backup = backup_blob.Backup(created_at=NOW, tier="Developer", service_id="/s", entities=entities)

    assert backup_blob.decode(backup_blob.encode(backup)) == backup
    assert backup_blob.encode(backup) == backup_blob.encode(backup)


@pytest.mark.parametrize(("days", "is_refused"), [(0, False), (30, False), (30.001, True)])
def test_backup_is_restorable_for_30_days_exactly(days: float, is_refused: bool) -> None:
    """The thirtieth day still counts."""
    backup = backup_blob.Backup(created_at=NOW, tier="Developer", service_id="/s", entities=())
    reason = backup_blob.why_not_restorable(backup, tier="Developer", now=NOW + dt.timedelta(days=days))

    assert (reason == "Cannot restore: backup expired") is is_refused


def test_tier_is_compared_exactly() -> None:
    """Standard and StandardV2 are two tiers."""
    backup = backup_blob.Backup(created_at=NOW, tier="Standard", service_id="/s", entities=())
    reason = backup_blob.why_not_restorable(backup, tier="StandardV2", now=NOW)

    assert reason == "Cannot restore: current SKU is 'StandardV2', backup SKU is 'Standard'"


@pytest.mark.parametrize(
    ("path", "noun"),
    [
        ("/subscriptions", ids.Noun.SUBSCRIPTIONS),
        ("/subscriptions/s/providers/Microsoft.ApiManagement/service", ids.Noun.SERVICES),
        ("/subscriptions/s/resourceGroups/g/providers/microsoft.apimanagement/SERVICE", ids.Noun.SERVICES),
        ("/subscriptions/s/resourcegroups/g/providers/Microsoft.ApiManagement/service/n", ids.Noun.SERVICE),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/n/Backup",
            ids.Noun.BACKUP,
        ),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/n/apis",
            ids.Noun.BELOW,
        ),
    ],
)
def test_paths_are_understood_in_any_case(path: str, noun: ids.Noun) -> None:
    """Fixed parts of a path compare without regard to case."""
    target = ids.parse(tuple(part for part in path.split("/") if part))

    assert target is not None
    assert target.noun is noun


@pytest.mark.parametrize(
    "path", ["", "/subscriptions/s/resourceGroups", "/providers/Microsoft.Web/operations"]
)
def test_other_paths_are_not_understood(path: str) -> None:
    """What is not API Management's is nothing."""
    assert ids.parse(tuple(part for part in path.split("/") if part)) is None


def test_snapshot_does_not_change_with_the_store() -> None:
    """What a backup captured at its start is not touched by later edits."""
    store = EntityStore(next_etag=lambda: "e")
    properties: dict[str, Any] = {"tags": ["a"]}
    store.put(("namedValues", "n"), properties)
    captured = store.snapshot()
    properties["tags"].append("b")

    assert captured[0].properties == {"tags": ["a"]}


def test_token_expires_at_its_second() -> None:
    """A token is good until the second of its end, not longer."""
    now = 1_000_000.0
    authority = TokenAuthority("t", unix_now=lambda: now)
    header = f"Bearer {authority.issue(object_id='o', client_id='c', audience='https://arm/').text}"
    now += 3599
    claims = authority.read(header, audiences=("https://arm",))
    now += 1

    assert claims.object_id == "o"
    with pytest.raises(Exception, match="ExpiredAuthenticationToken"):
        authority.read(header, audiences=("https://arm",))
