"""The export through the real client: what lies in the files is what the simulator's gateway has seen."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from typing import Any

from shared.core import layout, usage
from shared.core.usage import REPORTS, Watermark
from simulator import traffic
from simulator.ids import parse_service_id
from tests.fakes.clock import START

DAYS = [START.date() - dt.timedelta(days=number) for number in (2, 1)]
PLAN = {"defaults": {"usage": {"firstDays": 2}}}


def give_traffic(world: Any, requests: int, **tags: str) -> None:
    """Give the service operations, a subscription and so many requests a day."""
    put, service = world.azure.simulator.arm, world.service.resource_id
    for name in ("get", "post"):
        properties = {"displayName": name, "method": name.upper(), "urlTemplate": f"/{name}"}
        put("PUT", f"{service}/apis/orders/operations/{name}", {"properties": properties})
    scope = {"displayName": "app", "scope": "/products/gold", "ownerId": "/users/1"}
    put("PUT", f"{service}/subscriptions/app", {"properties": scope})
    put("PATCH", service, {"tags": {"simulator-requests-per-day": str(requests), **tags}})


def export(world: Any) -> str:
    """Export everything and return the word of the only service."""
    ports = world.ports
    wish = {"v": 1, "requestedAt": ports.clock.now().isoformat(), "intervals": ports.intervals.to_json()}
    done = world.host.run_until_done(world.host.start("export_usage", wish, usage.FLEET_INSTANCE))
    (ended,) = done.output["ended"]
    word: str = ended["outcome"]
    return word


def rows(world: Any, report: str, day: dt.date) -> list[dict[str, Any]]:
    """Return what lies in a file."""
    key = layout.usage_key(world.ports.first.name, report, day)
    content, _ = world.ports.records().read(key)
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def seen(world: Any, day: dt.date) -> list[dict[str, Any]]:
    """Return the requests that the simulator's gateway has seen on a day."""
    service = world.azure.simulator.world.services.get(parse_service_id(world.service.resource_id))
    return [one.row for one in traffic.requests_of(service, day)]


def test_all_reports_are_exported_and_add_up(make_world):
    """Eight reports of two days, the requests one by one, and sums that agree with them."""
    world = make_world(**PLAN)
    give_traffic(world, 40)

    assert export(world) == "Exported"

    for day in DAYS:
        requests = rows(world, "byRequest", day)
        expected = sorted(row["requestId"] for row in seen(world, day))
        assert sorted(row["requestId"] for row in requests) == expected
        assert len(requests) == 40
        for report in set(REPORTS) - {"byRequest", "byProduct", "bySubscription"}:
            assert sum(row["callCountTotal"] for row in rows(world, report, day)) == 40, report
        for report in ("byProduct", "bySubscription"):  # calls without a subscription are in neither
            named = sum(row["productId"] != "/products/-" for row in requests)
            assert sum(row["callCountTotal"] for row in rows(world, report, day)) >= named, report


def test_nothing_personal_and_no_key_is_written(make_world):
    """Not in the files, not in the history."""
    world = make_world(**PLAN)
    give_traffic(world, 10)
    export(world)

    files = [
        gzip.decompress(content).decode()
        for key, content in world.ports.records().written
        if key.endswith(".gz")
    ]
    (address, *_), (key, *_) = ([row[name] for row in seen(world, DAYS[0])] for name in ("ipAddress", "url"))
    for text in (address, key.partition("subscription-key=")[2], "customer=", "Administrator"):
        assert not any(text in content for content in files)
        assert text not in world.stored_state()


def test_pages_that_the_service_caps_are_all_read(make_world):
    """25 requests in pages of 7 at most, without nextLink; sums of 96 intervals with it."""
    world = make_world(**PLAN)
    give_traffic(world, 25, **{"simulator-report-rows-max": "7"})

    assert export(world) == "Exported"

    assert sorted(row["requestId"] for row in rows(world, "byRequest", DAYS[0])) == sorted(
        row["requestId"] for row in seen(world, DAYS[0])
    )
    assert sum(row["callCountTotal"] for row in rows(world, "byTime", DAYS[0])) == 25


def test_a_denied_right_is_one_fault_that_names_it(make_world):
    """403 from Azure Resource Manager: kept in the watermark with what to give."""
    world = make_world(**PLAN)
    right = "Microsoft.ApiManagement/service/reports/read"
    world.azure.simulator.control("POST", "rights", {"principal": "app", "deny": [right]})

    assert export(world) == "Failed"

    content, _ = world.ports.records().read(layout.usage_watermark_key(world.ports.first.name))
    (fault,) = Watermark.from_bytes(content).last.faults
    assert fault.code == "AuthorizationFailed"
    assert right in fault.hint


def test_faults_on_the_way_cost_nothing(make_world):
    """Throttled, failed and cut connections: the same files as without them."""
    world = make_world(**PLAN)
    give_traffic(world, 15)
    for fault in ({"status": 429, "headers": {"Retry-After": "30"}}, {"status": 503}, {"drop": "after"}):
        world.azure.fault("GET", "/reports/byRequest", times=1, **fault)

    assert export(world) == "Exported"
    assert world.azure.simulator.control("GET", "state")["faults"] == []  # each of them was met
    assert len(rows(world, "byRequest", DAYS[0])) == 15
