"""What can befall one service's operations: outcomes, durations, states, bent Locations."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from tests.simulator.virtual import BACKUP, SERVICE, SERVICE_BODY, START, Stage

OTHER = f"{SERVICE}-other"
BLOB = "drprimary/apim-backups/contoso.apimbackup"


def _outcome(stage: Stage, **body: Any) -> None:
    stage.simulator.control("POST", "outcomes", {"operation": "backup", "service": SERVICE, **body})


def _fault(stage: Stage, **body: Any) -> None:
    match = {"pathContains": "service/contoso/"}
    stage.simulator.control("POST", "faults", {"match": match, **body})


def _end(stage: Stage, location: str, seconds: float = 660) -> Any:
    stage.pass_time(seconds)
    return stage.send("GET", location)


# --- Outcomes ------------------------------------------------------------------------------------------


def test_operation_fails_with_the_code_it_was_told(stage: Stage) -> None:
    """The poll answers 400 with code and message when its time is over; no blob is written."""
    _outcome(stage, error={"code": "BackupFailed", "message": "storage was away"})
    location = stage.begin()
    running = stage.send("GET", location).status_code
    answer = _end(stage, location)

    error = answer.json()["error"]
    assert (running, answer.status_code) == (202, 400)
    assert (error["code"], error["message"]) == ("BackupFailed", "storage was away")
    assert stage.memory.blobs == {}
    (operation,) = stage.simulator.account()[SERVICE].operations
    assert (operation.state, operation.error) == ("Failed", "BackupFailed")


def test_outcome_lasts_for_its_times_and_the_next_operation_is_ordinary(stage: Stage) -> None:
    """Two failures and a success, as a night that tries again sees them."""
    _outcome(stage, error={"code": "BackupFailed", "message": "m"}, times=2)
    statuses = [_end(stage, stage.begin()).status_code for _ in range(3)]

    assert statuses == [400, 400, 200]


def test_refused_post_uses_up_no_outcome(stage: Stage) -> None:
    """Only an operation that was accepted takes one."""
    _outcome(stage, error={"code": "BackupFailed", "message": "m"})
    _fault(stage, status=503)
    stage.send("POST", f"{SERVICE}/backup", BACKUP)

    assert _end(stage, stage.begin()).status_code == 400


def test_outcome_meets_only_its_service_and_kind(stage: Stage) -> None:
    """Another service, and a restore, end as usual."""
    stage.simulator.arm("PUT", OTHER, SERVICE_BODY)
    location = stage.begin()
    stage.pass_time(660)
    assert stage.send("GET", location).status_code == 200
    _outcome(stage, error={"code": "BackupFailed", "message": "m"})
    others = stage.send("POST", f"{OTHER}/backup", {**BACKUP, "backupName": "other"}).headers["Location"]
    restore = stage.send("POST", f"{SERVICE}/restore", BACKUP).headers["Location"]
    stage.pass_time(1140)

    assert [stage.send("GET", one).status_code for one in (others, restore)] == [200, 200]


def test_blob_may_never_be_written(stage: Stage) -> None:
    """The operation succeeds all the same; the account says that nothing was written."""
    _outcome(stage, blob="missing")
    answer = _end(stage, stage.begin())

    (operation,) = stage.simulator.account()[SERVICE].operations
    assert (answer.status_code, stage.memory.blobs, operation.blob_bytes) == (200, {}, None)


def test_blob_may_be_empty(stage: Stage) -> None:
    """A blob of no bytes is there."""
    _outcome(stage, blob="empty")
    _end(stage, stage.begin())

    assert stage.memory.blobs == {BLOB: b""}


def test_blob_may_be_much_smaller_than_usual(stage: Stage) -> None:
    """It has some bytes, and not a tenth of those of the backup before it."""
    _end(stage, stage.begin())
    usual = len(stage.memory.blobs[BLOB])
    _outcome(stage, blob="small")
    _end(stage, stage.begin())

    assert 0 < len(stage.memory.blobs[BLOB]) < usual / 10


def test_configuration_may_change_while_the_backup_runs(stage: Stage) -> None:
    """An entity is there during the backup that was not there before, and is not in the backup."""
    path = f"{SERVICE}/namedValues"
    before = stage.send("GET", path).json()["count"]
    _outcome(stage, changed=True)
    location = stage.begin()
    during = stage.send("GET", path).json()["count"]
    _end(stage, location)
    stage.send("POST", f"{SERVICE}/restore", BACKUP)
    stage.pass_time(1140)

    assert (before, during, stage.send("GET", path).json()["count"]) == (0, 1, 0)


def test_each_change_is_another_one(stage: Stage) -> None:
    """A second backup during which the configuration changes leaves other content than the first."""
    _outcome(stage, changed=True, times=2)
    values = []
    for _ in range(2):
        _end(stage, stage.begin())
        values.append(stage.send("GET", f"{SERVICE}/namedValues").json()["value"])

    assert values[0] != values[1]


def test_service_may_be_failed_after_a_good_backup(stage: Stage) -> None:
    """The poll answers 200 with a resource that says Failed; so does the service until the next good end."""
    _outcome(stage, stateAfter="Failed")
    resource = _end(stage, stage.begin()).json()
    shown = stage.send("GET", SERVICE).json()
    _end(stage, stage.begin())

    states = [one["properties"]["provisioningState"] for one in (resource, shown)]
    assert states == ["Failed", "Failed"]
    assert stage.simulator.account()[SERVICE].state == "Succeeded"


@pytest.mark.parametrize(
    ("body", "targets"),
    [
        ({}, {"operation", "service"}),
        ({"operation": "backup", "service": SERVICE}, {"operation"}),
        ({"operation": "backup", "service": SERVICE, "blob": "huge"}, {"blob"}),
        ({"operation": "backup", "service": SERVICE, "error": {"code": "X"}}, {"error.message"}),
        ({"operation": "backup", "service": SERVICE, "changed": False}, {"changed"}),
        ({"operation": "restore", "service": SERVICE, "blob": "empty"}, {"operation"}),
        ({"operation": "backup", "service": SERVICE, "blob": "empty", "times": 0}, {"times"}),
        ({"operation": "backup", "service": OTHER, "stateAfter": "Gone"}, {"service", "stateAfter"}),
    ],
)
def test_impossible_outcome_is_refused_with_every_fault_named(
    stage: Stage, body: dict[str, Any], targets: set[str]
) -> None:
    """What cannot be is told, and nothing is queued."""
    with pytest.raises(ValueError) as refused:
        stage.simulator.control("POST", "outcomes", body)

    assert all(f'"target":"{one}"' in str(refused.value) for one in targets)
    assert str(refused.value).count('"target"') >= len(targets)
    assert _end(stage, stage.begin()).status_code == 200


# --- Durations -----------------------------------------------------------------------------------------


def test_operation_may_take_five_hours(stage: Stage) -> None:
    """It runs one second before, and has ended at five hours, at that moment."""
    progression = {"operation": "backup", "seconds": 18_000, "service": SERVICE}
    stage.simulator.control("POST", "progression", progression)
    location = stage.begin()
    statuses = [_end(stage, location, seconds).status_code for seconds in (17_999, 1)]
    (operation,) = stage.simulator.account()[SERVICE].operations

    assert statuses == [202, 200]
    assert operation.ended_at == START + dt.timedelta(hours=5)


def test_operation_may_hang_for_ever(stage: Stage) -> None:
    """After a month of polls it still runs, and the service is in transition."""
    stage.simulator.control("POST", "progression", {"operation": "backup", "never": True, "service": SERVICE})
    location = stage.begin()
    statuses = {_end(stage, location, 86_400).status_code for _ in range(30)}

    assert statuses == {202}
    assert stage.simulator.account()[SERVICE].state == "Updating"


# --- States --------------------------------------------------------------------------------------------


def test_somebody_else_may_hold_a_service_for_a_while(stage: Stage) -> None:
    """POST is 409 and the service Updating until the time is over; the account has no operation for it."""
    body = {"service": SERVICE, "state": "Updating", "seconds": 900}
    stage.simulator.control("POST", "states", body)
    answers = []
    for seconds in (0, 899, 1):
        stage.pass_time(seconds)
        state = stage.send("GET", SERVICE).json()["properties"]["provisioningState"]
        answers.append((state, stage.send("POST", f"{SERVICE}/backup", BACKUP).status_code))

    assert answers == [("Updating", 409), ("Updating", 409), ("Succeeded", 202)]
    account = stage.simulator.account()[SERVICE]
    assert (account.backup_posts, len(account.operations)) == (3, 1)


def test_service_may_be_failed_before_anything(stage: Stage) -> None:
    """The state stands in the resource until it is set back."""
    shown = []
    for state in ("Failed", "Succeeded"):
        stage.simulator.control("POST", "states", {"service": SERVICE, "state": state})
        shown.append(stage.send("GET", SERVICE).json()["properties"]["provisioningState"])

    assert shown == ["Failed", "Succeeded"]


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({"service": SERVICE, "state": "Sleeping"}, "state"),
        ({"service": SERVICE, "state": "Updating"}, "seconds"),
        ({"service": SERVICE, "state": "Failed", "seconds": 3}, "seconds"),
        ({"service": OTHER, "state": "Failed"}, "service"),
    ],
)
def test_impossible_state_is_refused(stage: Stage, body: dict[str, Any], target: str) -> None:
    """What cannot be is told by its field."""
    with pytest.raises(ValueError, match=f'"target":"{target}"'):
        stage.simulator.control("POST", "states", body)


def test_service_in_transition_is_not_held_twice(stage: Stage) -> None:
    """A running backup is not cut off by a change of somebody else's."""
    stage.begin()
    with pytest.raises(ValueError, match="in transition already"):
        stage.simulator.control("POST", "states", {"service": SERVICE, "state": "Failed"})


# --- Locations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_location_may_be_relative(stage: Stage, method: str) -> None:
    """Of the POST or of a poll: the same path, without scheme and host."""
    location = _bent(stage, method, "relative")

    assert location.startswith("/subscriptions/")
    assert _end(stage, stage.simulator.https_url + location).status_code == 200


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_location_may_be_rotated(stage: Stage, method: str) -> None:
    """The new one leads to the operation's end; the one before is not found any more."""
    first = "" if method == "POST" else stage.begin()
    location = _bent(stage, method, "rotated", first)

    assert location != first
    assert not first or stage.send("GET", first).status_code == 404
    assert _end(stage, location).status_code == 200


def test_location_may_be_at_a_foreign_host(stage: Stage) -> None:
    """The path is the real one, the host is not."""
    location = _bent(stage, "POST", "foreign")

    assert location.startswith("https://elsewhere.example/subscriptions/")
    assert "/operationresults/" in location


def test_rotation_is_of_one_answer_only(stage: Stage) -> None:
    """Later polls repeat the newest Location."""
    location = _bent(stage, "POST", "rotated")

    assert stage.send("GET", location).headers["Location"] == location


def test_final_answer_has_no_location_to_bend(stage: Stage) -> None:
    """A fault that would rotate meets a 200 and changes nothing."""
    location = stage.begin()
    stage.pass_time(660)
    _fault(stage, match={"method": "GET"}, location="rotated")

    assert [stage.send("GET", location).status_code for _ in range(2)] == [200, 200]


def _bent(stage: Stage, method: str, how: str, location: str = "") -> str:
    """Make one POST or poll whose answer's Location is bent, and return that."""
    if method == "GET":
        location = location or stage.begin()
        _fault(stage, match={"method": "GET", "pathContains": "operationresults"}, location=how)
        return str(stage.send("GET", location).headers["Location"])
    _fault(stage, match={"method": "POST"}, location=how)
    return stage.begin()


def test_unknown_bend_is_refused(stage: Stage) -> None:
    """A Location is relative, foreign or rotated."""
    with pytest.raises(ValueError, match='"target":"location"'):
        _fault(stage, location="upside-down")
