"""The calls that keep the catalogue: what they answer, and what they leave alone."""

from __future__ import annotations

import datetime as dt
import json

import azure.functions as func
import pytest

from catalog_keeping.calls import (
    get_rebuild,
    hold_restore_point,
    release_restore_point,
    show_prune_plan,
    start_rebuild,
)
from operate_http.calls import list_restore_points
from shared.core import layout
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.rebuilding import RebuildRecord
from shared.core.retention import Hold
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import IDENTITY, SUBSCRIPTION, plan_json, resource_id
from tests.steps.conftest import FakeClient, body_of, run
from tests.steps.keeping import ALIVE, add_point, hold, keeping_ports, prune, storm, traces

URL = "https://dr.example/api/somewhere?code=SECRET"


def call(body=b"", params=None, **route):
    """Return a call as the host hands it over."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return func.HttpRequest(method="POST", url=URL, body=content, route_params=route, params=params or {})


@pytest.fixture
def ports():
    """The primary's app, one service without a standby, and the strictest rules."""
    return keeping_ports()


@pytest.fixture
def point(ports):
    """A point that no rule keeps, and a newer one."""
    add_point(ports, 0)
    return add_point(ports, 20)


def put_hold(ports, point, body):
    """Ask for a hold."""
    return run(hold_restore_point(call(body, service=point.service, name=point.name), ports))


def drop_hold(ports, point):
    """Take a hold back."""
    return run(release_restore_point(call(service=point.service, name=point.name), ports))


def code_of(answer):
    """Return status and error code of an answer."""
    return answer.status_code, body_of(answer)["error"]["code"]


def test_the_prune_plan_shows_every_point_and_why(ports, point):
    """Verdicts, rules and reasons; nothing is written or deleted by asking."""
    storm(ports).calm()

    answer = run(show_prune_plan(call(params={"service": "contoso"}), ports))

    shown = body_of(answer)
    assert answer.status_code == 200
    assert shown["points"][0]["name"] == point.name
    assert [one["verdict"] for one in shown["points"]] == ["die", "keep"]
    assert all(one["reasons"] for one in shown["points"])
    assert (shown["rules"]["keepLast"], shown["dying"], shown["nothingDiesBecause"]) == (1, 1, "")
    assert storm(ports).changes() == []


def test_the_prune_plan_of_a_service_without_rules_says_so():
    """Nothing ever dies there, and the answer tells why."""
    ports = FakePorts()
    add_point(ports, 400)

    shown = body_of(run(show_prune_plan(call(params={"service": "contoso"}), ports)))

    assert (shown["rules"], shown["dying"]) == (None, 0)
    assert "no retention" in shown["nothingDiesBecause"]


def test_the_prune_plan_names_records_that_cannot_be_read(ports, point):
    """Then nothing dies, and the record can be found."""
    broken = layout.restore_point_key("contoso", "contoso_20261001T000000Z.apimbackup")
    ports.records().put(broken, b"{}")

    shown = body_of(run(show_prune_plan(call(params={"service": "contoso"}), ports)))

    assert shown["dying"] == 0
    assert broken in shown["nothingDiesBecause"]


def test_the_prune_plan_can_be_asked_for_in_every_region(ports, point):
    """It is read only."""
    other = ports.in_region("northeurope")

    shown = body_of(run(show_prune_plan(call(params={"service": "contoso"}), other)))

    assert shown["dying"] == 1


@pytest.mark.parametrize(
    ("params", "expected"),
    [({}, (400, "RequestInvalid")), ({"service": "nobody"}, (404, "ServiceNotFound"))],
)
def test_a_prune_plan_needs_a_service_of_the_plan(ports, params, expected):
    """The answer names those that there are."""
    answer = run(show_prune_plan(call(params=params), ports))

    assert code_of(answer) == expected
    assert "contoso" in body_of(answer)["error"]["message"]


def test_a_prune_plan_that_cannot_be_made_now_can_be_asked_for_again(ports, point):
    """Storage does not answer: 503 with Retry-After, and not a plan of half of the points."""
    ports.records().faults["keys"].append(UnavailableError("records: ServerBusy"))

    answer = run(show_prune_plan(call(params={"service": "contoso"}), ports))

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_all_services_together_show_their_newest_points_only(ports):
    """A thousand services with thirty points each would not be read in time; one service shows all."""
    points = [add_point(ports, days) for days in (4, 3, 2, 1, 0)]

    few = body_of(run(list_restore_points(call(), ports)))["value"]
    every = body_of(run(list_restore_points(call(params={"service": "contoso"}), ports)))["value"]

    assert [one["name"] for one in few] == [point.name for point in points[-3:]]
    assert [one["name"] for one in every] == [point.name for point in points]


def test_a_held_point_is_shown_as_held_and_not_pruned(ports, point):
    """Reason and time stand in the list of restore points, and the hold keeps the point."""
    answer = put_hold(ports, point, {"reason": "ticket 17"})

    shown = body_of(run(list_restore_points(call(), ports)))["value"]
    assert (answer.status_code, body_of(answer)["reason"]) == (200, "ticket 17")
    assert [one["hold"] for one in shown] == [
        {"reason": "ticket 17", "heldAt": "2026-11-23T02:00:00Z"},
        None,
    ]
    assert body_of(run(show_prune_plan(call(params={"service": "contoso"}), ports)))["dying"] == 0


def test_the_same_hold_again_changes_nothing(ports, point):
    """The first time stays; another reason replaces the first."""
    put_hold(ports, point, {"reason": "ticket 17"})
    ports.clock.advance(60)

    again = body_of(put_hold(ports, point, {"reason": "ticket 17"}))
    other = body_of(put_hold(ports, point, {"reason": "ticket 18"}))

    assert (again["heldAt"], other["heldAt"]) == ("2026-11-23T02:00:00Z", "2026-11-23T02:01:00Z")
    assert other["reason"] == "ticket 18"


def test_a_hold_can_be_taken_back(ports, point):
    """Once or twice; the list shows none then."""
    put_hold(ports, point, {"reason": "ticket 17"})

    answers = [drop_hold(ports, point) for _ in range(2)]

    assert [(answer.status_code, body_of(answer)) for answer in answers] == [(200, {"hold": None})] * 2
    assert not ports.records().exists(layout.hold_key("contoso", point.name))


@pytest.mark.parametrize(
    "name",
    ["contoso_20200101T000000Z.apimbackup", "other_20261103T020000Z.apimbackup", "../x", "", "latest"],
)
def test_a_hold_on_an_unknown_point_is_404(ports, point, name):
    """A name without a record, of another service, or none of ours: nothing is written."""
    unknown = point.model_copy(update={"name": name})
    storm(ports).calm()

    answers = [put_hold(ports, unknown, {"reason": "why"}), drop_hold(ports, unknown)]

    assert [code_of(answer) for answer in answers] == [(404, "RestorePointNotFound")] * 2
    assert [call for call in storm(ports).changes() if call.method != "delete"] == []


def test_a_hold_on_an_unknown_service_is_404(ports, point):
    """The services that there are, are named."""
    answer = put_hold(ports, point.model_copy(update={"service": "nobody"}), {"reason": "why"})

    assert code_of(answer) == (404, "ServiceNotFound")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"not json", b"[]", {"reason": ""}, {"reason": " "}, {"reason": "x" * 201},
     {"reason": "two\nlines"}, {"reason": 7}, {"reason": "why", "until": "later"}],
)  # fmt: skip
def test_a_hold_without_a_usable_reason_is_400(ports, point, body):
    """Every fault is named, and the answer shows a body that works."""
    answer = put_hold(ports, point, body)

    assert code_of(answer) == (400, "RequestInvalid")
    assert '{"reason":' in body_of(answer)["error"]["message"]
    assert not ports.records().exists(layout.hold_key("contoso", point.name))


def test_holds_are_written_by_the_app_of_the_region(ports, point):
    """Each app writes to its own region's records only."""
    answer = put_hold(ports.in_region("northeurope"), point, {"reason": "why"})

    assert code_of(answer) == (409, "OtherRegion")


def test_a_hold_that_may_have_come_too_late_is_not_called_one(ports, point):
    """A mark is there, and the record cannot be fenced: the hold is written all the same."""
    ports.records().put(layout.open_prune_key("contoso", point.name), b"")
    ports.records().faults["replace"].append(ConflictError("LeaseIdMissing"))

    answer = put_hold(ports, point, {"reason": "why"})

    assert code_of(answer) == (409, "PruneUnderWay")
    assert answer.headers["Retry-After"]
    assert ports.records().exists(layout.hold_key("contoso", point.name))


def test_a_hold_on_a_point_that_goes_at_this_moment_is_404(ports, point):
    """The record vanishes while the hold is written: no hold is left behind."""

    def listener(seen):
        if seen.method == "put":
            ports.records().delete(layout.restore_point_key("contoso", point.name))

    storm(ports).on_call = listener

    assert code_of(put_hold(ports, point, {"reason": "why"})) == (404, "RestorePointNotFound")
    assert not ports.records().exists(layout.hold_key("contoso", point.name))


def test_a_hold_and_a_pruning_never_both_win():
    """Whenever the hold comes in, call by call: it was confirmed and the point is whole, or it was not."""
    confirmed = []
    for at in range(60):
        ports = keeping_ports()
        old, fresh = add_point(ports, 20), add_point(ports, 0)
        answers = []

        def listener(_seen, ports=ports, old=old, answers=answers, at=at):
            if len(storm(ports).calls) == at and not answers:
                answers.append(put_hold(ports, old, {"reason": "why"}))

        storm(ports).calm()
        storm(ports).on_call = listener
        prune(ports, fresh)
        storm(ports).on_call = None
        if not answers:
            break
        confirmed.append(answers[0].status_code)
        assert answers[0].status_code in {200, 404}
        if answers[0].status_code == 200:
            assert traces(ports, old) == ALIVE
        elif answers[0].status_code == 404:
            assert not traces(ports, old)["backup"] or traces(ports, old)["mark"]

    assert set(confirmed) == {200, 404}


def test_a_hold_that_cannot_be_read_is_shown_as_one(ports, point):
    """The point is held; its reason is not known, and can be written anew."""
    ports.records().put(layout.hold_key("contoso", point.name), b"{}")

    shown = body_of(run(list_restore_points(call(), ports)))["value"][0]["hold"]
    again = put_hold(ports, point, {"reason": "ticket 18"})

    assert "cannot be read" in shown["reason"]
    assert body_of(again)["reason"] == "ticket 18"


def test_a_hold_is_a_document_of_its_own(ports, point):
    """It can be read without the app."""
    hold(ports, point, "audit")

    content, _ = ports.records().read(layout.hold_key("contoso", point.name))

    assert Hold.from_bytes(content).reason == "audit"


def rebuild(ports, client, body=b""):
    """Ask for a rebuild."""
    return run(start_rebuild(call(body), client, ports, request_id="a test"))


def look(ports, client, rebuild_id):
    """Look at a rebuild."""
    return run(get_rebuild(call(rebuild_id=rebuild_id), client, ports))


@pytest.mark.parametrize("body", [b"", b"{}", {"service": "contoso"}, {"service": None}])
def test_a_rebuild_is_202_with_a_location_to_follow(ports, body):
    """One service, or all of this region; no key comes back."""
    client = FakeClient()

    answer = rebuild(ports, client, body)

    shown = body_of(answer)
    assert (answer.status_code, shown["services"]) == (202, ["contoso"])
    assert answer.headers["Location"] == f"https://dr.example/api/catalog/rebuilds/{shown['rebuildId']}"
    assert [(name, instance) for name, instance, _ in client.started] == [
        ("rebuild_catalog", shown["rebuildId"])
    ]


LIST = f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.apimanagement/service"


def discovering_ports():
    """Return the ports of a plan that names no service, and finds one."""
    storage = {"account": "drprimary", "container": "apim-backups", "access": IDENTITY}
    discover = {"subscriptions": [SUBSCRIPTION], "tag": {"apim-dr": "nightly"}}
    ports = FakePorts(plan_json((), discover=discover, defaults={"storage": storage}))
    found = {
        "id": resource_id("fabrikam"),
        "name": "fabrikam",
        "location": "West Europe",
        "sku": {"name": "Standard", "capacity": 1},
        "tags": {"apim-dr": "nightly"},
    }
    ports.arm.resources |= {LIST: [found], found["id"].lower(): found}
    return ports


@pytest.mark.parametrize("body", [{}, {"service": "fabrikam"}])
def test_a_rebuild_finds_services_whose_roster_was_lost(body):
    """The roster lies where the lost records lay: discovery is asked first."""
    ports = discovering_ports()
    assert not ports.records().exists(layout.ROSTER)

    shown = body_of(rebuild(ports, FakeClient(), body))

    assert (shown["services"], shown["warnings"]) == (["fabrikam"], [])


def test_a_rebuild_says_where_it_could_not_look_for_services():
    """A subscription that cannot be read: its services may be missing, and answer and record say so."""
    ports, client = discovering_ports(), FakeClient()
    ports.arm.resources[LIST] = AccessError("403 AuthorizationFailed")

    answer = rebuild(ports, client)

    shown = body_of(answer)
    assert (answer.status_code, shown["services"]) == (202, [])
    assert SUBSCRIPTION in shown["warnings"][0]
    content, _ = ports.records().read(layout.rebuild_key(shown["rebuildId"]))
    assert list(RebuildRecord.from_bytes(content).warnings) == shown["warnings"]


def test_a_rebuild_whose_roster_cannot_be_written_goes_on_with_what_is_known():
    """The services of the plan are rebuilt, and the answer says what was not asked."""
    ports = discovering_ports()
    ports.records().faults["create"].append(UnavailableError("records: ServerBusy"))

    shown = body_of(rebuild(ports, FakeClient()))

    assert "ServerBusy" in shown["warnings"][0]


def test_a_rebuild_of_all_services_is_of_those_of_this_region(ports):
    """The other region's app writes the records of the other ones."""
    assert body_of(rebuild(ports.in_region("northeurope"), FakeClient()))["services"] == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"no json", (400, "RequestInvalid")),
        (b"[]", (400, "RequestInvalid")),
        ({"service": ""}, (400, "RequestInvalid")),
        ({"services": ["contoso"]}, (400, "RequestInvalid")),
        ({"service": "nobody"}, (404, "ServiceNotFound")),
    ],
)
def test_a_rebuild_that_cannot_be_understood_starts_nothing(ports, body, expected):
    """One clear error."""
    client = FakeClient()

    assert code_of(rebuild(ports, client, body)) == expected
    assert client.started == []


def test_a_rebuild_in_another_region_is_asked_for_there(ports):
    """Each app writes to its own region's records only."""
    answer = rebuild(ports.in_region("northeurope"), FakeClient(), {"service": "contoso"})

    assert code_of(answer) == (409, "OtherRegion")


def test_a_rebuild_that_durable_does_not_take_is_503(ports):
    """The caller may ask again."""
    client = FakeClient()
    client.on_start = RuntimeError("no")

    assert code_of(rebuild(ports, client)) == (503, "StartFailed")


def test_a_rebuild_at_work_is_202_with_how_far_it_is(ports):
    """And the same Location."""
    client = FakeClient()
    started = rebuild(ports, client)

    answer = look(ports, client, body_of(started)["rebuildId"])

    assert answer.status_code == 202
    assert answer.headers["Location"] == started.headers["Location"]
    assert body_of(answer)["servicesSeen"] == 0


def test_a_rebuild_that_has_ended_is_200_with_its_results(ports):
    """From its record, whatever Durable still knows."""
    client = FakeClient()
    rebuild_id = body_of(rebuild(ports, client))["rebuildId"]
    key = layout.rebuild_key(rebuild_id)
    record = RebuildRecord.from_bytes(ports.records().read(key)[0])
    ports.records().put(key, record.model_copy(update={"ended_at": START}).to_bytes())
    client.on_status = RuntimeError("never asked")

    answer = look(ports, client, rebuild_id)

    assert (answer.status_code, body_of(answer)["counts"]) == (200, {})


def test_a_rebuild_that_nothing_drives_any_more_says_so(ports):
    """After a while, instead of 202 for ever."""
    client = FakeClient()
    rebuild_id = body_of(rebuild(ports, client))["rebuildId"]
    client.put(rebuild_id, "Failed")

    assert look(ports, client, rebuild_id).status_code == 202
    ports.clock.advance(dt.timedelta(minutes=6).total_seconds())
    assert code_of(look(ports, client, rebuild_id)) == (424, "RebuildAbandoned")


@pytest.mark.parametrize("rebuild_id", ["rebuild-20261123T020000Z-00000000", "../runs/x", ""])
def test_an_unknown_rebuild_is_404(ports, rebuild_id):
    """Also an id that could be none."""
    assert code_of(look(ports, FakeClient(), rebuild_id)) == (404, "RebuildNotFound")
