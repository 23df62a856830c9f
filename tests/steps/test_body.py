"""The body of a call: none, half of one, one with a field twice, in every call that has one."""

from __future__ import annotations

import pytest

from backup_http.call import start_backups
from catalog_keeping.calls import hold_restore_point, start_rebuild
from restore_http.call import start_restore
from shared import body
from shared.core.documents import Value
from shared.core.errors import RequestError
from tests.steps.conftest import body_of, put_point, request, run


class Wish(Value):
    """Something to ask for."""

    some_service: str


def fault_of(content: bytes) -> list[tuple[str, str]]:
    """Return why a body cannot be read."""
    with pytest.raises(RequestError) as caught:
        body.read_object(content, Wish, "Send it so.")
    return list(caught.value.faults)


@pytest.mark.parametrize("content", [b"", b" \r\n"])
def test_no_body_is_called_so(content):
    """Instead of what a reader of JSON expected at its first character."""
    assert fault_of(content) == [("$", "there is no body")]


def test_no_body_is_an_empty_object_where_that_means_something():
    """And what is missing in it is named like that of any other."""
    assert body.read_object(b"", Wish, "", may_be_empty=True) == ({}, [("$.someService", "is missing")])


def test_what_is_no_object_is_one_fault():
    """With the place that means all of it."""
    assert fault_of(b"[]") == [("$", "is not a JSON object")]


def test_a_field_that_is_written_twice_is_a_fault_beside_the_others():
    """Which of the two is meant, nobody knows."""
    _, faults = body.read_object(b'{"someService": "a", "someService": "b", "odd": 1}', Wish, "")

    assert faults == [
        ("$.odd", "is not known here"),
        ("$.someService", "is written twice; only one of them would count"),
    ]


def test_fields_have_their_names_in_json_only():
    """The name that a field has in the code is not another way to write it."""
    _, faults = body.read_object(b'{"some_service": "a"}', Wish, "")

    assert set(faults) == {("$.some_service", "is not known here"), ("$.someService", "is missing")}


CALLS = {
    "restore": b'{"service": "contoso", "restorePoint": "latest", "confirm": "RESTORE contoso-neu",'
    b' "target": "contoso-weu", "target": "contoso-neu"}',
    "backup": b'{"services": ["contoso"], "services": "all"}',
    "hold": b'{"reason": "one", "reason": "another"}',
    "rebuild": b'{"service": "contoso", "service": null}',
}


def answer_to(kind, content, ports, client):
    """Send a body to one of the calls."""
    point = put_point(ports)
    if kind == "hold":
        return run(hold_restore_point(request(content, service="contoso", name=point.name), ports))
    calls = {"restore": start_restore, "backup": start_backups, "rebuild": start_rebuild}
    return run(calls[kind](request(content), client, ports))


@pytest.mark.parametrize("kind", CALLS)
def test_no_call_takes_a_field_that_is_written_twice(kind, ports, client):
    """The last one would have counted, and nobody would have been told."""
    answer = answer_to(kind, CALLS[kind], ports, client)

    assert answer.status_code == 400
    assert "is written twice; only one of them would count" in body_of(answer)["error"]["message"]
    assert client.started == []


@pytest.mark.parametrize("kind", [kind for kind in CALLS if kind != "rebuild"])
def test_a_call_without_its_body_is_told_so(kind, ports, client):
    """And shown a body that works."""
    answer = answer_to(kind, b"", ports, client)

    message = body_of(answer)["error"]["message"]
    assert (answer.status_code, client.started) == (400, [])
    assert message.startswith("the body is not usable: $ there is no body. The body looks like {")


def test_a_restore_in_names_of_the_code_is_refused(ports, client):
    """It is answered with what is wrong, like any other slip of the pen."""
    content = CALLS["restore"].replace(b"restorePoint", b"restore_point")

    answer = answer_to("restore", content.replace(b'"target": "contoso-weu", ', b""), ports, client)

    targets = {detail["target"] for detail in body_of(answer)["error"]["details"]}
    assert (answer.status_code, targets) == (400, {"$.restorePoint", "$.restore_point"})
