"""The export of usage data: every service for itself, and a killed export ends as one that was not killed."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.core import layout, usage
from shared.core.errors import AccessError, ProtocolError, ThrottledError, UnavailableError
from shared.core.intervals import Intervals
from shared.core.usage import Watermark
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import SUBSCRIPTION, plan_json
from tests.fakes.reports import FakeReports
from tests.orchestrators.conftest import Stage

USAGE = {"reports": ["byApi", "byRequest"], "firstDays": 3}
DAYS = [START.date() - dt.timedelta(days=number) for number in (3, 2, 1)]


def begin(stage: Stage) -> str:
    """Start the export of all services as the timer does; nothing runs yet."""
    ports = stage.ports
    wish = {"v": 1, "requestedAt": ports.clock.now().isoformat(), "intervals": ports.intervals.to_json()}
    return stage.host.start("export_usage", wish, usage.FLEET_INSTANCE)


def export(stage: Stage, within: dt.timedelta = dt.timedelta(days=3)) -> dict[str, str]:
    """Export everything and return each service's word."""
    done = stage.host.run_until_done(begin(stage), within)
    assert done.runtime_status == "Completed", done
    return {item["service"]: item["outcome"] for item in done.output["ended"]}


def files(stage: Stage, service: str = "contoso") -> dict[str, bytes]:
    """Return the exported files."""
    records = stage.ports.records()
    return {
        key: records.read(key)[0] for key in records.keys(f"{layout.USAGE}{service}/") if key.endswith(".gz")
    }


def watermark(stage: Stage, service: str = "contoso") -> Watermark:
    """Return the watermark of a service."""
    return Watermark.from_bytes(stage.ports.records().read(layout.usage_watermark_key(service))[0])


@pytest.fixture
def make(make_stage) -> Callable[..., tuple[Stage, dict[str, FakeReports]]]:
    """Return a function that makes a stage and the reports of its services."""

    def made(*services: str, **plan: Any) -> tuple[Stage, dict[str, FakeReports]]:
        stage = make_stage(*services, defaults={"usage": USAGE}, **plan)
        stage.ports.intervals = Intervals(busy_patience_s=1800)
        return stage, {one.name: FakeReports(stage.ports.arm, one.ref) for one in stage.ports.plan.services}

    return made


def test_every_closed_day_of_every_report_lies_in_its_file(make):
    """Through the real app: three days, two reports, and a watermark at the newest day."""
    stage, reports = make("contoso")

    assert export(stage) == {"contoso": "Exported"}

    assert list(files(stage)) == [
        layout.usage_key("contoso", report, day) for report in USAGE["reports"] for day in DAYS
    ]
    for day in DAYS:
        content = files(stage)[layout.usage_key("contoso", "byRequest", day)]
        found = [json.loads(line)["requestId"] for line in gzip.decompress(content).splitlines()]
        assert sorted(found) == sorted(row["requestId"] for row in reports["contoso"].rows("byRequest", day))
    assert {mark.through for mark in watermark(stage).reports.values()} == {DAYS[-1]}
    assert watermark(stage).last.outcome == "Exported"


def test_the_next_day_exports_the_new_day_and_the_last_one_again(make):
    """An overlap of one day, and nothing older."""
    stage, reports = make("contoso")
    export(stage)
    reports["contoso"].asked.clear()
    stage.host.run_for(dt.timedelta(days=1))

    assert export(stage) == {"contoso": "Exported"}

    asked = [query["$filter"][22:32] for report, query in reports["contoso"].asked if report == "byApi"]
    assert asked == [DAYS[-1].isoformat(), START.date().isoformat()]
    assert len(files(stage)) == 8


def test_a_missing_right_costs_one_service_only_and_one_question(make):
    """One clear fault, kept in the watermark; the others are exported."""
    stage, reports = make("one", "two", "three")
    reports["two"].faults["byApi"] = AccessError("no", code="AuthorizationFailed")

    assert export(stage) == {"one": "Exported", "two": "Failed", "three": "Exported"}

    (fault,) = watermark(stage, "two").last.faults
    assert fault.code == "AuthorizationFailed"
    assert len(reports["two"].asked) == 1
    assert files(stage, "two") == {}


def test_a_report_that_fails_leaves_the_other_reports(make):
    """byApi is not there; byRequest is exported, and the word says that something is missing."""
    stage, reports = make("contoso")
    reports["contoso"].faults["byApi"] = UnavailableError("down")

    assert export(stage) == {"contoso": "Incomplete"}
    assert len(files(stage)) == len(DAYS)
    assert set(watermark(stage).reports) == {"byRequest"}


def test_throttling_is_waited_for(make):
    """429 with a time: nothing is asked before it, and nothing is lost."""
    stage, reports = make("contoso")
    fake = reports["contoso"]
    fake.faults["byApi"] = ThrottledError("slow down", retry_after_s=120)
    instance = begin(stage)
    stage.host.run_for(dt.timedelta(seconds=100))
    asked = len(fake.asked)
    del fake.faults["byApi"]
    done = stage.host.run_until_done(instance)

    assert asked == 1
    assert [item["outcome"] for item in done.output["ended"]] == ["Exported"]


def test_a_service_that_hangs_holds_up_no_other(make):
    """It is throttled to the end of its patience; beside it the others go through under a cap of two."""
    stage, reports = make("a", "b", "c", "d", concurrency=2)
    reports["a"].faults["byApi"] = ThrottledError("slow down", retry_after_s=600)
    instance = begin(stage)
    stage.host.run_for(dt.timedelta(minutes=5))

    assert [name for name in "abcd" if files(stage, name)] == ["b", "c", "d"]
    done = stage.host.run_until_done(instance)
    words = {item["service"]: item["outcome"] for item in done.output["ended"]}
    assert words == {"a": "Incomplete", "b": "Exported", "c": "Exported", "d": "Exported"}


def test_no_more_services_at_once_than_the_cap(make):
    """A service begins only when another one has ended."""
    stage, _ = make("a", "b", "c", concurrency=1)
    export(stage)

    steps = [item["service"] for name, item in stage.host.calls if name == "export_usage_day"]
    assert [service for service, before in zip(steps, ["", *steps], strict=False) if service != before] == [
        "a",
        "b",
        "c",
    ]


def test_a_poisoned_day_is_listed_and_later_days_are_exported(make):
    """A day that fails for a reason of its own is tried again on the next exports, three times in all."""
    stage, _ = make("contoso")
    path = f"{stage.ports.first.resource_id}/reports/byApi".lower()
    honest = stage.ports.arm.resources[path]

    def poisoned(query):
        return ProtocolError("broken", code="Broken") if str(DAYS[0]) in query["$filter"] else honest(query)

    stage.ports.arm.resources[path] = poisoned
    words = []
    for _ in range(4):
        words.append(export(stage)["contoso"])
        stage.host.run_for(dt.timedelta(days=1))

    (missing,) = watermark(stage).mark("byApi").missing
    assert words == ["Incomplete", "Incomplete", "Incomplete", "Exported"]
    assert (missing.day, missing.tries) == (DAYS[0], 3)
    assert layout.usage_key("contoso", "byApi", DAYS[-1]) in files(stage)


def test_a_service_that_is_not_exported_is_not_asked(make):
    """usage null: neither a question nor a blob."""
    stage, reports = make("one", "two")
    plan = stage.ports.plan.model_dump(mode="json", by_alias=True, exclude_unset=True)
    plan["services"][0]["usage"] = None
    stage.ports.plan = type(stage.ports.plan).model_validate(plan)

    assert export(stage) == {"two": "Exported"}
    assert reports["one"].asked == []


def test_a_long_first_export_does_not_grow_its_history(make_stage):
    """40 days of 8 reports go in generations."""
    stage = make_stage(defaults={"usage": {"firstDays": 40}})
    FakeReports(stage.ports.arm, stage.ports.first.ref, requests_per_day=1)

    assert export(stage) == {"contoso": "Exported"}

    lengths = [
        len(payload["history"])
        for name, payload, _ in stage.recorder.values()
        if name == "export_service_usage"
    ]
    assert len(files(stage)) == 320
    assert len(lengths) > 10
    assert max(lengths) < 120


def test_an_export_without_a_readable_roster_says_so_and_can_be_fired_again(make):
    """The services cannot be listed for a day: the orchestration fails, and the next firing works."""
    stage, _ = make("contoso", discover={"subscriptions": [SUBSCRIPTION], "tag": {"backup": "nightly"}})
    stage.ports.records().put(layout.ROSTER, b"{")
    done = stage.host.run_until_done(begin(stage), dt.timedelta(days=3))
    stage.ports.records().delete(layout.ROSTER)

    assert done.runtime_status == "Failed"
    assert export(stage) == {"contoso": "Exported"}


def test_a_watermark_that_cannot_be_read_fails_its_service_only(make):
    """It is not overwritten, and the others are exported."""
    stage, _ = make("one", "two")
    key = layout.usage_watermark_key("one")
    stage.ports.records().put(key, b"{")

    assert export(stage) == {"one": "Failed", "two": "Exported"}
    assert stage.ports.records().read(key)[0] == b"{"
    assert files(stage, "one") == {}


def test_history_and_payloads_hold_no_row(make):
    """What Durable stores is which day of which report, and how many rows."""
    stage, _ = make("contoso")
    export(stage)

    stored = stage.stored_state()
    assert [text for text in ("192.0.2.7", "subscription-key", "requestId") if text in stored] == []


# Killed, and resumed.


class KilledError(Exception):
    """The process died here."""


class Life:
    """
    Kills the steps of a stage at chosen operations on storage and Azure.

    `fates` maps the number of an operation to where it dies: before it, after it took effect, or in the
    middle of the rows that it hands over. With `is_lasting` everything after a death dies as well, until
    `revive`.
    """

    def __init__(self, stage: Stage, fates: dict[int, str], *, is_lasting: bool) -> None:
        self.operations = self.deaths = 0
        self.is_dead = False
        self._fates = fates
        self._is_lasting = is_lasting
        records, arm = stage.ports.records(), stage.ports.arm
        for name in ("read", "create", "replace"):
            setattr(records, name, self._mortal(getattr(records, name)))
        self._read_all = arm.read_all
        arm.read_all = self._rows  # type: ignore[method-assign]

    def revive(self) -> None:
        """Start the process again."""
        self.is_dead = False

    def _mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def lived(*args: Any, **options: Any) -> Any:
            fate = self._begin()
            try:
                return call(*args, **options)
            finally:
                if fate:  # also after an answer that is an error, such as "there is no such blob"
                    self._die()

        return lived

    def _rows(self, *args: Any, **options: Any) -> Iterator[Any]:
        fate = self._begin()
        rows = list(self._read_all(*args, **options))
        for number, row in enumerate(rows):
            if fate == "midway" and number == len(rows) // 2:
                self._die()
            yield row
        if fate:
            self._die()

    def _begin(self) -> str | None:
        if self.is_dead:
            raise KilledError
        self.operations += 1
        fate = self._fates.pop(self.operations, None)
        if fate == "before":
            self._die()
        return fate

    def _die(self) -> None:
        self.is_dead = self._is_lasting
        self.deaths += 1
        raise KilledError


def a_stage(patch: pytest.MonkeyPatch) -> Stage:
    """Return a stage whose reports page in the worst way."""
    stage = Stage(patch, FakePorts(plan_json(defaults={"usage": USAGE | {"firstDays": 2}})))
    reports = FakeReports(stage.ports.arm, stage.ports.first.ref)
    reports.page_max, reports.repeats = 2, True
    return stage


def lived_through(fates: dict[int, str], *, is_lasting: bool) -> tuple[Stage, int]:
    """Export, killed and resumed as often as needed; return the stage, closed, and its operations."""
    with pytest.MonkeyPatch.context() as patch:
        stage = a_stage(patch)
        life = Life(stage, dict(fates), is_lasting=is_lasting)
        try:
            for _ in range(2 * len(fates) + 1):
                words = export(stage)
                if words == {"contoso": "Exported"}:
                    break
                life.revive()
            stage.check_determinism()
        finally:
            stage.host.close()
        assert words == {"contoso": "Exported"}
        operations = life.operations
        life.revive()
        life._fates.clear()
        return stage, operations


@pytest.fixture(scope="module")
def reference() -> tuple[dict[str, bytes], Watermark, int]:
    """What an export leaves that was not killed, and how many operations it took."""
    stage, operations = lived_through({}, is_lasting=False)
    return files(stage), watermark(stage), operations


FATES = st.sampled_from(("before", "after", "midway"))


@settings(max_examples=40)
@given(data=st.data())
def test_an_export_killed_at_random_and_resumed_equals_the_one_that_was_not_killed(reference, data):
    """
    Whatever dies, once or for good until a restart: in the end the same bytes and the same marks.

    And no file was ever there that was not the whole day.
    """
    expected, marks, operations = reference
    fates = data.draw(st.dictionaries(st.integers(1, 2 * operations), FATES, min_size=1, max_size=6))

    stage, _ = lived_through(fates, is_lasting=data.draw(st.booleans()))

    assert files(stage) == expected
    assert watermark(stage).reports == marks.reports
    for key, content in stage.ports.records().written:
        assert not key.endswith(".gz") or content == expected[key]


@pytest.mark.parametrize("fate", ["before", "after", "midway"])
def test_every_operation_of_an_export_can_be_killed(reference, fate):
    """The property above is about something: each chosen death happens, and the host goes on after it."""
    _, _, operations = reference
    # so far apart that no step dies three times in a row, and is given up
    fates = dict.fromkeys(range(1, operations, operations // 3), fate)

    with pytest.MonkeyPatch.context() as patch:
        stage = a_stage(patch)
        life = Life(stage, dict(fates), is_lasting=False)
        try:
            word = export(stage)
        finally:
            stage.host.close()

    assert len(fates) > 2
    assert (life.deaths, word) == (len(fates), {"contoso": "Exported"})
