"""The reports: which queries they take, how they page, and that the same seed gives the same traffic."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.mgmt.apimanagement import ApiManagementClient

from tests.simulator.virtual import SERVICE, SERVICE_BODY, START, Stage

DAY = START.date() - dt.timedelta(days=1)
WINDOW = f"timestamp ge datetime'{DAY}T00:00:00' and timestamp le datetime'{DAY}T23:59:59'"
AGGREGATES = ("byApi", "byOperation", "byProduct", "byUser", "bySubscription", "byGeo", "byTime")


@pytest.fixture
def busy(stage: Stage) -> Iterator[Stage]:
    """A service with two APIs, three operations and one subscription, and 100 requests a day."""
    arm = stage.simulator.arm
    arm("PUT", SERVICE, {**SERVICE_BODY, "tags": {"simulator-requests-per-day": "100"}})
    for api in ("orders", "stock"):
        properties = {"displayName": api.title(), "path": api, "protocols": ["https"]}
        arm("PUT", f"{SERVICE}/apis/{api}", {"properties": properties})
    for api, name in (("orders", "get"), ("orders", "post"), ("stock", "get")):
        properties = {"displayName": name, "method": name.upper(), "urlTemplate": f"/{name}"}
        arm("PUT", f"{SERVICE}/apis/{api}/operations/{name}", {"properties": properties})
    yield stage


def ask(stage: Stage, report: str, filter_: str | None = WINDOW, **query: str) -> Any:
    """Ask for one report."""
    asked = {f"${name}" if name in {"top", "skip", "orderby"} else name: text for name, text in query.items()}
    if report == "byTime":
        asked = {"interval": "PT15M", **asked}
    if filter_ is not None:
        asked["$filter"] = filter_
    return stage.send("GET", f"{SERVICE}/reports/{report}", **asked)


def rows(stage: Stage, report: str, **query: str) -> list[dict[str, Any]]:
    """Return the rows of one answer."""
    answer = ask(stage, report, **query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


@pytest.mark.parametrize("report", [*AGGREGATES, "byRequest"])
def test_a_filter_is_required(busy: Stage, report: str) -> None:
    """Without $filter every report answers 400, and names it."""
    answer = ask(busy, report, None)

    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["target"] == "$filter"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"timestamp le datetime'{DAY}T00:00:00'", id="no-begin"),
        pytest.param(f"timestamp ge {DAY}T00:00:00Z", id="another-odata"),
        pytest.param(f"timestamp gt datetime'{DAY}T00:00:00'", id="gt"),
        pytest.param(f"timestamp ge datetime'{DAY}T00:00:00' and zip eq '0150'", id="column-of-no-filter"),
        pytest.param(f"timestamp ge datetime'{DAY}T00:00:00' or apiId eq '/apis/orders'", id="or"),
    ],
)
def test_a_filter_of_another_form_is_refused(busy: Stage, text: str) -> None:
    """Only ge and le with datetime'...', and eq on some columns, are known."""
    assert ask(busy, "byApi", text).status_code == 400


@pytest.mark.parametrize("interval", ["", "PT0M", "PT10M", "15", "PT15S"])
def test_by_time_needs_an_interval_of_quarters_of_hours(busy: Stage, interval: str) -> None:
    """Missing, zero, or no multiple of 15 minutes: 400."""
    assert ask(busy, "byTime", interval=interval).status_code == 400


def test_the_other_reports_need_no_interval(busy: Stage) -> None:
    """Only byTime has it."""
    assert ask(busy, "byApi").status_code == 200


@pytest.mark.parametrize(("name", "text"), [("top", "0"), ("top", "many"), ("skip", "-1")])
def test_top_and_skip_have_bounds(busy: Stage, name: str, text: str) -> None:
    """$top is 1 or more, $skip 0 or more."""
    assert ask(busy, "byApi", **{name: text}).status_code == 400


def test_an_open_window_is_answered(busy: Stage) -> None:
    """Without an end, and with one that is still to come, there is what has been shipped by now."""
    for text in (f"timestamp ge datetime'{DAY}T00:00:00'", f"timestamp ge datetime'{START.date()}T00:00:00'"):
        found = ask(busy, "byRequest", text).json()["value"]
        newest = max(row["timestamp"] for row in found)
        assert newest <= (START - dt.timedelta(minutes=5)).isoformat()
    assert ask(busy, "byRequest", f"timestamp ge datetime'{START.date()}T01:59:00'").json()["value"] == []


def test_both_ends_of_a_window_are_inside(busy: Stage) -> None:
    """ge and le, not gt and lt: one request is found by its own second on both sides."""
    first, *_ = rows(busy, "byRequest")
    second = first["timestamp"][:19]
    before = f"timestamp ge datetime'{second}' and timestamp le datetime'{first['timestamp'][:26]}'"

    assert first in ask(busy, "byRequest", before).json()["value"]


def test_entities_without_traffic_have_rows_of_zeros(busy: Stage) -> None:
    """A product that nobody uses is there; so is Anonymous among the users, whom `count` leaves out."""
    busy.simulator.arm("PUT", f"{SERVICE}/products/gold", {"properties": {"displayName": "Gold"}})
    (product,) = rows(busy, "byProduct")
    users = ask(busy, "byUser").json()

    assert (product["productId"], product["callCountTotal"], product["apiTimeAvg"]) == (
        "/products/gold",
        0,
        0,
    )
    assert [row["name"] for row in users["value"]] == ["Administrator", "Anonymous"]
    assert users["count"] == 1


def test_all_reports_sum_the_same_requests(busy: Stage) -> None:
    """Every aggregate of a day adds up to the rows of byRequest."""
    requests = rows(busy, "byRequest", top="1000")
    sums = {
        report: sum(row["callCountTotal"] for row in rows(busy, report))
        for report in ("byApi", "byOperation", "byUser", "byGeo", "byTime")
    }

    assert len(requests) > 90
    assert set(sums.values()) == {len(requests)}


def test_counts_follow_the_documented_meaning_of_statuses(busy: Stage) -> None:
    """Success, blocked, failed and other, by status."""
    requests = rows(busy, "byRequest", top="1000")
    blocked = sum(row["responseCode"] in (401, 403, 429) for row in requests)
    failed = sum(row["responseCode"] == 400 or row["responseCode"] >= 500 for row in requests)
    found = rows(busy, "byApi")

    assert sum(row["callCountBlocked"] for row in found) == blocked
    assert sum(row["callCountFailed"] for row in found) == failed


def test_requests_have_the_recorded_columns(busy: Stage) -> None:
    """The columns of a recording, personal data among them."""
    row = rows(busy, "byRequest")[0]

    assert set(row) == {
        "apiId", "operationId", "productId", "userId", "method", "url", "ipAddress", "backendResponseCode",
        "responseCode", "responseSize", "timestamp", "cache", "apiTime", "serviceTime", "apiRegion",
        "subscriptionId", "requestId", "requestSize",
    }  # fmt: skip
    assert "?customer=" in row["url"]


def test_by_time_has_a_row_for_each_interval_with_traffic(busy: Stage) -> None:
    """Timestamps are the begins of intervals, and the interval is written as it is documented."""
    found = rows(busy, "byTime", interval="PT1H")

    assert {row["interval"] for row in found} == {"PT60M"}
    assert all(row["timestamp"].endswith(":00:00Z") for row in found)
    assert len({row["timestamp"] for row in found}) == len(found) == 24


def test_sums_page_with_next_link(busy: Stage) -> None:
    """A page of $top rows carries the address of the next one, the last page null."""
    answer = ask(busy, "byTime", top="30").json()
    found = list(answer["value"])
    while answer["nextLink"]:
        answer = busy.send("GET", answer["nextLink"]).json()
        found += answer["value"]

    assert len(answer["value"]) < 30
    assert found == rows(busy, "byTime")


def test_requests_page_with_skip_only(busy: Stage) -> None:
    """byRequest has no nextLink at all; $skip goes on, and beyond the end there is an empty page."""
    pages = [ask(busy, "byRequest", top="40", skip=str(skip)).json() for skip in (0, 40, 80, 120)]

    assert all("nextLink" not in page for page in pages)
    assert [page["count"] for page in pages] == [len(page["value"]) for page in pages]
    ids = [row["requestId"] for page in pages for row in page["value"]]
    assert len(set(ids)) == len(ids) == len(rows(busy, "byRequest"))
    assert pages[-1]["value"] == []


def test_a_service_can_cap_its_pages_without_a_word(busy: Stage) -> None:
    """The tag stands for a bound of $top that nobody has published."""
    tags = {"simulator-requests-per-day": "100", "simulator-report-rows-max": "7"}
    busy.simulator.arm("PUT", SERVICE, {**SERVICE_BODY, "tags": tags})

    assert ask(busy, "byRequest", top="50").json()["count"] == 7


def test_the_same_seed_gives_the_same_traffic(busy: Stage) -> None:
    """Asked twice the rows are equal; another seed makes other ones."""
    first, second = rows(busy, "byRequest"), rows(busy, "byRequest")
    tags = {"simulator-requests-per-day": "100", "simulator-traffic-seed": "another"}
    busy.simulator.arm("PUT", SERVICE, {**SERVICE_BODY, "tags": tags})
    other = rows(busy, "byRequest")

    assert first == second
    assert {row["requestId"] for row in first}.isdisjoint(row["requestId"] for row in other)


def test_a_filter_narrows_to_one_api(busy: Stage) -> None:
    """eq on a column leaves the rows of that entity."""
    found = ask(busy, "byRequest", f"{WINDOW} and apiId eq '/apis/orders'").json()["value"]

    assert {row["apiId"] for row in found} == {"/apis/orders"}
    assert len(found) < len(rows(busy, "byRequest"))


def test_orderby_sorts_where_it_is_known(busy: Stage) -> None:
    """byApi sorts by its counts; byRequest has no such parameter and stays as it is."""
    found = rows(busy, "byOperation", orderby="callCountTotal desc")
    totals = [row["callCountTotal"] for row in found]

    assert totals == sorted(totals, reverse=True)
    assert rows(busy, "byRequest", orderby="timestamp desc") == rows(busy, "byRequest")
    assert ask(busy, "byTime", orderby="callCountTotal").status_code == 400


def test_reports_need_their_own_right(busy: Stage) -> None:
    """One right for all of them: service/reports/read."""
    right = "Microsoft.ApiManagement/service/reports/read"
    busy.simulator.control("POST", "rights", {"principal": "app", "deny": [right]})
    answer = ask(busy, "byApi")

    assert answer.status_code == 403
    assert right in answer.json()["error"]["message"]


def test_an_unknown_report_is_not_found(busy: Stage) -> None:
    """Eight reports, and nothing else below them."""
    assert ask(busy, "byMoon").status_code == 404


def test_tiers_without_built_in_analytics_have_no_reports(busy: Stage) -> None:
    """Consumption and v2 tiers are refused."""
    busy.simulator.arm("PATCH", SERVICE, {"sku": {"name": "StandardV2", "capacity": 1}})

    assert ask(busy, "byApi").status_code == 400


class Credential:
    """A token of the simulator, as azure-core wants it."""

    def __init__(self, stage: Stage) -> None:
        self._text = stage.simulator.authorization().removeprefix("Bearer ")

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._text, int(dt.datetime.now(dt.UTC).timestamp()) + 3000)


def test_the_official_sdk_reads_every_report(busy: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unmodified, with its own paging: sums over all pages, requests of one page only."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", busy.simulator.ca)
    parts = SERVICE.split("/")
    sdk = ApiManagementClient(
        Credential(busy),
        parts[2],
        base_url=busy.simulator.https_url,
        credential_scopes=[f"{busy.simulator.https_url}/.default"],
    )
    reports, where = sdk.reports, (parts[4], parts[8])
    times = list(reports.list_by_time(*where, WINDOW, dt.timedelta(minutes=15), top=10))
    found = {
        "byApi": list(reports.list_by_api(*where, WINDOW)),
        "byOperation": list(reports.list_by_operation(*where, WINDOW, top=1)),
        "byUser": list(reports.list_by_user(*where, WINDOW)),
        "byGeo": list(reports.list_by_geo(*where, WINDOW)),
    }
    requests = list(reports.list_by_request(*where, WINDOW, top=20))

    assert len(times) == len(rows(busy, "byTime")) > 10
    assert len({sum(row.call_count_total for row in some) for some in found.values()}) == 1
    assert len(requests) == 20
