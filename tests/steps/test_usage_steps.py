"""The steps of an export: reading a report to its end, writing a day whole, moving the watermark after it."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import telemetry
from shared.core import layout, names, usage
from shared.core.errors import (
    AccessError,
    ConflictError,
    NotFoundError,
    PermanentError,
    ProtocolError,
    ThrottledError,
    UnavailableError,
)
from shared.core.usage import Watermark
from shared.core.usage_fleet import UsageEnd
from shared.core.usage_rows import line_of
from shared.usage_reports import PAGE_ROWS, PAGE_ROWS_MIN, read_report
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.fakes.reports import FakeReports
from tests.steps.conftest import run
from usage_timer import activities, day_file, start
from usage_timer.day_file import DayFile, Weight

DAY = START.date() - dt.timedelta(days=1)
EARLIER = DAY - dt.timedelta(days=1)


def ports_with(**settings):
    """Return ports whose plan exports these reports of its one service."""
    export = {"reports": ["byApi", "byRequest"], "firstDays": 2} | settings
    return FakePorts(plan_json(defaults={"usage": export}))


@pytest.fixture
def ports():
    """The ports of an app that exports sums by API and requests."""
    return ports_with()


@pytest.fixture
def reports(ports):
    """The reports of its service."""
    return FakeReports(ports.arm, ports.first.ref)


@pytest.fixture
def logged(monkeypatch):
    """What is logged, as (event, fields)."""
    found = []
    monkeypatch.setattr(
        telemetry, "log", lambda event, level=0, **fields: found.append((event.value, fields))
    )
    return found


def export(ports, report="byRequest", day=DAY):
    """Export one day and return the step's result."""
    wish = {"v": 1, "service": "contoso", "report": report, "day": day.isoformat()}
    return activities.export_usage_day(wish, ports)


def file_of(ports, report="byRequest", day=DAY):
    """Return the rows that lie in a day's file."""
    content, _ = ports.records().read(layout.usage_key("contoso", report, day))
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


def watermark_of(ports):
    """Return the watermark."""
    return Watermark.from_bytes(ports.records().read(layout.usage_watermark_key("contoso"))[0])


def keys(ports):
    """Return all blobs of the export."""
    return list(ports.records().keys(layout.USAGE))


def fail(ports, method, error, after=0):
    """Let the next call of a method of the records fail, or the one after some others."""
    ports.records().faults[method].extend([None] * after + [error])


# A day.


def test_a_day_becomes_a_file_and_then_the_watermark_moves(ports, reports):
    """Sorted rows of exactly that day, and the mark at it."""
    result = export(ports)

    times = [row["timestamp"] for row in file_of(ports)]
    assert (result["state"], result["value"]) == ("done", {"rows": 5, "stored": "written"})
    assert len(times) == 5
    assert {time[:10] for time in times} == {DAY.isoformat()}
    assert watermark_of(ports).mark("byRequest").through == DAY
    assert [key for key, _ in ports.records().written] == [
        layout.usage_key("contoso", "byRequest", DAY),
        layout.usage_watermark_key("contoso"),
    ]


def test_a_request_at_midnight_is_in_one_day(ports, reports):
    """Azure shows it to both, because both ends of a window are inside."""
    export(ports, day=EARLIER)
    export(ports)

    found = [row["requestId"] for day in (EARLIER, DAY) for row in file_of(ports, day=day)]
    assert len(found) == len(set(found)) == 10
    assert file_of(ports)[0]["timestamp"] == f"{DAY}T00:00:00Z"


def test_an_empty_day_is_a_file_without_rows(ports, reports):
    """Exported and empty is something else than not exported."""
    reports.put("byRequest", DAY, [])

    export(ports)

    mark = watermark_of(ports).mark("byRequest")
    assert file_of(ports) == []
    assert (mark.through, mark.oldest_with_calls) == (DAY, None)


def test_the_same_day_again_is_not_written_again(ports, reports):
    """Neither file nor watermark."""
    export(ports)
    before = len(ports.records().written)

    assert export(ports)["value"] == {"rows": 5, "stored": "same"}
    assert len(ports.records().written) == before


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_does_not_matter(ports, reports, seed):
    """Azure promises none; the same rows give the same bytes."""
    export(ports)
    rows = list(reports.rows("byRequest", DAY))
    random.Random(seed).shuffle(rows)
    reports.put("byRequest", DAY, rows)

    assert export(ports)["value"]["stored"] == "same"


def test_late_rows_replace_the_file(ports, reports):
    """The overlap is there for them."""
    late = {"requestId": "late", "timestamp": f"{DAY}T23:59:59.9Z"}
    export(ports)
    reports.put("byRequest", DAY, [*reports.rows("byRequest", DAY), late])

    assert export(ports)["value"] == {"rows": 6, "stored": "written"}
    assert file_of(ports)[-1] == late


def test_a_day_with_fewer_rows_leaves_the_file(ports, reports, logged):
    """What Azure forgets is not forgotten here, and the export says so."""
    export(ports)
    reports.put("byRequest", DAY, reports.rows("byRequest", DAY)[:2])

    assert export(ports)["value"] == {"rows": 2, "stored": "kept"}
    assert len(file_of(ports)) == 5
    assert ("usage.day_kept", "byRequest") in [(event, fields.get("report")) for event, fields in logged]


def sums(**calls):
    """Return rows of byApi."""
    return [{"apiId": f"/apis/{name}", "callCountTotal": number} for name, number in calls.items()]


def test_a_day_with_fewer_rows_and_more_calls_adds_to_the_file(ports, reports, logged):
    """Late calls of one API come in although Azure shows another one no longer; neither is lost."""
    reports.put("byApi", DAY, sums(a=400, b=500))
    export(ports, "byApi")
    reports.put("byApi", DAY, sums(a=1100))

    assert export(ports, "byApi")["value"] == {"rows": 1, "stored": "united"}
    assert file_of(ports, "byApi") == sums(a=1100, b=500)
    assert [event for event, _ in logged] == ["usage.day_kept"]


def test_a_day_with_more_rows_and_fewer_calls_adds_to_the_file(ports, reports):
    """A row of zeros takes no calls out of the file, and a row that is new comes in."""
    reports.put("byApi", DAY, sums(a=900))
    export(ports, "byApi")
    reports.put("byApi", DAY, sums(a=0, b=7))

    assert export(ports, "byApi")["value"]["stored"] == "united"
    assert file_of(ports, "byApi") == sums(a=900, b=7)


def test_a_day_that_was_united_is_not_written_again(ports, reports):
    """The same answer once more changes nothing: the file holds it."""
    reports.put("byApi", DAY, sums(a=400, b=500))
    export(ports, "byApi")
    reports.put("byApi", DAY, sums(a=1100, c=1))
    export(ports, "byApi")
    before = file_of(ports, "byApi")

    assert export(ports, "byApi")["value"]["stored"] == "kept"
    assert file_of(ports, "byApi") == before == sums(a=1100, b=500, c=1)


def test_an_api_with_another_name_is_not_counted_twice(ports, reports):
    """Its id says what the row is about; Azure shows the name of today for every day."""
    reports.put("byApi", DAY, [{"apiId": "/apis/a", "name": "Old", "callCountTotal": 5}])
    export(ports, "byApi")
    reports.put("byApi", DAY, [{"apiId": "/apis/a", "name": "New", "callCountTotal": 5}])

    assert export(ports, "byApi")["value"]["stored"] == "written"
    assert [row["name"] for row in file_of(ports, "byApi")] == ["New"]


@pytest.mark.parametrize("keeps", [True, False], ids=["kept-from-now-on", "dropped-from-now-on"])
def test_another_word_on_personal_data_doubles_no_row(keeps):
    """The day of overlap has each row once, and personal data only where the plan keeps it now."""
    rows = [{"subscriptionId": "/s/1", "userId": "/users/1", "callCountTotal": number} for number in (9, 3)]
    before, after = ports_with(keepPersonalData=not keeps), ports_with(keepPersonalData=keeps)
    after.storage = before.storage
    for one, shown in ((before, rows), (after, rows[:1])):
        FakeReports(one.arm, one.first.ref).put("bySubscription", DAY, shown)
        export(one, "bySubscription")

    (row,) = file_of(after, "bySubscription")
    assert (row["callCountTotal"], "userId" in row) == (9, keeps)


def test_a_day_that_would_be_too_large_together_leaves_the_file(ports, reports, monkeypatch):
    """It is listed as missing, never cut."""
    reports.put("byApi", DAY, sums(a=1, b=2))
    export(ports, "byApi")
    reports.put("byApi", DAY, sums(c=3))
    monkeypatch.setattr(activities, "DayFile", lambda: DayFile(rows_max=2))

    assert export(ports, "byApi")["value"]["missing"]["code"] == "UsageDayTooLarge"
    assert file_of(ports, "byApi") == sums(a=1, b=2)


def test_rows_that_differ_in_what_is_dropped_only_are_all_written(ports, reports):
    """Two owners of one subscription, as Azure gives them: their calls add up in the file as well."""
    rows = [
        {"subscriptionId": "/s/app", "userId": f"/users/{number}", "callCountTotal": calls}
        for number, calls in ((1, 70), (2, 30))
    ]
    reports.put("bySubscription", DAY, rows)

    assert export(ports, "bySubscription")["value"]["rows"] == 2
    found = file_of(ports, "bySubscription")
    assert sum(row["callCountTotal"] for row in found) == 100
    assert not any("userId" in row for row in found)


def test_rows_of_zeros_leave_the_file(ports, reports):
    """Azure shows every API of a day that it has forgotten, with zeros: not less rows, but less calls."""
    export(ports, "byApi")
    before = file_of(ports, "byApi")
    forgotten = [row | {"callCountTotal": 0, "bandwidth": 0} for row in reports.rows("byApi", DAY)]
    reports.put("byApi", DAY, forgotten)

    assert export(ports, "byApi")["value"] == {"rows": 2, "stored": "kept"}
    assert file_of(ports, "byApi") == before


def test_a_day_of_zeros_is_no_day_with_calls(ports, reports):
    """The marks tell how far Azure's memory goes back, and rows of zeros say nothing about that."""
    reports.put("byApi", EARLIER, [{"apiId": "/apis/a", "callCountTotal": 0}])
    export(ports, "byApi", EARLIER)
    export(ports, "byApi")

    mark = watermark_of(ports).mark("byApi")
    assert (mark.oldest_with_calls, mark.newest_with_calls) == (DAY, DAY)


def test_as_many_rows_with_other_content_replace_the_file(ports, reports):
    """Counts that were corrected are taken."""
    export(ports, "byApi")
    rows = [row | {"bandwidth": 7} for row in reports.rows("byApi", DAY)]
    reports.put("byApi", DAY, rows)

    assert export(ports, "byApi")["value"]["stored"] == "written"
    assert {row["bandwidth"] for row in file_of(ports, "byApi")} == {7}


def test_personal_data_is_not_written_unless_the_plan_keeps_it(reports, ports):
    """Neither the address, nor the user, nor the query of the URL; with the plan's word all but the key."""
    export(ports)
    keeping = ports_with(keepPersonalData=True)
    FakeReports(keeping.arm, keeping.first.ref)
    export(keeping)

    row, kept = file_of(ports)[0], file_of(keeping)[0]
    assert {"ipAddress", "userId"}.isdisjoint(row)
    assert row["url"] == "https://contoso.azure-api.net/orders"
    assert (kept["ipAddress"], kept["userId"]) == ("192.0.2.7", "/users/7")
    assert kept["url"].endswith("?customer=***&subscription-key=***")


# Paging.


def ids(rows):
    """Return the ids of rows."""
    return sorted(row["requestId"] for row in rows)


@pytest.mark.parametrize("page_max", [1, 2, 4, 5, 7])
def test_a_cap_of_pages_that_nobody_announced_cuts_nothing(ports, reports, page_max):
    """A short page of byRequest is not the last one; only an empty one is."""
    reports.page_max = page_max

    export(ports)

    assert ids(file_of(ports)) == ids(reports.rows("byRequest", DAY))


def test_rows_that_come_twice_are_one(ports, reports):
    """Pages may overlap where the order is not promised."""
    reports.page_max, reports.repeats = 2, True

    assert export(ports)["value"]["rows"] == 5
    assert ids(file_of(ports)) == ids(reports.rows("byRequest", DAY))


def test_sums_are_read_with_one_question(ports, reports):
    """Their nextLink is followed by the port; a short list without one is the end."""
    export(ports, "byApi")

    assert [report for report, _ in reports.asked] == ["byApi"]
    assert reports.asked[0][1]["$top"] == str(PAGE_ROWS)


def test_a_page_of_sums_that_is_just_full_is_not_taken_for_the_end(ports):
    """A service that stops at $top without a nextLink is asked for more."""
    rows = [{"apiId": f"/apis/{number}", "callCountTotal": 1} for number in range(PAGE_ROWS + 1)]
    answers = {"0": rows[:PAGE_ROWS], str(PAGE_ROWS): rows[PAGE_ROWS:]}
    path = f"{ports.first.resource_id}/reports/byApi".lower()
    ports.arm.resources[path] = lambda query: answers[query["$skip"]]

    assert export(ports, "byApi")["value"]["rows"] == PAGE_ROWS + 1


def test_an_answer_that_cannot_be_read_is_asked_for_in_smaller_pages(ports):
    """Too many bytes, or a $top that the service refuses: both are unknown, and both mend themselves."""
    asked = []

    def answer(query):
        top, skip = int(query["$top"]), int(query["$skip"])
        asked.append(top)
        rows = [{"requestId": f"{number}"} for number in range(700)]
        return ProtocolError("400") if top > 500 else rows[skip : skip + top]

    ports.arm.resources[f"{ports.first.resource_id}/reports/byRequest".lower()] = answer

    assert export(ports)["value"]["rows"] == 700
    assert asked == [2000, 500, 500, 500]


def test_an_answer_that_is_never_readable_makes_the_day_missing(ports, reports):
    """After the smallest page it is the day's own fault."""
    reports.faults["byRequest"] = ProtocolError("400 BadRequest", code="BadRequest")

    result = export(ports)

    assert result["value"]["missing"]["code"] == "BadRequest"
    assert [int(query["$top"]) for _, query in reports.asked] == [PAGE_ROWS, 500, PAGE_ROWS_MIN]


def test_a_service_that_ignores_skip_is_found_out(ports):
    """The same full page for ever is no report: the day is missing, and the loop ends."""
    rows = [{"requestId": str(number)} for number in range(PAGE_ROWS)]
    ports.arm.resources[f"{ports.first.resource_id}/reports/byRequest".lower()] = lambda _query: rows

    assert export(ports)["value"]["missing"]["code"] == "PagesRepeat"
    assert keys(ports) == [layout.usage_watermark_key("contoso")]


def test_a_service_that_ignores_top_and_skip_ends_with_all_its_rows(ports):
    """A page that is not full and brings nothing new is the end."""
    rows = [{"requestId": str(number)} for number in range(30)]
    ports.arm.resources[f"{ports.first.resource_id}/reports/byRequest".lower()] = lambda _query: rows

    assert export(ports)["value"]["rows"] == 30


def test_another_origin_in_a_list_is_not_asked_again(ports, reports):
    """No smaller page mends a nextLink that leads elsewhere."""
    reports.faults["byApi"] = ProtocolError("elsewhere", code="ForeignLocation")

    export(ports, "byApi")

    assert len(reports.asked) == 1


def test_rows_are_handed_on_one_by_one(ports, reports):
    """Nothing is collected by the reader."""
    taken = []
    read_report(ports.arm, ports.first.ref, "byRequest", DAY, lambda row: taken.append(row) is None)

    assert len(taken) == 6  # with the request of the next midnight


# Faults.


def test_throttling_is_waited_for_as_azure_asks(ports, reports):
    """429 with a time: the step comes back after it."""
    reports.faults["byRequest"] = ThrottledError("slow down", retry_after_s=17)

    result = export(ports)

    assert (result["state"], result["retryAfterS"]) == ("retry", 17)
    assert keys(ports) == []


def test_a_missing_right_ends_the_service_and_names_the_right(ports, reports):
    """REFUSED, with the action that has to be given."""
    reports.faults["byRequest"] = AccessError("no", code="AuthorizationFailed")

    result = export(ports)

    assert (result["state"], result["outcome"]) == ("end", "Refused")
    assert result["fault"]["code"] == "AuthorizationFailed"
    assert "Microsoft.ApiManagement/service/reports/read" in result["fault"]["hint"]
    assert keys(ports) == []


def test_a_report_that_is_not_there_ends_the_report(ports, reports):
    """404 is no fault of one day: nothing is listed as missing, and the mark stays."""
    reports.faults["byRequest"] = NotFoundError("404", code="ResourceNotFound")

    result = export(ports)

    assert (result["state"], result["outcome"]) == ("end", "Failed")
    assert keys(ports) == []


def test_a_missing_day_is_listed_with_its_reason_and_found_later(ports, reports, logged):
    """It is on the watermark's list until it is exported."""
    reports.faults["byRequest"] = ProtocolError("broken", code="Broken")
    export(ports)
    (missing,) = watermark_of(ports).mark("byRequest").missing
    del reports.faults["byRequest"]
    export(ports)

    assert (missing.day, missing.fault.code, missing.tries) == (DAY, "Broken", 1)
    assert watermark_of(ports).mark("byRequest").missing == ()
    assert [event for event, _ in logged] == ["usage.day_missing"]


def test_a_full_list_of_missing_days_stops_the_report_and_forgets_none(ports, reports, monkeypatch):
    """The mark stays where it is, so that the day that found no place on the list comes again."""
    monkeypatch.setattr(usage, "MISSING_MAX", 1)
    reports.faults["byRequest"] = ProtocolError("broken", code="Broken")
    export(ports, day=EARLIER)
    reports.faults["byRequest"] = ProtocolError("other", code="Other")

    result = export(ports)

    assert (result["state"], result["outcome"]) == ("end", "Failed")
    assert result["fault"]["code"] == "UsageTooManyMissing"
    mark = watermark_of(ports).mark("byRequest")
    assert (mark.through, [item.day for item in mark.missing]) == (EARLIER, [EARLIER])
    assert EARLIER + dt.timedelta(days=1) == DAY
    assert DAY.isoformat() == spans(ports)["value"]["spans"][1]["through"]


@pytest.mark.parametrize("limit", ["ROWS_MAX", "CONTENT_LENGTH_MAX"])
def test_a_day_that_is_too_large_is_a_clear_fault_and_no_cut(ports, reports, monkeypatch, limit):
    """Too many rows or bytes: no file at all, and the day is listed."""
    monkeypatch.setattr(activities, "DayFile", lambda: DayFile(**LIMITS[limit]))

    result = export(ports)

    assert result["value"]["missing"]["code"] == "UsageDayTooLarge"
    assert keys(ports) == [layout.usage_watermark_key("contoso")]


LIMITS = {"ROWS_MAX": {"rows_max": 4}, "CONTENT_LENGTH_MAX": {"length_max": 10}}


def test_a_day_that_takes_too_long_is_a_clear_fault(ports, reports):
    """The host would end the function, and begin it again, for ever."""
    path = f"{ports.first.resource_id}/reports/byRequest".lower()
    answer = ports.arm.resources[path]

    def slowly(query):
        ports.clock.advance(activities.STEP_S_MAX + 1)
        return answer(query)

    ports.arm.resources[path] = slowly

    assert export(ports)["value"]["missing"]["code"] == "UsageDayTooLarge"


def test_a_day_whose_former_file_takes_too_long_to_read_leaves_it(ports, reports, monkeypatch):
    """The time of the step is over after Azure's answer: nothing is written, and the day is listed."""
    reports.put("byApi", DAY, sums(a=1, b=2))
    export(ports, "byApi")
    reports.put("byApi", DAY, sums(a=3))
    content = DayFile.content
    monkeypatch.setattr(
        DayFile, "content", lambda file: ports.clock.advance(activities.STEP_S_MAX + 1) or content(file)
    )

    assert export(ports, "byApi")["value"]["missing"]["code"] == "UsageDayTooLarge"
    assert file_of(ports, "byApi") == sums(a=1, b=2)


def test_a_file_that_is_not_ours_is_not_overwritten(ports, reports):
    """What somebody put there stays, and the day is listed."""
    key = layout.usage_key("contoso", "byRequest", DAY)
    ports.records().put(key, b"not gzip")

    assert export(ports)["value"]["missing"]["code"] == "UsageFileUnreadable"
    assert ports.records().read(key)[0] == b"not gzip"


@pytest.mark.parametrize("method", ["create", "replace"])
def test_a_file_that_somebody_else_wrote_just_now_is_tried_again(ports, reports, method):
    """Two exports of one day do not overwrite one another unseen."""
    if method == "replace":
        reports.put("byRequest", DAY, [])
        export(ports)
        reports.put("byRequest", DAY, [{"requestId": "a"}])
    fail(ports, method, ConflictError("taken"))

    assert export(ports)["state"] == "retry"
    assert export(ports)["value"]["stored"] == "written"


def test_storage_that_is_down_is_waited_for(ports, reports):
    """Nothing is lost by it."""
    fail(ports, "create", UnavailableError("ServerBusy"))

    assert export(ports)["state"] == "retry"
    assert keys(ports) == []


def test_the_watermark_stays_where_the_file_could_not_be_written(ports, reports):
    """It never says more than there is."""
    fail(ports, "create", UnavailableError("ServerBusy"), after=1)  # the file passes, the watermark does not

    assert export(ports)["state"] == "retry"
    assert keys(ports) == [layout.usage_key("contoso", "byRequest", DAY)]


def test_a_change_of_the_watermark_meanwhile_is_not_lost(ports, reports):
    """It is read again, and changed again."""
    export(ports, "byApi")
    fail(ports, "replace", ConflictError("changed"))

    export(ports)

    assert set(watermark_of(ports).reports) == {"byApi", "byRequest"}


def test_a_service_that_left_the_plan_meanwhile_ends(ports, reports):
    """Its export has nothing to go by."""
    wish = {"v": 1, "service": "gone", "report": "byApi", "day": DAY.isoformat()}

    assert activities.export_usage_day(wish, ports)["fault"]["code"] == "ServiceNotFound"


# The days of a service.


def spans(ports):
    """Return what is due for the service."""
    return activities.plan_service_usage({"service": "contoso"}, ports)


def test_the_first_export_asks_for_the_days_of_the_plan(ports, reports):
    """firstDays of each report."""
    found = spans(ports)["value"]["spans"]

    assert [(span["report"], span["first"], span["through"]) for span in found] == [
        (report, EARLIER.isoformat(), DAY.isoformat()) for report in ("byApi", "byRequest")
    ]


def test_a_service_without_usage_in_the_plan_has_nothing_due():
    """usage absent: nothing is exported."""
    assert spans(FakePorts())["value"] == {"spans": []}


def test_null_takes_a_service_out_of_the_defaults():
    """One service can do without what the others have."""
    plan = plan_json(("contoso", "other"), defaults={"usage": {}})
    plan["services"][0]["usage"] = None

    assert [service.usage is None for service in FakePorts(plan).plan.services] == [True, False]


def given_to_another(ports):
    """Return the ports of an app whose plan has given the name to another service."""
    plan = ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    plan["services"][0]["resourceId"] += "-new"
    return FakePorts(plan, storage=ports.storage)


def test_files_of_another_service_are_not_gone_on_with(ports, reports):
    """The name was given to another service: its counts must not be mixed with the former one's."""
    export(ports)

    result = spans(given_to_another(ports))

    assert (result["state"], result["fault"]["code"]) == ("end", "UsageSourceChanged")


def test_a_watermark_that_cannot_be_read_ends_with_its_name(ports):
    """It is not taken for a first export."""
    ports.records().put(layout.usage_watermark_key("contoso"), b"{")

    assert layout.usage_watermark_key("contoso") in spans(ports)["fault"]["message"]


# The ends.


def end(ports, **changes):
    """Write down how an export ended."""
    facts = {"run_id": "r", "service": "contoso", "requested_at": START, "outcome": "Exported", "days": 2}
    return activities.end_service_usage(UsageEnd(**facts | changes).to_json(), ports)


def test_the_result_is_kept_in_the_watermark_and_logged(ports, logged):
    """Word, days and rows of the last export."""
    end(ports, rows=9)

    last = watermark_of(ports).last
    assert (last.outcome, last.days, last.rows, last.ended_at) == ("Exported", 2, 9, START)
    assert logged[-1][0] == "usage.exported"
    assert (logged[-1][1]["outcome"], logged[-1][1]["rows"]) == ("Exported", 9)


def test_the_result_leaves_the_marks_as_they_are(ports, reports):
    """It is about the last export only."""
    export(ports)
    end(ports)

    assert watermark_of(ports).mark("byRequest").through == DAY


def test_the_result_is_not_written_into_the_files_of_another_service(ports, reports):
    """A service that took over a name leaves the former one's watermark alone."""
    export(ports)
    before = watermark_of(ports)
    end(given_to_another(ports), outcome="Failed")

    assert watermark_of(ports) == before


@pytest.mark.parametrize("watermark", [b"{", None])
def test_a_result_that_cannot_be_kept_is_logged_all_the_same(ports, logged, watermark):
    """The watermark is broken, or the container gone: the log has an error, and the export ends."""
    if watermark:
        ports.records().put(layout.usage_watermark_key("contoso"), watermark)
    else:
        ports.records().is_there = False

    assert end(ports)["state"] == "done"
    event, fields = logged[-1]
    assert (event, fields["outcome"]) == ("usage.exported", "Exported")
    assert fields["code"]


def test_the_fleet_is_the_services_of_the_own_region_that_are_exported():
    """Not those of another region, and not those without usage."""
    plan = plan_json(("one", "two", "three"), defaults={"usage": {}}, concurrency=4)
    plan["services"][1]["usage"] = None
    plan["services"][2] |= {"region": "northeurope"}
    plan["services"][2].pop("standby")
    wish = {"v": 1, "requestedAt": START.isoformat(), "intervals": {}}

    value = activities.plan_usage(wish, FakePorts(plan))["value"]

    assert (value["waiting"], value["concurrency"]) == (["one"], 4)


# The timer.


def test_the_timer_starts_the_export(ports, client):
    """One orchestration, with the waiting times of the app."""
    run(start.start(client, ports))

    ((name, instance, wish),) = client.started
    assert (name, instance) == ("export_usage", usage.FLEET_INSTANCE)
    assert wish["requestedAt"] == START.isoformat()


def test_the_timer_starts_nothing_while_the_last_export_runs(ports, client, logged):
    """Two at once would only ask Azure twice."""
    client.put(usage.FLEET_INSTANCE, "Running")

    run(start.start(client, ports))

    assert client.started == []
    assert [event for event, _ in logged] == ["usage.already_running"]


@pytest.mark.parametrize("status", ["Completed", "Failed", "Terminated"])
def test_the_timer_starts_again_after_an_end(ports, client, status):
    """However the last one ended."""
    client.put(usage.FLEET_INSTANCE, status)

    run(start.start(client, ports))

    assert len(client.started) == 1


def test_a_plan_without_usage_starts_nothing(client):
    """Not even an orchestration that finds nothing to do."""
    run(start.start(client, FakePorts()))

    assert client.started == []


def wish_for(ports, requested_at=START):
    """Return the wish of one service."""
    return {"service": "contoso", "requestedAt": requested_at.isoformat(), "intervals": {}}


def test_one_service_is_started_on_an_instance_of_its_own(ports, client):
    """Its id is made of the ARM id, so that two exports of one service exclude each other."""
    answer = run(start.start_usage_export(wish_for(ports), client, ports))

    instance = usage.service_instance(ports.first.resource_id)
    assert answer == {
        "v": 1,
        "started": True,
        "runId": usage.run_id("contoso", START),
        "instanceId": instance,
    }
    assert [started[:2] for started in client.started] == [("export_service_usage", instance)]


@pytest.mark.parametrize("status", ["Running", "Completed"])
def test_the_same_wish_twice_is_one_export(ports, client, status):
    """Whether it is at work or has ended: the activity may run more than once."""
    first = run(start.start_usage_export(wish_for(ports), client, ports))
    client.put(first["instanceId"], status, input_=client.started[0][2])

    assert run(start.start_usage_export(wish_for(ports), client, ports)) == first
    assert len(client.started) == 1


def test_another_export_of_the_service_at_work_is_waited_for(ports, client):
    """Nothing is started beside it."""
    client.put(usage.service_instance(ports.first.resource_id), "Running", input_={"runId": "another"})

    assert run(start.start_usage_export(wish_for(ports), client, ports))["started"] is False
    assert client.started == []


def look(client, **state):
    """Look at one export whose instance is like this."""
    client.put("use-1", **state)
    active = {"service": "contoso", "runId": "r", "instanceId": "use-1"}
    (found,) = run(start.usage_states({"runs": [active]}, client))["runs"]
    return found["outcome"], found["driven"]


def test_a_look_tells_whether_an_export_is_driven_and_how_it_ended(client):
    """At work, lost, taken over by another one, and ended."""
    assert look(client, status="Running", input_={"runId": "r"}) == (None, True)
    assert look(client, status="Failed", input_={"runId": "r"}) == (None, False)
    assert look(client, status="Running", input_={"runId": "another"}) == (None, False)
    client.put("use-1", "Completed", input_={"runId": "r"})
    client.instances["use-1"].output = {"runId": "r", "outcome": "Incomplete"}
    active = {"service": "contoso", "runId": "r", "instanceId": "use-1"}
    (found,) = run(start.usage_states({"runs": [active]}, client))["runs"]
    assert (found["outcome"], found["driven"]) == ("Incomplete", False)


# The file itself.


def lines(*rows):
    """Return rows of byRequest as lines."""
    return [line_of("byRequest", row, DAY, keep_personal_data=False) for row in rows]


def content_of(*rows):
    """Return the file of some rows."""
    with DayFile() as file:
        for line in lines(*rows):
            file.add(line)
        return file.content()


def test_the_same_rows_give_the_same_bytes():
    """No time and no name stand in gzip's header, and the order is that of the times."""
    rows = [{"requestId": f"{number}", "timestamp": f"{DAY}T0{number % 10}:00:00Z"} for number in range(50)]
    shuffled = random.Random(7).sample(rows, len(rows))

    assert content_of(*rows) == content_of(*shuffled)
    assert content_of(*rows)[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_of_two_rows_of_one_request_the_same_one_stays_whatever_came_first():
    """The choice does not depend on the order."""
    one, two = {"requestId": "a", "apiTime": 1}, {"requestId": "a", "apiTime": 2}

    assert content_of(one, two) == content_of(two, one)


def test_adding_tells_whether_a_row_is_new():
    """The reader ends by it."""
    first, same = lines({"requestId": "a"}, {"requestId": "a"})
    with DayFile() as file:
        assert (file.add(first), file.add(same), file.rows) == (True, False, 1)


def test_a_day_at_the_bound_is_written():
    """The bound itself is allowed."""
    with DayFile(rows_max=2) as file:
        for line in lines({"requestId": "a"}, {"requestId": "b"}, {"requestId": "b"}):
            file.add(line)
        with pytest.raises(PermanentError) as caught:
            file.add(lines({"requestId": "c"})[0])
    assert caught.value.code == "UsageDayTooLarge"


def by_api(*numbers):
    """Return rows of one API as lines, one for each (name, calls)."""
    rows = [{"apiId": "/apis/a", "name": name, "callCountTotal": calls} for name, calls in numbers]
    return [line_of("byApi", row, DAY, keep_personal_data=False) for row in rows]


def united(former, fresh):
    """Return the file of fresh lines that was united with former ones, and its weight."""
    with DayFile() as file:
        for line in fresh:
            file.add(line)
        file.unite(former)
        return file.content(), file.weight()


def lines_in(content):
    """Return what stands in a file, as lines again."""
    rows = day_file.rows_of(content, "key")
    return [line_of("byApi", row, DAY, keep_personal_data=False) for row in rows]


def test_a_file_weighs_its_rows_and_their_calls():
    """Rows of zeros count as rows."""
    with DayFile() as file:
        for line in by_api(("a", 3), ("b", 0)):
            file.add(line)
        assert file.weight() == Weight(rows=2, calls=3)


def test_nothing_personal_lies_in_the_temporary_file(tmp_path, monkeypatch):
    """What tells rows apart is a digest, with a key that nobody has afterwards."""
    place = tmp_path / "day"
    connect = day_file.sqlite3.connect
    monkeypatch.setattr(day_file.sqlite3, "connect", lambda _, **options: connect(place, **options))
    rows = [{"timestamp": f"{DAY}T10:00:00Z", "ipAddress": "192.0.2.7", "userId": "jane"}]
    rows.append(rows[0] | {"ipAddress": "192.0.2.8"})
    with DayFile() as file:
        for line in lines(*rows):
            file.add(line)
        file.unite([])
        file.content()
        file._database.commit()
        written = place.read_bytes()

    assert file.rows == 2
    assert b"timestamp" in written
    assert [
        text for text in (b"192.0.2", b"jane", names.digest("192.0.2.7").encode()) if text in written
    ] == []


SUMS = st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 3)), max_size=5)


@given(former=SUMS, fresh=SUMS)
def test_a_united_file_loses_nothing_and_settles(former, fresh):
    """No fewer rows or calls than either, and the same answer once more gives the same bytes."""
    before, _ = united([], by_api(*former))
    content, weight = united(lines_in(before), by_api(*fresh))
    again, _ = united(lines_in(content), by_api(*fresh))

    for one in (lines_in(before), lines_in(united([], by_api(*fresh))[0])):
        assert weight.rows >= len(one)
        assert weight.calls >= sum(line.calls for line in one)
    assert again == content


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"x" + c, lambda c: c[:30] + b"\0" + c[31:]])
def test_a_damaged_file_is_told_by_its_name(damage):
    """Cut, not gzip, or with a wrong checksum."""
    content = content_of(*({"requestId": names.digest(str(number))} for number in range(9)))
    with pytest.raises(ProtocolError, match="the-key") as caught:
        list(day_file.rows_of(damage(content), "the-key"))
    assert caught.value.code == "UsageFileUnreadable"


def test_a_file_whose_lines_are_no_rows_is_told_by_its_name():
    """Somebody's JSON that is no object."""
    with pytest.raises(ProtocolError, match="the-key") as caught:
        list(day_file.rows_of(gzip.compress(b"7\n"), "the-key"))
    assert caught.value.code == "UsageFileUnreadable"
