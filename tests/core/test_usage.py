"""What is exported: days that are over, each once and once more, and never a row twice."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.core import layout, usage, usage_rows
from shared.core.errors import ProtocolError, RefusedError
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


def missing(mark):
    """Return the list of a mark: first and last day, tries and code of each entry."""
    return [(item.day, item.through, item.tries, item.fault.code) for item in mark.missing]


def test_a_first_export_that_never_works_forgets_no_day():
    """400 days that fail for one reason are one entry, and each of them is tried again."""
    span = usage.due(UsageExport(reports=("byApi",), first_days=400), marked(), NOW)[0]
    mark = ReportMark()
    for day in all_days(span):
        mark = usage.missed(mark, day, FAULT)

    assert missing(mark) == [(span.first, DAY, 1, "Nope")]
    assert sorted(due(marked(byApi=mark))["byApi"]) == all_days(span)


def test_missing_days_are_one_entry_only_with_the_same_reason_and_tries():
    """Another code, another number of tries or a day in between begins an entry of its own."""
    mark, other = ReportMark(), Fault(code="Other", message="else")
    for day, fault in zip(days(1, 2, 3, 5), (FAULT, FAULT, other, other), strict=True):
        mark = usage.missed(mark, day, fault)
    mark = usage.missed(mark, days(1)[0], FAULT)

    assert missing(mark) == [
        (*days(1, 1), 2, "Nope"),
        (*days(2, 2), 1, "Nope"),
        (*days(3, 3), 1, "Other"),
        (*days(5, 5), 1, "Other"),
    ]


def test_a_day_in_the_middle_of_an_entry_is_taken_out_alone():
    """The days on both sides of it stay missing."""
    mark = ReportMark()
    for day in days(1, 2, 3):
        mark = usage.missed(mark, day, FAULT)

    assert missing(usage.exported(mark, days(2)[0], 1)) == [
        (*days(1, 1), 1, "Nope"),
        (*days(3, 3), 1, "Nope"),
    ]


def test_a_list_of_missing_days_that_is_full_takes_no_new_entry():
    """The watermark does not grow for ever, and the mark does not pass a day that is not listed."""
    mark = ReportMark()
    many = [dt.date(2026, 1, 1) + dt.timedelta(days=2 * number) for number in range(usage.MISSING_MAX)]
    for day in many:
        mark = usage.missed(mark, day, FAULT)

    with pytest.raises(RefusedError) as caught:
        usage.missed(mark, many[-1] + dt.timedelta(days=2), FAULT)
    assert caught.value.code == "UsageTooManyMissing"
    assert missing(usage.missed(mark, many[0], FAULT))[0] == (many[0], many[0], 2, "Nope")
    assert len(missing(usage.missed(mark, many[-1] + dt.timedelta(days=1), FAULT))) == usage.MISSING_MAX


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(["Nope", "Other", None])), max_size=40))
def test_entries_are_the_days_that_failed_last(story):
    """Whatever is exported and fails in whatever order: the list is what a list of single days would be."""
    mark, expected = ReportMark(), {}
    for number, code in story:
        day = dt.date(2026, 11, number)
        if code is None:
            mark = usage.exported(mark, day, 1)
            expected.pop(day, None)
        else:
            mark = usage.missed(mark, day, Fault(code=code))
            expected[day] = (expected.get(day, (0,))[0] + 1, code)

    listed = {day: (item.tries, item.fault.code) for item in mark.missing for day in item.days()}
    assert listed == expected
    assert [item.day for item in mark.missing] == sorted(item.day for item in mark.missing)


def test_an_entry_of_an_older_release_is_one_day():
    """It has no end."""
    entry = {"day": "2026-11-01", "tries": 1, "fault": {"code": "Nope"}}

    assert usage.MissingDays.model_validate(entry).through == dt.date(2026, 11, 1)


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
    assert "?customer=***&subscription-key=***" in text
    assert "s3cret" not in text


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("subscription-key=s3cret", id="named"),
        pytest.param("jwt=s3cret&pwd=s3cret&sid=s3cret&h=s3cret", id="named-otherwise"),
        pytest.param("page=1;subscription-key=s3cret", id="semicolon"),
        pytest.param("%6Bey=s3cret", id="name-in-percent"),
        pytest.param("%256Bey=s3cret", id="name-in-percent-twice"),
        pytest.param("page=1%26key=s3cret", id="ampersand-in-percent"),
        pytest.param("page=1?key=s3cret", id="another-question-mark"),
        pytest.param("page=s3cret-s3cret-s3cret-s3cret", id="too-long-for-a-page"),
        pytest.param("s3cret", id="without-a-name"),
        pytest.param("s3cret==", id="a-name-that-is-none"),
        pytest.param("s3cret=", id="nothing-behind-it"),
        pytest.param("a%3Ds3cret", id="equals-in-percent"),
        pytest.param("page=1#key=s3cret", id="fragment"),
    ],
)
@pytest.mark.parametrize("keeps", [True, False])
def test_values_of_a_query_are_never_kept(query, keeps):
    """Keys have many names and forms, so only values that are known to be harmless stay."""
    assert "s3cret" not in line("byRequest", keeps, url=f"https://c.azure-api.net/a?{query}").text


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://app:s3cret@c.azure-api.net/a", id="password"),
        pytest.param("https://c.azure-api.net/a;key=s3cret/b", id="parameter-of-a-path"),
        pytest.param("https://c.azure-api.net/a%3Bkey=s3cret", id="the-same-in-percent"),
        pytest.param("https://c.azure-api.net/a%3Fkey=s3cret", id="question-mark-in-percent"),
        pytest.param("https://c.azure-api.net/a%23key=s3cret", id="fragment-in-percent"),
    ],
)
def test_keys_in_front_of_the_query_are_not_kept_either(address, keeps):
    """A password of the authority, parameters in a path, and a question mark in another form."""
    text = line("byRequest", keeps, url=address).text

    assert "s3cret" not in text
    assert "c.azure-api.net/a" in text


def test_harmless_values_and_names_of_a_query_stay():
    """With keepPersonalData: what pages, sorts or picks a version."""
    url = "https://c.azure-api.net/a/b?api-version=2024-05-01&$top=10&%24skip=20&customer=ann"

    assert "a/b?api-version=2024-05-01&$top=10&$skip=20&customer=***" in line("byRequest", True, url=url).text


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
    """Two of them are one row only if they are equal, also in what is dropped."""
    one, same, other = (line("byRequest", url=f"https://c/{name}") for name in ("a", "a", "b"))

    assert one.identity == same.identity != other.identity


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(
    ("report", "row", "other"),
    [
        pytest.param("bySubscription", {"subscriptionId": "/s/1"}, {"userId": "/users/2"}, id="owner"),
        pytest.param("byUser", {"userId": ""}, {"name": "Admin key"}, id="name"),
        pytest.param(
            "byRequest", {"timestamp": f"{DAY}T10:00:00Z"}, {"ipAddress": "192.0.2.8"}, id="address"
        ),
        pytest.param("byRequest", {"url": "https://c/a?b=1"}, {"url": "https://c/a?b=2"}, id="query"),
    ],
)
def test_rows_that_differ_in_what_is_dropped_are_two(report, row, other, keeps):
    """What is personal is dropped after rows were told apart: else one of them, with its calls, were gone."""
    first, second = line(report, keeps, **row), line(report, keeps, **row | other)

    assert first.identity != second.identity


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
