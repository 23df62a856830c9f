"""The steps of drills, over fakes: planning, choosing, recording, and the timer."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest

from drill_timer import activities, planning, start
from shared.core import drills, names
from shared.core.errors import ConflictError, UnavailableError
from shared.core.reports import DrillRecord
from shared.core.requests import RestoreRequest
from shared.core.runs import Outcome
from shared.core.schedule import parse
from shared.drill_records import recent_drills
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.drills import drill_plan, drilled, put_drill
from tests.fakes.ports import plan_json
from tests.steps.conftest import put_point, run

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


def make_ports(**said: Any) -> FakePorts:
    """Return the ports of the app of westeurope, with drills of one service."""
    return FakePorts(plan_json(**drill_plan(**said)))


@pytest.fixture
def ports() -> FakePorts:
    """The ports, with a restore point that is one hour old."""
    ports = make_ports()
    put_point(ports)
    return ports


def planned(ports: FakePorts) -> list[Any]:
    """Return the drills that are planned now."""
    result = planning.plan_drills({"dueAt": ports.clock.now().isoformat()}, ports)
    assert result["state"] == "done", result
    return [wish for queue in result["value"]["queues"] for wish in queue["waiting"]]


def test_the_ids_of_drills_are_those_of_their_occurrence(ports):
    """Planned twice, they are the same drills."""
    first, again = planned(ports), planned(ports)

    assert first == again
    assert first[0]["runId"] == names.run_id("drill", "contoso", ports.clock.now())


def test_a_drill_on_record_is_not_held_again(ports):
    """The step says so, whatever the orchestration remembers."""
    (wish,) = planned(ports)
    put_drill(ports, dt.timedelta(), run_id=wish["runId"])

    assert activities.choose_drill(wish, ports)["value"] == {"isOver": True}


def test_a_drill_whose_turn_comes_late_is_not_held_twice(ports):
    """The next day's firing was faster: when the turn comes, nobody waits for it any more."""
    (wish,) = planned(ports)
    put_drill(ports, HOUR)

    assert activities.choose_drill(wish, ports)["value"] == {"isOver": True}


def test_a_drill_that_somebody_asked_for_is_held_although_none_is_due(ports):
    """A call means it."""
    (wish,) = planned(ports)
    put_drill(ports, HOUR)

    assert "request" in activities.choose_drill({**wish, "trigger": "http"}, ports)["value"]


def test_a_service_that_was_paused_meanwhile_is_not_drilled(ports):
    """The plan counts as it is when the turn comes."""
    (wish,) = planned(ports)
    paused = make_ports(paused={"reason": "its owners move it"})
    paused.storage, paused.arm = ports.storage, ports.arm

    assert activities.choose_drill(wish, paused)["value"] == {"isOver": True}


def test_a_drill_that_was_begun_goes_on_with_the_point_of_its_run(ports):
    """A newer point came meanwhile; the run in the books has another one."""
    (wish,) = planned(ports)
    first = activities.choose_drill(wish, ports)["value"]["request"]
    ports.runs.create(RestoreRequest.from_json(first).first_record())
    put_point(ports, START - HOUR / 2)

    assert activities.choose_drill(wish, ports)["value"]["request"] == first


def test_a_target_that_the_plan_no_longer_names_is_not_drilled(ports):
    """The plan changed while the drill waited."""
    (wish,) = planned(ports)
    other = make_ports(target="another")
    other.storage, other.arm = ports.storage, ports.arm
    result = activities.choose_drill(wish, other)

    assert (result["state"], result["outcome"], result["fault"]["code"]) == ("end", "Refused", "NoDrills")


def test_the_newest_usable_point_is_chosen(ports):
    """One that has expired and one whose blob is gone are passed over."""
    newest = put_point(ports, START - HOUR / 2)
    ports.backups(newest.account, newest.container).delete(newest.name)
    (wish,) = planned(ports)

    chosen = activities.choose_drill(wish, ports)["value"]["request"]["point"]["name"]
    assert chosen == names.backup_name("contoso", START - HOUR)


def test_a_random_point_is_drawn_again_for_the_same_drill_only():
    """The same drill draws the same point; many drills draw all of them."""
    ports = make_ports(drill={"point": "random"})
    for days in range(4):
        put_point(ports, START - HOUR - days * DAY)
    (wish,) = planned(ports)

    def drawn(number: int) -> str:
        run_id = names.run_id("drill", "contoso", START + number * DAY)
        found = activities.choose_drill({**wish, "runId": run_id}, ports)["value"]["request"]
        return str(found["point"]["name"])

    assert [drawn(number) for number in range(30)] == [drawn(number) for number in range(30)]
    assert len({drawn(number) for number in range(30)}) == 4


def test_a_drill_counts_its_duration_from_its_own_beginning(ports):
    """Not from the occurrence: others may have had the target for hours."""
    (wish,) = planned(ports)
    ports.clock.advance(3 * 3600)

    assert activities.choose_drill(wish, ports)["value"]["request"]["requestedAt"] == "2026-11-23T05:00:00Z"


def ended(wish: Any, outcome: Outcome) -> dict[str, Any]:
    """Return the end of a drill without a run."""
    return {"v": 1, "wish": wish, "request": None, "outcome": outcome, "fault": None}


def test_a_record_stays_as_it_was_first_written(ports):
    """A step that runs again, or late, changes no word that is proven."""
    (wish,) = planned(ports)
    activities.record_drill(ended(wish, Outcome.REFUSED), ports)
    activities.record_drill(ended(wish, Outcome.SUCCEEDED), ports)

    assert [record.outcome for record in drilled(ports)] == [Outcome.REFUSED]


def test_a_record_without_proof_gives_way_to_one_with_proof(ports):
    """A later look found out how it ended."""
    (wish,) = planned(ports)
    activities.record_drill(ended(wish, Outcome.OUTCOME_UNKNOWN), ports)
    activities.record_drill(ended(wish, Outcome.FAILED), ports)

    assert [record.outcome for record in drilled(ports)] == [Outcome.FAILED]


def test_a_success_without_a_report_keeps_no_rto(ports):
    """What was not measured is not promised to be fast enough."""
    (wish,) = planned(ports)
    activities.record_drill(ended(wish, Outcome.SUCCEEDED), ports)

    (record,) = drilled(ports)
    assert (record.rto_kept, record.evidence) == (None, ())
    assert not drills.is_good(record)


def test_a_record_that_is_written_elsewhere_at_the_same_time_is_read_again(ports):
    """The step runs once more and finds it."""
    (wish,) = planned(ports)
    ports.records().faults["create"].append(ConflictError("just now"))

    assert activities.record_drill(ended(wish, Outcome.REFUSED), ports)["state"] == "retry"


def test_only_drills_back_to_the_last_good_one_are_read(ports):
    """What is older changes nothing, and a timer over a thousand services reads no more than it needs."""
    for days in range(1, 30):
        put_drill(ports, days * DAY, Outcome.SUCCEEDED if days > 2 else Outcome.REFUSED)

    assert len(recent(ports)) == 3


def recent(ports: FakePorts) -> list[DrillRecord]:
    """Return the drills of the first service that its state is made of."""
    return recent_drills(ports.records(), "contoso", ports.first.drill_into.ref)


def test_a_good_drill_into_a_former_target_hides_no_older_one(ports):
    """It tells nothing of the target of today, so reading goes on behind it."""
    own = put_drill(ports, 3 * DAY)
    put_drill(ports, DAY, target=ports.first.ref)

    assert recent(ports) == [own]


def test_what_was_never_drilled_is_warned_of_once_its_points_are_old_enough(ports, logged):
    """The timer could not plan for weeks; that there were points tells. The call's own thread says so."""
    ports.clock.advance(38 * 24 * 3600)
    planned(ports)

    ((line, level, thread),) = logged
    assert line.split()[0] == "drill.overdue"
    assert (level, thread) == ("WARNING", threading.get_ident())


def test_points_that_cannot_be_read_keep_no_drill_from_being_planned():
    """They lie in a region that is lost; that somebody is overdue is then said later."""
    plan = plan_json(region="northeurope", defaults={"drill": {"into": "standby"}})
    ports = FakePorts(plan)
    ports.records("westeurope").faults["keys"].append(UnavailableError("no answer"))

    assert len(planned(ports)) == 1


def test_the_timer_starts_the_occurrence_that_is_due(ports, client):
    """At half past nine it is the one of nine; a second firing finds it."""
    ports.clock.advance(7.5 * 3600)
    schedule = parse("0 0 9 * * *")
    run(start.start(client, ports, schedule))
    run(start.start(client, ports, schedule))

    assert [instance for _, instance, _ in client.started] == ["drills-20261123T090000Z"]


@pytest.mark.parametrize(
    ("status", "starts"), [("Failed", 2), ("Terminated", 2), ("Completed", 1), ("Running", 1)]
)
def test_an_occurrence_that_was_cut_off_may_begin_again(ports, client, status, starts):
    """What it has drilled is on record, and is not drilled twice."""
    schedule = parse("0 0 1 * * *")
    run(start.start(client, ports, schedule))
    client.put(client.started[0][1], status)
    run(start.start(client, ports, schedule))

    assert len(client.started) == starts


def test_storage_that_cannot_be_read_is_asked_again(ports):
    """Planning is repeated, and no drill is lost."""
    ports.records().faults["keys"].append(UnavailableError("no answer"))

    assert planning.plan_drills({"dueAt": START.isoformat()}, ports)["state"] == "retry"
