"""What is exported: days that are over, each once and once more, and never a row twice."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.core import layout, usage, usage_rows
from shared.core.errors import ProtocolError
from shared.core.lro import Fault
from shared.core.usage import ReportMark, UsageExport, Watermark
from shared.core.usage_fleet import UsageFleet, UsageRun, looked, started, to_start
from tests.core.make import NOW, after

DAY = dt.date(2026, 11, 22)
FAULT = Fault(code="Nope", message="no")


def days(*numbers):
    """Return days of November."""
    return [dt.date(2026, 11, number) for number in numbers]


def marked(**marks):
    """Return a watermark with these reports."""
    return Watermark(service="contoso", source="/x", reports=marks)


def all_days(span):
    """Return every day of a span, in its order."""
    found = []
    while span.next_day is not None:
        found.append(span.next_day)
        span = span.rest()
    return found


def due(watermark, now=NOW, **settings):
    """Return the days that are due, by report."""
    export = UsageExport(**{"reports": ("byApi",)} | settings)
    return {span.report: all_days(span) for span in usage.due(export, watermark, now)}


# Windows.


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        pytest.param("2026-11-23T00:59:59+00:00", 21, id="not-over-for-an-hour"),
        pytest.param("2026-11-23T01:00:00+00:00", 22, id="over-for-an-hour"),
        pytest.param("2026-11-23T23:59:59+00:00", 22, id="still-the-same-day"),
        pytest.param("2026-11-23T02:30:00+02:00", 21, id="another-zone"),
    ],
)
def test_a_day_is_closed_an_hour_after_its_end_in_utc(now, newest):
    """Only days that have been over for the lag are asked for."""
    assert usage.newest_closed_day(dt.datetime.fromisoformat(now)) == dt.date(2026, 11, newest)


def test_the_first_export_begins_so_many_days_back():
    """firstDays days, the newest of them the newest closed one."""
    assert due(marked(), first_days=3) == {"byApi": days(20, 21, 22)}


def test_an_export_begins_with_the_last_day_of_the_one_before():
    """The overlap is one day: late rows of the last day are fetched."""
    assert due(marked(byApi=ReportMark(through=dt.date(2026, 11, 20)))) == {"byApi": days(20, 21, 22)}


def test_a_second_export_of_a_day_asks_for_the_last_day_again():
    """Nothing new is closed, so only the overlap is due."""
    assert due(marked(byApi=ReportMark(through=DAY))) == {"byApi": [DAY]}


def test_a_watermark_ahead_of_the_clock_asks_for_nothing():
    """A clock that was set back does not make days due that are not over."""
    assert due(marked(byApi=ReportMark(through=dt.date(2026, 11, 24)))) == {}


def test_reports_go_on_from_their_own_marks():
    """A report that is new in the plan begins at firstDays, the others where they are."""
    export = UsageExport(reports=("byApi", "byUser"), first_days=2)
    spans = usage.due(export, marked(byApi=ReportMark(through=DAY)), NOW)

    assert {span.report: all_days(span) for span in spans} == {"byApi": [DAY], "byUser": days(21, 22)}


def test_a_missing_day_is_tried_again_until_it_has_had_its_tries():
    """It comes after the days that are due, on as many exports as it has tries."""
    mark = ReportMark(through=DAY)
    for expected in ([DAY, dt.date(2026, 11, 10)], [DAY, dt.date(2026, 11, 10)], [DAY]):
        mark = usage.missed(mark, dt.date(2026, 11, 10), FAULT)
        assert due(marked(byApi=mark)) == {"byApi": expected}
    assert [item.tries for item in mark.missing] == [3]


def test_a_missing_day_among_those_that_are_due_is_asked_for_once():
    """The overlap covers it already."""
    mark = usage.missed(ReportMark(through=dt.date(2026, 11, 20)), dt.date(2026, 11, 21), FAULT)

    assert due(marked(byApi=mark)) == {"byApi": days(21, 22)}


@given(through=st.dates(dt.date(2026, 10, 1), DAY), first_days=st.integers(1, 60))
def test_days_are_whole_in_order_and_never_open(through, first_days):
    """From any mark: every day from the overlap to the newest closed one, each once."""
    found = due(marked(byApi=ReportMark(through=through)), first_days=first_days)["byApi"]

    assert found == [through + dt.timedelta(days=n) for n in range((DAY - through).days + 1)]


# Queries.


def test_a_query_has_begin_and_end_in_the_literals_of_odata_v3():
    """datetime'...' in whole seconds; a sum ends with the day's last second."""
    asked = usage.query("byApi", DAY)

    assert asked == {
        "$filter": "timestamp ge datetime'2026-11-22T00:00:00' and timestamp le datetime'2026-11-22T23:59:59'"
    }


def test_requests_are_asked_for_up_to_midnight():
    """Their times have fractions, so the last second is not the end."""
    assert usage.query("byRequest", DAY)["$filter"].endswith("timestamp le datetime'2026-11-23T00:00:00'")


def test_only_by_time_has_an_interval():
    """It is required there, and known nowhere else."""
    assert [name for name in usage.REPORTS if "interval" in usage.query(name, DAY)] == ["byTime"]


# Marks.


def test_a_mark_never_goes_back():
    """An old day that is exported late leaves the mark where it is."""
    mark = usage.exported(ReportMark(through=DAY), dt.date(2026, 11, 10), 5)

    assert (mark.through, mark.oldest_with_calls, mark.newest_with_calls) == (DAY, *days(10, 10))


def test_a_day_that_is_exported_is_no_longer_missing():
    """Its reason goes with it."""
    mark = usage.missed(ReportMark(), DAY, FAULT)

    assert usage.exported(mark, DAY, 0).missing == ()


def test_a_missing_day_lets_the_mark_pass():
    """It is on the list, so later days are not held up."""
    mark = usage.missed(ReportMark(through=dt.date(2026, 11, 21)), DAY, FAULT)

    assert (mark.through, [item.day for item in mark.missing]) == (DAY, [DAY])


def test_the_list_of_missing_days_is_bounded():
    """A report that never works does not make the watermark grow for ever."""
    mark = ReportMark()
    for number in range(usage.MISSING_MAX + 5):
        mark = usage.missed(mark, dt.date(2026, 1, 1) + dt.timedelta(days=number), FAULT)

    assert len(mark.missing) == usage.MISSING_MAX
    assert mark.missing[0].day == dt.date(2026, 1, 6)


def test_a_watermark_is_stored_and_read():
    """It comes back as it was."""
    watermark = marked(byApi=usage.missed(usage.exported(ReportMark(), DAY, 3), dt.date(2026, 11, 1), FAULT))

    assert Watermark.from_bytes(watermark.to_bytes()) == watermark


def test_files_lie_by_service_report_and_day():
    """The key of a file, and of the watermark beside it."""
    assert layout.usage_key("contoso", "byApi", DAY) == "usage/contoso/byApi/2026-11-22.jsonl.gz"
    assert layout.usage_watermark_key("contoso") == "usage/contoso/watermark.json"


# The plan.


def test_everything_is_exported_and_nothing_personal_kept_by_default():
    """An empty object is enough."""
    export = UsageExport()

    assert (export.reports, export.first_days, export.keep_personal_data) == (usage.REPORTS, 30, False)


@pytest.mark.parametrize(
    "settings",
    [
        {"reports": []},
        {"reports": ["byMoon"]},
        {"reports": ["byApi", "byApi"]},
        {"firstDays": 0},
        {"firstDays": 401},
        {"keepPersonalData": "no"},
        {"columns": []},
    ],
)
def test_settings_that_say_nothing_usable_are_refused(settings):
    """No report, an unknown one, one twice, or another kind of value."""
    with pytest.raises(ValidationError):
        UsageExport.model_validate(settings)


# Rows.


def line(report, keep=False, /, **row):
    """Return a row as a line."""
    return usage_rows.line_of(report, row, DAY, keep_personal_data=keep)


REQUEST = {
    "requestId": "id-1",
    "timestamp": "2026-11-22T10:00:00.5Z",
    "url": "https://contoso.azure-api.net/orders/17?customer=ann&subscription-key=s3cret#top",
    "ipAddress": "192.0.2.1",
    "userId": "/users/17",
    "subscriptionId": "/subscriptions/5",
}


def test_personal_columns_of_requests_are_dropped():
    """Address and user go, and of the URL everything behind the path."""
    text = line("byRequest", **REQUEST).text

    assert text == (
        '{"requestId":"id-1","subscriptionId":"/subscriptions/5","timestamp":"2026-11-22T10:00:00.5Z",'
        '"url":"https://contoso.azure-api.net/orders/17"}'
    )


def test_personal_columns_stay_when_the_plan_keeps_them_but_keys_do_not():
    """The query of a URL may hold a subscription key, which is no personal data but a secret."""
    text = line("byRequest", True, **REQUEST).text

    assert "192.0.2.1" in text
    assert "/users/17" in text
    assert "customer=ann&subscription-key=***" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "name", ["subscription-key", "key", "api_key", "code", "sig", "access_token", "client_secret", "Password"]
)
def test_values_of_parameters_that_look_like_keys_are_never_kept(name):
    """Their names are known well enough to mask them."""
    kept = line("byRequest", True, url=f"https://c.azure-api.net/a?x=1&{name}=s3cret&y").text

    assert "s3cret" not in kept
    assert "x=1" in kept


def test_names_of_users_are_dropped_and_their_ids_stay_in_by_user():
    """A row of byUser is about a user, so his id is what it is worth; his name is not needed."""
    assert line("byUser", name="Ann Example", userId="/users/17", callCountTotal=3).text == (
        '{"callCountTotal":3,"userId":"/users/17"}'
    )


def test_the_owner_of_a_subscription_is_dropped():
    """bySubscription is about subscriptions."""
    assert "userId" not in line("bySubscription", name="app", userId="/users/1", subscriptionId="/s/1").text


def test_names_of_apis_stay():
    """They are nobody's."""
    assert "Orders" in line("byApi", name="Orders", apiId="/apis/orders").text


def test_a_request_is_identified_by_its_id():
    """Read twice with other measures it is still one request."""
    first, second = line("byRequest", requestId="a", apiTime=1), line("byRequest", requestId="a", apiTime=2)

    assert first.identity == second.identity == "a"


def test_a_request_without_an_id_is_only_itself():
    """Two of them are one row only if they are equal."""
    one, same, other = (line("byRequest", url=f"https://c/{name}") for name in ("a", "a", "b"))

    assert one.identity == same.identity != other.identity


def test_a_sum_is_identified_by_all_that_is_no_measure():
    """Counts and times do not make another row, ids and unknown texts do."""
    base = {"apiId": "/apis/a", "callCountTotal": 1, "apiTimeAvg": None}

    assert line("byApi", **base).identity == line("byApi", **base | {"callCountTotal": 2}).identity
    assert line("byApi", **base).identity != line("byApi", **base | {"workspace": "w"}).identity


@pytest.mark.parametrize(
    ("row", "calls"),
    [
        pytest.param({"callCountTotal": 7, "callCountSuccess": 5}, 7, id="total"),
        pytest.param({"callCountSuccess": 5, "callCountOther": 1}, 6, id="no-total"),
        pytest.param({"callCountTotal": 0}, 0, id="zeros"),
        pytest.param({"requestId": "a"}, 1, id="request"),
    ],
)
def test_a_row_stands_for_its_calls(row, calls):
    """Its total where there is one; a request is one call."""
    assert usage_rows.calls_of(row) == calls


def test_unknown_columns_are_kept():
    """What a newer version adds is exported."""
    assert '"brandNew":{"a":[1]}' in line("byRequest", requestId="a", brandNew={"a": [1]}).text


@pytest.mark.parametrize(
    ("stamped", "belongs"),
    [
        pytest.param("2026-11-22T00:00:00Z", True, id="begin"),
        pytest.param("2026-11-22T23:59:59.9999999Z", True, id="last-tick"),
        pytest.param("2026-11-23T00:00:00Z", False, id="next-midnight"),
        pytest.param("2026-11-21T23:59:59Z", False, id="before"),
        pytest.param("2026-11-23T00:30:00+01:00", True, id="another-zone"),
        pytest.param("soon", True, id="not-a-time"),
    ],
)
def test_rows_of_another_day_are_left_out(stamped, belongs):
    """Both ends of a window are inside, and midnight belongs to one day only."""
    assert (line("byRequest", requestId="a", timestamp=stamped) is not None) is belongs


def test_rows_sort_by_time_although_azure_cuts_zeros():
    """.5Z, .49Z and no fraction at all are in the order of their times."""
    stamps = ["10:00:00Z", "10:00:00.0000001Z", "10:00:00.49Z", "10:00:00.5Z", "10:00:00.5000001Z"]
    places = [line("byRequest", requestId="a", timestamp=f"2026-11-22T{text}").place for text in stamps]

    assert places == sorted(places)
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("row", [None, 7, "row", ["row"]])
def test_a_row_that_is_no_object_is_a_broken_answer(row):
    """It is not passed over."""
    with pytest.raises(ProtocolError):
        usage_rows.line_of("byApi", row, DAY, keep_personal_data=False)


# The run of one service, and all of them.


def run(*reports):
    """Return a run with two days of each report."""
    export = UsageExport(reports=reports, first_days=2)
    return UsageRun.model_validate(
        {
            "runId": "r",
            "service": "contoso",
            "requestedAt": NOW,
            "intervals": {},
            "spans": usage.due(export, marked(), NOW),
        }
    )


def test_a_run_goes_report_by_report_and_day_by_day():
    """Each step once, and then nothing is left."""
    state, steps = run("byApi", "byUser"), []
    while state.next_step is not None:
        steps.append(state.next_step)
        state = state.after({"rows": 2, "stored": "written"})

    assert steps == list(itertools.product(("byApi", "byUser"), days(21, 22)))
    assert (state.end().outcome, state.end().days, state.end().rows) == ("Exported", 4, 8)


def test_a_report_that_fails_leaves_the_others():
    """Its days come with the next export."""
    state = run("byApi", "byUser").without_report(FAULT)

    assert state.next_step == ("byUser", dt.date(2026, 11, 21))


def test_a_missing_right_ends_the_run_with_one_fault():
    """Eight equal faults would say no more."""
    state = run("byApi", "byUser").stopped(FAULT)

    assert state.next_step is None
    assert (state.end().outcome, state.end().faults) == ("Failed", (FAULT,))


def test_a_run_that_got_some_days_is_incomplete():
    """Neither Exported nor Failed would be true."""
    state = run("byApi").after({"rows": 0, "stored": "kept"}).after({"missing": FAULT.to_json()})

    assert (state.end().outcome, state.end().days, state.end().kept) == ("Incomplete", 1, 1)


def test_equal_faults_of_reports_are_told_once():
    """One fault for each code, naming the reports."""
    other = Fault(code="Other", message="else")
    merged = usage.merged([("byApi", FAULT), ("byUser", FAULT), ("byUser", FAULT), ("byGeo", other)])

    assert [fault.message for fault in merged] == ["no (the same for byUser)", "else"]


def fleet(*waiting, **changes):
    """Return the exports of these services, two at once."""
    settings = {
        "requested_at": NOW,
        "intervals": {},
        "patience_until": after(hours=4),
        "concurrency": 2,
        "waiting": waiting,
    }
    return UsageFleet.model_validate(settings | changes)


def begin(state, service, is_started=True, now=NOW):
    """Return the fleet after a wish."""
    answer = {"started": is_started, "runId": f"run-{service}", "instanceId": f"use-{service}"}
    return started(state, service, answer, now)


def test_no_more_services_than_the_cap_are_at_work():
    """The third waits until one of the others has ended."""
    state = begin(begin(fleet("a", "b", "c"), "a"), "b")
    assert to_start(state) == ()

    state = looked(state, [{"runId": "run-a", "outcome": "Failed", "driven": False}])
    assert to_start(state) == ("c",)


def test_a_service_that_is_busy_is_tried_again_after_the_others():
    """An export of it that is still at work holds up nobody."""
    assert begin(fleet("a", "b"), "a", False).waiting == ("b", "a")


def test_a_service_that_never_gets_free_is_given_up():
    """After the patience it has a word as well."""
    state = begin(fleet("a"), "a", False, after(hours=4))

    assert [(item.service, item.outcome) for item in state.ended] == [("a", "Failed")]


def test_an_export_that_nothing_drives_is_given_up_after_some_looks():
    """One look may meet it between two states."""
    state = begin(fleet("a"), "a")
    for _ in range(3):
        assert not state.is_over
        state = looked(state, [{"runId": "run-a", "outcome": None, "driven": False}])

    assert state.is_over
