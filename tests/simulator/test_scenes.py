"""The control routes: scripted faults, progressions, rights, counts, and the refusal of what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import requests


def _fault(simulator: Any, service: Any, **fault: Any) -> None:
    match = {"pathContains": service.name, **fault.pop("match", {})}
    simulator.scene("faults", match=match, **fault)


def _begin(simulator: Any, service: Any) -> Any:
    return simulator.call("POST", f"{service.path}/backup", service.backup_body())


# --- Faults ------------------------------------------------------------------------------------------


def test_scripted_answer_comes_instead_of_the_real_one(simulator: Any, service: Any) -> None:
    """Status, headers and body are those of the script, once, and then the service answers again."""
    _fault(simulator, service, status=429, headers={"Retry-After": "soon"}, body={"error": {"code": "Busy"}})
    faulty, good = simulator.call("GET", service.path), simulator.call("GET", service.path)

    assert (faulty.status_code, faulty.headers["Retry-After"]) == (429, "soon")
    assert faulty.json() == {"error": {"code": "Busy"}}
    assert good.status_code == 200


def test_scripted_answer_has_no_effect(simulator: Any, service: Any) -> None:
    """A POST that is answered by a script starts nothing."""
    _fault(simulator, service, match={"method": "POST"}, status=500)
    answer = _begin(simulator, service)

    assert answer.status_code == 500
    assert simulator.call("GET", service.path).json()["properties"]["provisioningState"] == "Succeeded"


def test_scripted_status_with_effect_starts_the_operation(simulator: Any, service: Any) -> None:
    """A gateway error after the commit: the client sees 504, the operation runs."""
    _fault(
        simulator,
        service,
        match={"method": "POST"},
        status=504,
        effect=True,
        body="",
        headers={"Location": None},
    )
    answer = _begin(simulator, service)

    assert (answer.status_code, answer.content) == (504, b"")
    assert "Location" not in answer.headers
    assert simulator.call("GET", service.path).json()["properties"]["provisioningState"] == "Updating"


@pytest.mark.parametrize("times", [1, 3])
def test_fault_lasts_for_its_times(simulator: Any, service: Any, times: int) -> None:
    """A fault meets as many calls as it says."""
    _fault(simulator, service, status=503, times=times)
    statuses = [simulator.call("GET", service.path).status_code for _ in range(times + 1)]

    assert statuses == [503] * times + [200]


def test_fault_may_skip_the_first_calls(simulator: Any, service: Any) -> None:
    """`skip` lets calls through before the fault begins."""
    _fault(simulator, service, status=503, skip=2)
    statuses = [simulator.call("GET", service.path).status_code for _ in range(4)]

    assert statuses == [200, 200, 503, 200]


def test_faults_come_in_the_order_in_which_they_were_scripted(simulator: Any, service: Any) -> None:
    """A sequence of answers is a sequence of faults."""
    for status in (408, 500, 404):
        _fault(simulator, service, status=status)

    assert [simulator.call("GET", service.path).status_code for _ in range(4)] == [408, 500, 404, 200]


def test_fault_meets_only_calls_that_match(simulator: Any, service: Any) -> None:
    """Method and path must both fit."""
    _fault(simulator, service, match={"method": "POST", "pathContains": f"{service.name}/backup"}, status=500)
    statuses = [simulator.call("GET", service.path).status_code, _begin(simulator, service).status_code]

    assert statuses == [200, 500]


@pytest.mark.parametrize(
    "location", [None, "https://elsewhere.example/operationresults/x", "/relative?api-version=2024-05-01"]
)
def test_location_of_a_real_operation_can_be_missing_foreign_or_relative(
    simulator: Any, service: Any, location: str | None
) -> None:
    """Changing headers alone leaves the effect: the operation runs, only its answer is spoilt."""
    _fault(simulator, service, match={"method": "POST"}, headers={"Location": location})
    accepted = _begin(simulator, service)

    assert (accepted.status_code, accepted.headers.get("Location")) == (202, location)
    assert simulator.call("GET", service.path).json()["properties"]["provisioningState"] == "Updating"


@pytest.mark.parametrize("retry_after", ["0", "soon", "-5", "0.5", "Wed, 21 Oct 2015 07:28:00 GMT", None])
def test_retry_after_of_a_real_answer_can_be_anything(
    simulator: Any, service: Any, retry_after: str | None
) -> None:
    """Zero, junk, fractions, dates and nothing are all sent as they are."""
    _fault(simulator, service, match={"method": "POST"}, headers={"Retry-After": retry_after})

    assert _begin(simulator, service).headers.get("Retry-After") == retry_after


def test_body_of_a_final_answer_can_be_spoilt(simulator: Any, service: Any) -> None:
    """A 200 that says Failed, or bytes that are no JSON, in place of the resource."""
    location = _begin(simulator, service).headers["Location"]
    _fault(simulator, service, body={"status": "Failed"})
    _fault(simulator, service, body="<html>", headers={"Content-Type": "text/html"})
    answers = [simulator.call("GET", location) for _ in range(2)]

    assert answers[0].json() == {"status": "Failed"}
    assert (answers[1].text, answers[1].headers["Content-Type"]) == ("<html>", "text/html")


@pytest.mark.parametrize(("drop", "state"), [("before", "Succeeded"), ("after", "Updating")])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_connection_can_be_dropped_before_or_after_the_effect(
    simulator: Any, service: Any, scheme: str, drop: str, state: str
) -> None:
    """The client gets no answer either way; the operation runs only if the drop came after."""
    _fault(simulator, service, match={"method": "POST"}, drop=drop)
    base = getattr(simulator, scheme)
    with pytest.raises(requests.ConnectionError):
        simulator.call("POST", f"{base}{service.path}/backup?api-version=2024-05-01", service.backup_body())

    assert simulator.call("GET", service.path).json()["properties"]["provisioningState"] == state


def test_token_endpoint_can_fail_too(simulator: Any) -> None:
    """Faults meet the managed-identity endpoint like any other route."""
    simulator.scene("faults", match={"pathContains": "/msi/token"}, status=500)

    with pytest.raises(requests.HTTPError, match="500"):
        simulator.token()


def test_faults_can_be_cleared(start_simulator: Any) -> None:
    """What was scripted and did not happen can be taken back."""
    own = start_simulator()
    service = own.new_service()
    _fault(own, service, status=500, times=100)
    own.control("DELETE", "faults")

    assert own.call("GET", service.path).status_code == 200
    assert own.control("GET", "state").json()["faults"] == []


@pytest.mark.parametrize(
    ("body", "targets"),
    [
        ({}, {"match.method", "status"}),
        ({"match": {"method": "FETCH"}, "status": 500}, {"match.method"}),
        ({"match": {"path": "x"}, "status": 500}, {"match.path", "match.method"}),
        ({"match": {"method": "GET"}, "status": 99}, {"status"}),
        ({"match": {"method": "GET"}, "status": 500, "times": 0}, {"times"}),
        ({"match": {"method": "GET"}, "status": True}, {"status"}),
        ({"match": {"method": "GET"}, "drop": "before", "status": 500}, {"drop"}),
        ({"match": {"method": "GET"}, "drop": "during"}, {"drop"}),
        ({"match": {"method": "GET"}, "drop": "before", "effect": True}, {"effect"}),
        ({"match": {"method": "GET"}, "headers": {"X": "1"}, "effect": False}, {"effect"}),
        ({"match": {"method": "GET"}, "headers": {"X Y": "1"}}, {"headers"}),
        ({"match": {"method": "GET"}, "headers": {"X": "1\r\nY: 2"}}, {"headers"}),
        ({"match": {"method": "GET"}, "headers": {"X": 1}}, {"headers"}),
        ({"match": {"method": "GET"}, "status": 204, "body": "x"}, {"body"}),
        ({"match": {"method": "GET"}, "status": 500, "delay": 3}, {"delay"}),
    ],
)
def test_impossible_fault_is_refused_with_every_fault_named(
    simulator: Any, body: dict[str, Any], targets: set[str]
) -> None:
    """What cannot be is 400, names what is wrong, and is not queued."""
    answer = simulator.control("POST", "faults", body)

    assert answer.status_code == 400
    assert {one["target"] for one in answer.json()["error"]["details"]} == targets
    assert simulator.control("GET", "state").json()["faults"] == []


# --- Progressions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("polls", [0, 1, 4])
def test_operation_ends_at_the_poll_after_its_polls(simulator: Any, service: Any, polls: int) -> None:
    """n polls answer 202, the next one is the end."""
    simulator.scene("progression", operation="backup", polls=polls, service=service.path)
    location = _begin(simulator, service).headers["Location"]
    statuses = [simulator.call("GET", location).status_code for _ in range(polls + 1)]

    assert statuses == [202] * polls + [200]


@pytest.mark.parametrize("retry_after", ["7", "junk", None])
def test_retry_after_of_a_progression_is_sent_as_it_is(
    simulator: Any, service: Any, retry_after: str | None
) -> None:
    """The POST and the polls carry exactly the text that was set, or no header."""
    simulator.scene("progression", operation="backup", polls=1, retryAfter=retry_after, service=service.path)
    accepted = _begin(simulator, service)
    poll = simulator.call("GET", accepted.headers["Location"])

    assert [one.headers.get("Retry-After") for one in (accepted, poll)] == [retry_after] * 2


def test_progression_of_one_kind_leaves_the_other_alone(simulator: Any, service: Any) -> None:
    """Backups and restores are set apart."""
    simulator.scene("progression", operation="restore", polls=3, service=service.path)

    assert simulator.run("backup", service).status_code == 200


@pytest.mark.parametrize(
    ("body", "targets"),
    [
        ({}, {"operation"}),
        ({"operation": "drill", "polls": 1}, {"operation"}),
        ({"operation": "backup", "polls": 1, "seconds": 2}, {"operation"}),
        ({"operation": "backup", "polls": -1}, {"polls"}),
        ({"operation": "backup", "polls": 1.5}, {"polls"}),
        ({"operation": "backup", "seconds": "60"}, {"seconds"}),
        ({"operation": "backup", "immediate": False}, {"immediate"}),
        ({"operation": "backup", "polls": 1, "retryAfter": "1\r\nX: 2"}, {"retryAfter"}),
        ({"operation": "backup", "polls": 1, "service": "contoso"}, {"service"}),
        ({"operation": "backup", "polls": 1, "spede": 3}, {"spede"}),
        ({"operation": "x", "polls": -1, "service": "y"}, {"operation", "polls", "service"}),
    ],
)
def test_impossible_progression_is_refused_with_every_fault_named(
    simulator: Any, body: dict[str, Any], targets: set[str]
) -> None:
    """What cannot be is 400 and names what is wrong."""
    answer = simulator.control("POST", "progression", body)

    assert answer.status_code == 400
    assert {one["target"] for one in answer.json()["error"]["details"]} == targets


# --- Clock, rights, tokens ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "body", "target"),
    [
        ("clock", {"advanceSeconds": -1}, "advanceSeconds"),
        ("clock", {}, "advanceSeconds"),
        ("tokens", {"lifetimeSeconds": -1}, "lifetimeSeconds"),
        ("tokens", {"lifetimeSeconds": 1e9}, "lifetimeSeconds"),
        ("rights", {"principal": "nobody", "deny": []}, "principal"),
        ("rights", {"principal": "app", "deny": "all"}, "deny"),
        ("principals", {"name": "app"}, "name"),
        ("principals", {}, "name"),
    ],
)
def test_impossible_scene_is_refused(simulator: Any, route: str, body: dict[str, Any], target: str) -> None:
    """Every control route checks its body."""
    answer = simulator.control("POST", route, body)

    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["target"] == target


def test_unknown_control_route_names_the_known_ones(simulator: Any) -> None:
    """A slip in a route's name is told."""
    answer = simulator.control("POST", "progresion", {})

    assert answer.status_code == 400
    assert "POST /_sim/progression" in answer.text


def test_denied_right_can_be_given_back(simulator: Any, service: Any) -> None:
    """Setting rights replaces what was denied before."""
    made = simulator.scene("principals", name=f"back {service.name}")
    headers = {"Authorization": f"Bearer {simulator.token(header=made['identityHeader'])}"}
    statuses = []
    for deny in (["Microsoft.ApiManagement/service/read"], []):
        simulator.scene("rights", principal=made["objectId"], deny=deny)
        statuses.append(simulator.call("GET", service.path, headers=headers).status_code)

    assert statuses == [403, 200]


# --- Counts and journal ------------------------------------------------------------------------------


def test_counts_are_kept_by_method_and_noun_and_by_service(simulator: Any, service: Any) -> None:
    """Backups, restores and polls are counted, zeros included."""
    simulator.run("backup", service)
    everything = simulator.control("GET", "counts").json()
    own = simulator.control("GET", "counts", service=service.path).json()

    assert own == {"POST backup": 1, "POST restore": 0, "GET operationresults": 1, "PUT service": 1}
    assert everything["POST backup"] >= 1
    assert everything["services"][service.path.lower()] == own


def test_journal_tells_who_called_what_and_how_it_ended(simulator: Any, service: Any) -> None:
    """An entry has method, path, status and principal, and marks faults and drops."""
    _fault(simulator, service, status=500)
    simulator.call("GET", service.path)
    _begin(simulator, service)
    entries = simulator.control("GET", "calls", service=service.path).json()["value"]

    found = [(one["method"], one["status"], one["principal"], one["faulted"]) for one in entries]
    assert found == [("PUT", 201, "app", False), ("GET", 500, "app", True), ("POST", 202, "app", False)]


def test_journal_can_be_read_in_part(simulator: Any, service: Any) -> None:
    """Method, a part of the path and the last number seen narrow the journal."""
    simulator.run("backup", service)
    polls = simulator.control("GET", "calls", method="GET", contains=f"{service.name}/operationresults")
    (poll,) = polls.json()["value"]
    later = simulator.control("GET", "calls", service=service.path, after=str(poll["number"]))

    assert later.json() == {"value": []}


def test_dropped_call_is_in_the_journal_without_a_status(simulator: Any, service: Any) -> None:
    """A call that never got an answer is written down as dropped."""
    _fault(simulator, service, drop="before")
    with pytest.raises(requests.ConnectionError):
        simulator.call("GET", service.path)

    last = simulator.control("GET", "calls", service=service.path).json()["value"][-1]
    assert (last["status"], last["dropped"]) == (None, True)


def test_nothing_secret_is_in_journal_and_state(simulator: Any, service: Any, account_key: str) -> None:
    """Account keys, tokens and identity headers are in no control answer that is read."""
    simulator.run("backup", service, accessType="AccessKey", accessKey=account_key)
    text = "".join(simulator.control("GET", one).text for one in ("calls", "counts", "state", "principals"))

    secrets = (account_key, simulator.identity_header, simulator.authorization.split()[1], "robot-secret")
    assert not any(one in text for one in secrets)


def test_state_tells_of_services_and_operations(simulator: Any, service: Any) -> None:
    """The state has what a demo prints: entities by kind, operations with their polls and blob."""
    simulator.run("backup", service)
    state = simulator.control("GET", "state").json()

    (shown,) = [one for one in state["services"] if one["id"] == service.path]
    (operation,) = [one for one in state["operations"] if one["service"] == service.path]
    assert (shown["entities"]["groups"], shown["provisioningState"]) == (3, "Succeeded")
    assert (operation["state"], operation["polls"], operation["backupName"]) == ("Succeeded", 1, service.blob)
    assert operation["blobBytes"] > 0
