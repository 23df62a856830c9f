"""The steps of a night: whom it plans, how it starts a backup, what its record says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from backup_timer import activities
from backup_timer.night_record import end_night
from shared.core import layout, names
from shared.core.errors import AccessError, UnavailableError
from shared.core.fleet import Finished, FleetState, Start
from shared.core.lro import Fault
from shared.core.nights import NightWish
from shared.core.reports import NightRecord
from shared.core.runs import Outcome, RunPhase, advance
from shared.core.steps import StepResult, StepState
from shared.nights import open_nights
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.fakes.ports import SUBSCRIPTION, plan_json, resource_id
from tests.steps.conftest import run

TONIGHT = names.night_id(START)
BUSY = UnavailableError("the records: ServerBusy")
TAG = {"apim-dr": "nightly"}
SERVICES = f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.apimanagement/service"


def wish(**changes: Any) -> NightWish:
    """Return the wish of tonight's night."""
    return NightWish(
        night=TONIGHT, trigger="timer", scheduled_at=START, requested_at=START, begun_at=START
    ).model_copy(update=changes)


def ports_of(*services: str, settings: dict[str, Any] | None = None, **plan: Any) -> FakePorts:
    """Return ports over a plan; `settings` are further fields of its services, by name."""
    data = plan_json(services or ("contoso",), **plan)
    for service in data["services"]:
        service |= (settings or {}).get(service["name"], {})
    return FakePorts(data)


def planned(ports: FakePorts, **changes: Any) -> FleetState:
    """Plan a night."""
    result = StepResult.from_json(activities.plan_night(wish(**changes).to_json(), ports))
    assert result.state is StepState.DONE, result
    return FleetState.from_json(result.value["state"])


def paused(reason: str = "moving house", **more: Any) -> dict[str, Any]:
    """Return the settings of a paused service."""
    return {"paused": {"reason": reason, **more}}


def words(state: FleetState) -> dict[str, tuple[str, str]]:
    """Return word and code of every service that has its word."""
    return {one.service: (one.word, one.fault.code if one.fault else "") for one in state.ended}


def test_a_night_plans_the_services_of_its_own_region():
    """The app of a region backs up the primaries there, and no standbys."""
    own, other = FakePorts(), FakePorts().in_region("northeurope")

    assert planned(own).waiting == ("contoso",)
    assert planned(other).waiting == ()


def test_a_paused_service_is_refused_with_its_reason():
    """Nothing is started for it, and the record will say why and until when."""
    ports = ports_of(
        "one",
        "two",
        settings={"one": paused(until="2026-12-01T00:00:00Z"), "two": paused(until="2026-11-23T02:00:00Z")},
    )

    state = planned(ports)

    assert (state.waiting, words(state)) == (("two",), {"one": ("Refused", "Paused")})
    assert state.ended[0].fault.message == "paused until 2026-12-01 00:00 UTC: moving house"


def test_a_paused_service_that_is_named_is_backed_up():
    """Who names it means it."""
    state = planned(ports_of("one", "two", settings={"one": paused()}), services=("one",))

    assert (state.waiting, state.ended) == (("one",), ())


def test_a_service_that_is_no_longer_known_is_refused():
    """Between the call and the night the plan was changed."""
    state = planned(ports_of("one"), services=("one", "gone"))

    assert (state.waiting, words(state)) == (("one",), {"gone": ("Refused", "ServiceNotFound")})


def test_a_night_knows_who_gets_one_more_backup():
    """Only those whose plan says so."""
    ports = ports_of("one", "two", settings={"two": {"againIfChanged": True}})

    assert planned(ports).again_for == ("two",)


def test_the_wish_of_many_names_does_not_travel_with_the_state():
    """They stand in the row of those who wait."""
    assert planned(ports_of("one"), services=("one",)).wish.services is None


def discovering(answer: Any) -> FakePorts:
    """Return ports over a plan that discovers, and what the subscription answers."""
    storage = plan_json()["services"][0]["storage"]
    ports = ports_of(discover={"subscriptions": [SUBSCRIPTION], "tag": TAG}, defaults={"storage": storage})
    ports.arm.resources[SERVICES] = answer
    return ports


def resource(name: str, **changes: Any) -> dict[str, Any]:
    """Return a service as the list of a subscription shows it."""
    sku = {"name": "Standard"}
    return {"id": resource_id(name), "location": "West Europe", "tags": TAG, "sku": sku, **changes}


def test_a_night_finds_new_services():
    """Each night asks Azure which services have the tag."""
    state = planned(discovering([resource("adatum")]))

    assert (state.waiting, state.warnings) == (("contoso", "adatum"), ())


def test_a_subscription_that_cannot_be_read_costs_no_service():
    """What it found before is backed up, and the night says that it could not ask."""
    ports = discovering([resource("adatum")])
    planned(ports)
    ports.arm.resources[SERVICES] = AccessError("403 AuthorizationFailed")

    state = planned(ports)

    assert state.waiting == ("contoso", "adatum")
    assert [SUBSCRIPTION in text and "403" in text for text in state.warnings] == [True]


def test_services_that_left_or_are_left_out_are_named():
    """Nothing disappears in silence."""
    ports = discovering([resource("adatum"), resource("tailspin")])
    planned(ports)
    untagged = resource("adatum", tags={})
    ports.arm.resources[SERVICES] = [untagged, resource("tailspin", location="Mars")]
    ports.arm.resources[resource_id("adatum").lower()] = untagged

    state = planned(ports)

    told = " / ".join(state.warnings)
    assert "adatum is no longer protected: it no longer has the tags" in told
    assert "tailspin is left out" in told


def test_a_roster_that_cannot_be_written_is_a_warning():
    """The services that are known are backed up."""
    ports = discovering([resource("adatum")])
    planned(ports)
    ports.records().faults["replace"].append(AccessError("the records: 403"))

    state = planned(ports)

    assert state.waiting == ("contoso", "adatum")
    assert "discovery was not possible" in state.warnings[0]


def test_a_roster_that_cannot_be_read_costs_no_service_of_the_plan():
    """Those that the plan names need no discovery; the night says what it does without."""
    ports = discovering([resource("adatum")])
    ports.records().put(layout.ROSTER, b"{")
    ports.records().faults["replace"].append(AccessError("the records: 403"))

    state = planned(ports)

    assert state.waiting == ("contoso",)
    assert "not readable, and not backed up" in state.warnings[1]


def test_a_storage_that_is_down_is_asked_again():
    """Planning without the roster would lose services, so it waits."""
    ports = discovering([resource("adatum")])
    ports.records().faults["read"].extend([None, BUSY])

    results = [StepResult.from_json(activities.plan_night(wish().to_json(), ports)).state for _ in range(2)]

    assert results == [StepState.RETRY, StepState.DONE]


def start(service: str = "contoso", **changes: Any) -> Start:
    """Return the wish to start a service's backup."""
    return Start(
        night=TONIGHT, trigger="timer", scheduled_at=START, service=service, requested_at=START
    ).model_copy(update=changes)


def begin(ports: FakePorts, client: Any, one: Start) -> dict[str, Any]:
    """Start a backup."""
    answer: dict[str, Any] = run(activities.start_backup(one.to_json(), client, ports))
    return answer


def test_a_start_writes_the_run_down_with_the_nights_schedule(client):
    """The wish on record says when the night was due, what began it, and how long a point is valid."""
    ports = ports_of(settings={"contoso": {"validityDays": 14}})

    answer = begin(ports, client, start(requested_at=START + dt.timedelta(hours=5)))

    request = ports.runs.read(answer["runId"])[0].wish
    assert answer["runId"] == "20261123T070000Z-backup-contoso"
    assert (request["scheduledAt"], request["trigger"]) == ("2026-11-23T02:00:00Z", "timer")
    assert (request["backupName"], request["validityDays"]) == ("contoso_20261123T070000Z.apimbackup", 14)


def test_runs_of_two_calls_of_one_second_are_told_apart(client):
    """The night's id is part of what names a run on demand."""
    ports = ports_of()
    ids = set()
    for because in ("a", "b"):
        night = names.night_id(START, because=because)
        client.instances.clear()
        ids.add(begin(ports, client, start(night=night, trigger="http", scheduled_at=None))["runId"])

    assert len(ids) == 2
    assert all(names.is_run_id(run_id) for run_id in ids)


def test_the_same_start_twice_is_one_run(client):
    """An activity may be executed more than once."""
    ports = ports_of()

    answers = [begin(ports, client, start())["started"] for _ in range(2)]

    assert answers == ["started", "running"]
    assert len(client.started) == 1


def test_a_service_that_is_unknown_is_a_final_fault(client):
    """Asking again would not help, and nothing is raised into the wave."""
    answer = begin(ports_of(), client, start("nobody"))

    assert (answer["fault"]["code"], answer["isFinal"]) == ("ServiceNotFound", True)


@pytest.mark.parametrize("trouble", ["durable", "storage"])
def test_a_start_that_fails_is_a_fault_that_may_pass(client, trouble):
    """Durable or storage is down: told as data, since one start that raises would hide the others."""
    ports = ports_of()
    if trouble == "durable":
        client.on_start = RuntimeError("the host said 500")
    else:
        ports.records().faults["create"].append(BUSY)

    answer = begin(ports, client, start())

    assert answer["isFinal"] is False
    assert answer["fault"]["code"] in {"StartFailed", "Unavailable"}


def test_a_night_that_is_started_again_finds_what_it_has_backed_up(client):
    """The point of the same occurrence is the word; a point of another one is none."""
    ports = ports_of()
    point = make_point(ports, START, names.backup_name("contoso", START))
    record = layout.restore_point_key("contoso", point.name)
    again = start(look_first=True, requested_at=START + dt.timedelta(minutes=40))

    found = {}
    for scheduled_at in (START, START - dt.timedelta(days=1)):
        ports.records().put(record, point.model_copy(update={"scheduled_at": scheduled_at}).to_bytes())
        found[scheduled_at.day] = begin(ports, client, again)

    assert (found[23]["started"], found[23]["runId"]) == ("ended", point.run_id)
    assert found[22]["started"] == "started"


def test_a_night_on_demand_that_is_started_again_finds_what_it_has_backed_up(client):
    """It has no occurrence, but its id stands in the ids of its runs; another call's point is none of its."""
    ports = ports_of()
    point = make_point(ports, START, names.backup_name("contoso", START))
    record = layout.restore_point_key("contoso", point.name)
    own, other = (names.night_id(START, because=because) for because in "ab")
    again = start(night=own, trigger="http", scheduled_at=None, look_first=True)

    found = {}
    for night in (own, other):
        run_id = names.run_id("backup", "contoso", START, because=night)
        ports.records().put(record, point.model_copy(update={"run_id": run_id}).to_bytes())
        found[night] = begin(ports, client, again)["started"]

    assert found == {own: "ended", other: "started"}


def ended(ports: FakePorts, service: str, word: Outcome, *, point: str | None = None) -> str:
    """Leave the record of a run that has ended, and return its id."""
    found = ports.plan.service(service)
    assert found is not None
    request = activities.request_for(found, START, ports)
    ports.runs.create(request.first_record())
    run_record, etag = ports.runs.read(request.run_id)
    fault = None if word is Outcome.SUCCEEDED else Fault(code="BackupFailed", message="storage said no")
    changes: dict[str, Any] = {"outcome": word, "fault": fault, "restore_point": point, "ended_at": START}
    ports.runs.replace(advance(run_record, RunPhase.ENDED, START, **changes), etag)
    return request.run_id


def close(ports: FakePorts, state: FleetState, ended_at: dt.datetime = START) -> StepResult:
    """End a night."""
    night = {"v": 1, "state": state.to_json(), "endedAt": ended_at.isoformat()}
    return StepResult.from_json(end_night(night, ports))


def test_the_record_says_for_every_service_what_it_got_and_why():
    """From the runs' records, in alphabetical order, with the newest point and whether the RPO is kept."""
    ports = ports_of("c1", "a1", "b1", settings={"a1": {"rpoHours": 24}})
    # the fakes' points are of the first service of the plan
    point = make_point(ports, START, names.backup_name("c1", START))
    good = ended(ports, "c1", Outcome.SUCCEEDED, point=point.name)
    finished = (
        Finished(service="c1", word=Outcome.SUCCEEDED, run_ids=(good,)),
        Finished(service="a1", word=Outcome.FAILED, run_ids=(ended(ports, "a1", Outcome.FAILED),)),
        Finished(service="b1", word=Outcome.REFUSED, fault=Fault(code="Paused", message="moving house")),
    )
    state = planned(ports).model_copy(update={"waiting": (), "ended": finished, "warnings": ("no list",)})

    result = close(ports, state, START + dt.timedelta(hours=1))

    record = NightRecord.from_bytes(ports.records().read(layout.night_key(TONIGHT))[0])
    assert result.value == {"night": TONIGHT, "words": {"Succeeded": 1, "Failed": 1, "Refused": 1}}
    assert [told.service for told in record.services] == ["a1", "b1", "c1"]
    failed, refused, succeeded = record.services
    assert (failed.outcome, failed.fault.message) == (Outcome.FAILED, "storage said no")
    assert (refused.fault.message, refused.run_ids) == ("moving house", ())
    assert (succeeded.restore_point, succeeded.newest_point.name) == (point.name, point.name)
    assert (succeeded.recovery_point_age_s, succeeded.rpo_kept) == (3600, True)
    assert record.rpo_missed == ("a1", "b1")
    assert (record.scheduled_at, record.ended_at) == (START, START + dt.timedelta(hours=1))
    assert (record.warnings, record.trigger) == (("no list",), "timer")


def test_an_earlier_nights_point_can_keep_the_rpo():
    """A failure tonight is no loss as long as last night's point is young enough."""
    ports = ports_of(settings={"contoso": {"rpoHours": 48}})
    last = START - dt.timedelta(days=1)
    make_point(ports, last, names.backup_name("contoso", last))
    finished = Finished(
        service="contoso", word=Outcome.FAILED, run_ids=(ended(ports, "contoso", Outcome.FAILED),)
    )

    close(ports, planned(ports).model_copy(update={"waiting": (), "ended": (finished,)}))

    record = NightRecord.from_bytes(ports.records().read(layout.night_key(TONIGHT))[0])
    assert (record.services[0].restore_point, record.services[0].rpo_kept) == (None, True)
    assert record.rpo_missed == ()


def test_the_record_of_a_night_can_be_written_twice():
    """The same night again is the same record; a storage that is down is asked again."""
    ports = ports_of()
    run_id = ended(ports, "contoso", Outcome.FAILED)
    finished = Finished(service="contoso", word=Outcome.FAILED, run_ids=(run_id,))
    state = planned(ports).model_copy(update={"waiting": (), "ended": (finished,)})
    ports.records().put(layout.open_night_key(TONIGHT), wish().to_bytes())
    ports.records().faults["put"].append(BUSY)
    ports.records().faults["keys"].append(BUSY)

    states, contents = [], set()
    for _ in range(4):
        states.append(close(ports, state).state)
        if states[-1] is StepState.DONE:
            contents.add(ports.records().read(layout.night_key(TONIGHT))[0])

    assert states == [StepState.RETRY, StepState.RETRY, StepState.DONE, StepState.DONE]
    assert len(contents) == 1
    assert open_nights(ports) == []


def test_points_that_may_not_be_read_do_not_cost_the_record():
    """The words are known; what is not is a warning."""
    ports = ports_of()
    run_id = ended(ports, "contoso", Outcome.FAILED)
    finished = Finished(service="contoso", word=Outcome.FAILED, run_ids=(run_id,))
    ports.records().faults["keys"].append(AccessError("the records: 403"))

    close(ports, planned(ports).model_copy(update={"waiting": (), "ended": (finished,)}))

    told = NightRecord.from_bytes(ports.records().read(layout.night_key(TONIGHT))[0]).services[0]
    assert (told.outcome, told.rpo_kept) == (Outcome.FAILED, None)
    assert "could not be read: the records: 403" in told.warnings[-1]
