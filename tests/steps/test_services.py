"""GET /api/services: how services stand, from records alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest

from operate_http import services as calls
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.replication import ReplicationWord
from shared.core.reports import NewestPoint
from shared.core.runs import Outcome
from tests.fakes import FakePorts, MemoryBlobs
from tests.fakes.ports import IDENTITY, plan_json
from tests.steps.standbys import back_up, copy, drilled, replicate, restored, say, with_copies

URL = "https://dr.example/api/services"


def ask(ports: FakePorts, **params: str) -> tuple[int, Any]:
    """Return status and body of the list."""
    query = "&".join(f"{name}={value}" for name, value in {"code": "key", **params}.items())
    request = func.HttpRequest(method="GET", url=f"{URL}?{query}", params=params, body=b"")
    answer = asyncio.run(calls.list_services(request, ports))
    return answer.status_code, json.loads(answer.get_body())


def show(ports: FakePorts, name: str = "contoso") -> Any:
    """Return the body of one service."""
    request = func.HttpRequest(method="GET", url=f"{URL}/{name}", route_params={"name": name}, body=b"")
    answer = asyncio.run(calls.get_service(request, ports))
    return json.loads(answer.get_body())


def test_a_service_of_which_every_promise_is_kept_is_ok() -> None:
    """A point of this night, the standby holds it, and replication says so."""
    ports = FakePorts()
    point = back_up(ports, 3)
    replicate(ports, point)
    say(ports, ReplicationWord.IN_SYNC)

    shown = show(ports)

    assert (shown["state"], shown["reasons"]) == ("ok", [])
    assert shown["restorePoints"]["newest"]["name"] == point.name
    assert (shown["restorePoints"]["ageS"], shown["restorePoints"]["rpoKept"]) == (10_800, True)
    assert shown["standby"]["standing"]["holds"] == point.name
    assert shown["standby"]["word"] == "InSync"


def test_no_restore_point_is_danger() -> None:
    """Nothing could be restored."""
    shown = show(FakePorts(plan_json()))

    assert shown["state"] == "danger"
    assert shown["reasons"][0] == "there is no restore point of it in the records of westeurope"
    assert shown["restorePoints"]["rpoKept"] is False


def test_a_missed_rpo_is_danger_in_words_of_hours() -> None:
    """The plan says 30 hours by default, and the standby's 36."""
    ports = FakePorts()
    replicate(ports, back_up(ports, 40))

    shown = show(ports)

    assert shown["state"] == "danger"
    assert shown["reasons"] == [
        "the newest restore point is 40 hours old, and rpoHours is 30",
        "what the standby contoso-neu holds is 40 hours old, and its rpoHours is 36",
    ]


def test_a_point_that_expires_soon_is_attention() -> None:
    """Two days before nothing can be restored any more somebody should look."""
    plan = plan_json(defaults={"rpoHours": 720})
    del plan["services"][0]["standby"]
    ports = FakePorts(plan)
    back_up(ports, 28 * 24)

    shown = show(ports)

    assert shown["state"] == "attention"
    assert "expires at" in shown["reasons"][0]


@pytest.mark.parametrize(
    ("word", "state", "said"),
    [
        (ReplicationWord.HELD_BACK, "attention", "replication is held back: it shrank"),
        (ReplicationWord.WAITING, "attention", "replication waits: it shrank"),
        (ReplicationWord.FAILED, "danger", "replication has failed: it shrank"),
        (ReplicationWord.IN_SYNC, "attention", "replication: it shrank"),
    ],
)
def test_what_replication_says_is_a_reason(word: ReplicationWord, state: str, said: str) -> None:
    """With its own reasons in the sentence."""
    ports = FakePorts()
    replicate(ports, back_up(ports, 3))
    say(ports, word, reasons=("it shrank",))

    shown = show(ports)

    assert (shown["state"], shown["reasons"]) == (state, [said])


def test_a_paused_service_is_attention_with_the_reason() -> None:
    """A pause is somebody's will, and must not be forgotten."""
    plan = plan_json(defaults={"paused": {"reason": "its owners move it", "until": "2099-01-01T00:00:00Z"}})
    ports = FakePorts(plan)
    replicate(ports, back_up(ports, 3))

    shown = show(ports)

    assert shown["reasons"] == ["the plan has paused it, until 2099-01-01 00:00 UTC: its owners move it"]
    assert shown["paused"]["reason"] == "its owners move it"


def test_the_standbys_app_reads_copies_and_never_the_primarys_region() -> None:
    """What the primary has is taken from what replication saw; its records are not asked."""
    primary = FakePorts(with_copies())
    older, newer = back_up(primary, 27), back_up(primary, 3)
    copy(primary, older)
    replicate(primary, older)
    seen = NewestPoint(name=newer.name, started_at=newer.started_at)
    said = f"{newer.name}: the account did not answer"
    say(primary, ReplicationWord.WAITING, newest_point=seen, copies=1, not_copied=(said,))
    ports = primary.in_region("northeurope")
    for faults in ("read", "keys", "exists"):
        primary.records("westeurope").faults[faults].extend([UnavailableError("lost")] * 99)

    shown = show(ports)

    assert shown["restorePoints"]["region"] == "northeurope"
    assert shown["restorePoints"]["newest"] | {"ageS": 0} == {
        "name": older.name,
        "startedAt": older.to_json()["startedAt"],
        "ageS": 0,
        "expiresAt": older.to_json()["expiresAt"],
        "isUsable": True,
        "isCopy": True,
    }
    assert shown["restorePoints"]["ageS"] == 3 * 3600
    assert shown["standby"]["standing"]["lagS"] == 24 * 3600
    assert (shown["standby"]["copies"], shown["standby"]["notCopied"]) == (1, [said])
    assert shown["state"] == "attention"


def test_a_region_that_does_not_answer_is_said_and_asked_once() -> None:
    """The primary's app shows what it has itself, and a lost region costs one try for all services."""
    ports = FakePorts(plan_json(("a1", "b1", "c1")))
    back = ports.records("northeurope")
    back.faults["keys"].extend([UnavailableError("no answer"), *[AssertionError("asked again")] * 20])
    back.faults["read"].extend([AssertionError("asked again")] * 20)

    _, body = ask(ports)

    assert [one["standby"]["standing"] for one in body["value"]] == [None, None, None]
    assert all("no answer" in one["standby"]["notRead"] for one in body["value"])
    assert all(
        "the records of northeurope could not be read" in " ".join(one["reasons"]) for one in body["value"]
    )


def test_many_services_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next link leads on, holds no key, and ends."""
    monkeypatch.setattr(calls, "SERVICES_MAX", 2)
    ports = FakePorts(plan_json(("d1", "b1", "c1", "a1")))

    first, second = ask(ports)[1], ask(ports, after="b1")[1]

    assert [one["service"] for one in first["value"]] == ["a1", "b1"]
    assert first["nextLink"] == f"{URL}?after=b1"
    assert [one["service"] for one in second["value"]] == ["c1", "d1"]
    assert "nextLink" not in second


def test_azure_is_not_asked() -> None:
    """No call of Azure Resource Manager: a thousand services are an answer of seconds."""
    ports = FakePorts(plan_json(("a1", "b1")))

    ask(ports)

    assert ports.arm.reads == []
    assert ports.arm.posts == []


def test_a_service_costs_few_blob_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many restore points, runs and drills lie there: the page of a fleet must come in time."""
    plan = plan_json()
    plan["services"][0] |= DRILLED
    ports = FakePorts(plan)
    for number in range(30):
        point = back_up(ports, 24 * (30 - number))
        replicate(ports, point)
        drilled(ports, Outcome.SUCCEEDED, 30 - number)
    restored(ports, point, Outcome.SUCCEEDED, kind="replicate")
    calls_made: list[str] = []
    monkeypatch.setattr(MemoryBlobs, "_fault", lambda _self, method: calls_made.append(method))

    show(ports)

    assert 0 < len(calls_made) <= 18


def test_a_service_that_nobody_knows_is_not_found() -> None:
    """404, with the name."""
    body = show(FakePorts(), "nobody")

    assert body["error"]["code"] == "ServiceNotFound"
    assert "nobody" in body["error"]["message"]


def test_a_restore_by_hand_counts_as_what_the_standby_holds() -> None:
    """It leaves no replica; its run says what was restored."""
    ports = FakePorts()
    older, newer = back_up(ports, 27), back_up(ports, 3)
    replicate(ports, older)
    restored(ports, newer, Outcome.SUCCEEDED)

    assert show(ports)["standby"]["standing"]["holds"] == newer.name


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.OUTCOME_UNKNOWN, Outcome.POLL_DENIED])
def test_a_restore_that_did_not_succeed_leaves_a_doubt(outcome: Outcome) -> None:
    """It may have left the standby half old, half new, whatever the replicas say."""
    ports = FakePorts()
    point = back_up(ports, 3)
    replicate(ports, point)
    run_id = restored(ports, point, outcome)

    shown = show(ports)

    assert shown["state"] == "danger"
    assert run_id in shown["standby"]["doubt"]


def test_a_restore_under_way_is_shown_and_leaves_no_doubt() -> None:
    """Every night there is one."""
    ports = FakePorts()
    point = back_up(ports, 3)
    replicate(ports, point)
    run_id = restored(ports, point, None, kind="replicate")

    shown = show(ports)

    assert (shown["standby"]["doubt"], shown["standby"]["runId"]) == ("", run_id)


DRILL_TARGET = plan_json(("drill",))["services"][0]["resourceId"]
DRILLED = {
    "drill": {"everyDays": 30},
    "drillTarget": {"resourceId": DRILL_TARGET, "region": "northeurope", "access": IDENTITY},
}


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.FAILED, "danger"), (Outcome.REFUSED, "attention"), (Outcome.SUCCEEDED, "ok")],
)
def test_the_last_drill_is_part_of_the_state(outcome: Outcome, state: str) -> None:
    """One that failed is danger; one that was refused has proven nothing, which is attention."""
    plan = plan_json()
    plan["services"][0] |= DRILLED
    ports = FakePorts(plan)
    replicate(ports, back_up(ports, 3))
    drilled(ports, Outcome.SUCCEEDED, 10)
    drilled(ports, outcome, 2)

    shown = show(ports)

    assert (shown["state"], shown["drills"]["lastWord"]) == (state, outcome)
    assert shown["drills"]["lastSucceededAt"] is not None


def test_an_overdue_drill_is_attention() -> None:
    """The last one that succeeded is older than the plan allows."""
    plan = plan_json()
    plan["services"][0] |= DRILLED
    ports = FakePorts(plan)
    replicate(ports, back_up(ports, 3))
    drilled(ports, Outcome.SUCCEEDED, 60)

    shown = show(ports)

    assert shown["state"] == "attention"
    assert shown["reasons"][0].startswith("a drill is overdue: everyDays is 30")


def test_points_of_a_former_primary_are_none_of_the_services() -> None:
    """After the roles were swapped its own new backups count, and not the old ones beside them."""
    ports = FakePorts()
    point = back_up(ports, 3)
    standby = ports.first.standby
    assert standby is not None
    foreign = point.model_copy(update={"source": standby.ref})
    key = layout.restore_point_key("contoso", point.name)
    ports.records().put(key, foreign.to_bytes())

    assert show(ports)["restorePoints"]["newest"] is None
