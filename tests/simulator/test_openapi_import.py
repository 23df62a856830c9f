"""Reading OpenAPI documents, without a simulator around it."""

from __future__ import annotations

import json

import pytest

from simulator import openapi_import


@pytest.mark.parametrize(
    ("operation_id", "name"),
    [
        ("getOrder", "getorder"),
        ("GET-/foo/{bar}?buzz={quix}", "get-foo-bar-buzz-quix"),
        ("__list__", "list"),
        ("x" * 100, "x" * 76),
    ],
)
def test_operation_names_follow_the_documented_rules(operation_id: str, name: str) -> None:
    """Lower case, runs of other characters to one dash, none at the ends, 76 characters at most."""
    assert openapi_import.operation_name(operation_id, taken=set()) == name


def test_duplicate_names_are_numbered() -> None:
    """Operations whose names come out the same get a suffix."""
    taken: set[str] = set()

    assert [openapi_import.operation_name("a b", taken=taken) for _ in range(3)] == ["a-b", "a-b-1", "a-b-2"]


def test_operation_without_id_is_named_after_method_and_path() -> None:
    """No operationId gives get-foo, and the display name GET - /foo."""
    document = {"openapi": "3.0.0", "info": {"title": "T"}, "paths": {"/foo": {"get": {}}}}
    api = openapi_import.read_openapi(json.dumps(document), file_format="openapi+json")

    (operation,) = api.operations
    assert (operation.name, operation.properties["displayName"]) == ("get-foo", "GET - /foo")


def test_shared_parameters_are_followed() -> None:
    """Parameters of the path item and references into components reach the operation."""
    document = {
        "openapi": "3.0.0",
        "info": {"title": "T"},
        "components": {"parameters": {"id": {"name": "id", "in": "path", "schema": {"type": "integer"}}}},
        "paths": {"/t/{id}": {"parameters": [{"$ref": "#/components/parameters/id"}], "get": {}}},
    }
    api = openapi_import.read_openapi(json.dumps(document), file_format="openapi+json")

    (parameter,) = api.operations[0].properties["templateParameters"]
    assert (parameter["name"], parameter["type"], parameter["required"]) == ("id", "integer", True)
