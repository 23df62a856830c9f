"""The entity store over its routes: reading, writing, paging, secrets, links and import."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest


def _document(title: str, operations: int) -> str:
    paths = {
        f"/things/{number}/{{id}}": {
            "get": {
                "operationId": f"getThing{number}",
                "summary": f"Get thing {number}",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "expand", "in": "query", "schema": {"type": "boolean"}},
                ],
                "responses": {"200": {"description": "the thing"}, "default": {"description": "oh"}},
            }
        }
        for number in range(operations)
    }
    document = {
        "openapi": "3.0.3",
        "info": {"title": title, "version": "1"},
        "servers": [{"url": "https://backend.contoso.example"}],
        "paths": paths,
    }
    return json.dumps(document)


def _import(simulator: Any, service: Any, name: str, document: str, **more: Any) -> Any:
    properties = {"format": "openapi+json", "value": document, "path": name, **more}
    return simulator.call(
        "PUT", f"{service.path}/apis/{name}", {"properties": properties}, **{"import": "true"}
    )


def _tag(simulator: Any, service: Any, name: str) -> Any:
    return simulator.call("PUT", f"{service.path}/tags/{name}", {"properties": {"displayName": name}})


def _names(answer: Any) -> list[str]:
    return [one["name"] for one in answer.json()["value"]]


def test_new_service_has_the_built_in_groups(simulator: Any, service: Any) -> None:
    """Administrators, developers and guests are there, marked as built in."""
    found = simulator.call("GET", f"{service.path}/groups").json()["value"]

    assert [one["name"] for one in found] == ["administrators", "developers", "guests"]
    assert all(one["properties"]["builtIn"] for one in found)


def test_new_service_has_its_administrator_and_master_subscription_and_no_api(
    simulator: Any, service: Any
) -> None:
    """User 1 and the master subscription are there; sample APIs are not."""
    user = simulator.call("GET", f"{service.path}/users/1").json()["properties"]

    assert (user["firstName"], user["email"]) == ("Administrator", "owner@contoso.example")
    assert _names(simulator.call("GET", f"{service.path}/subscriptions")) == ["master"]
    assert simulator.call("GET", f"{service.path}/apis").json() == {"value": [], "count": 0}


def test_put_creates_with_201_and_replaces_with_200(simulator: Any, service: Any) -> None:
    """The first PUT creates, the second replaces."""
    assert [_tag(simulator, service, "blue").status_code for _ in range(2)] == [201, 200]


def test_entity_is_shown_with_its_id_type_and_name(simulator: Any, service: Any) -> None:
    """Ids and types of nested entities are as Azure Resource Manager gives them."""
    _import(simulator, service, "orders", _document("Orders", 1))
    found = simulator.call("GET", f"{service.path}/apis/orders/operations/getthing0").json()

    assert found["id"] == f"{service.path}/apis/orders/operations/getthing0"
    assert found["type"] == "Microsoft.ApiManagement/service/apis/operations"
    assert found["name"] == "getthing0"


def test_names_are_compared_without_regard_to_case(simulator: Any, service: Any) -> None:
    """Collections and names in other case are the same entity, shown as first written."""
    _tag(simulator, service, "Blue")
    found = simulator.call("GET", f"{service.path}/TAGS/bLUE").json()

    assert found["id"] == f"{service.path}/tags/Blue"


def test_unknown_entity_is_404_in_api_management_s_envelope(simulator: Any, service: Any) -> None:
    """The envelope has the nulls of API Management."""
    answer = simulator.call("GET", f"{service.path}/namedValues/none")

    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "code": "ResourceNotFound",
            "message": "NamedValue not found.",
            "details": None,
            "innerError": None,
        }
    }


@pytest.mark.parametrize(("name", "status"), [("blue", 200), ("none", 404)])
def test_head_tells_whether_an_entity_exists(simulator: Any, service: Any, name: str, status: int) -> None:
    """A HEAD answers with the status and etag of a GET, without a body."""
    etag = _tag(simulator, service, "blue").headers["ETag"]
    answer = simulator.call("HEAD", f"{service.path}/tags/{name}")

    assert (answer.status_code, answer.content) == (status, b"")
    assert answer.headers.get("ETag") == (etag if status == 200 else None)


def test_etag_of_an_entity_changes_with_its_content(simulator: Any, service: Any) -> None:
    """Each PUT gives a new etag."""
    etags = {_tag(simulator, service, "blue").headers["ETag"] for _ in range(3)}

    assert len(etags) == 3


def test_if_match_of_another_version_is_412(simulator: Any, service: Any) -> None:
    """A change of a version that is no more is refused, and nothing changes."""
    old = _tag(simulator, service, "blue").headers["ETag"]
    _tag(simulator, service, "blue")
    answer = simulator.call("DELETE", f"{service.path}/tags/blue", headers={"If-Match": old})

    assert answer.status_code == 412
    assert simulator.call("GET", f"{service.path}/tags/blue").status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match_star_matches_any_version(simulator: Any, service: Any, method: str) -> None:
    """The official SDKs send a star."""
    _tag(simulator, service, "blue")
    body = {"properties": {"displayName": "blue"}}
    answer = simulator.call(method, f"{service.path}/tags/blue", body, headers={"If-Match": "*"})

    assert answer.status_code == 200


def test_patch_merges(simulator: Any, service: Any) -> None:
    """A PATCH changes what it names, removes what it nulls and leaves the rest."""
    first = {"displayName": "P", "description": "old", "terms": "t", "state": "published"}
    simulator.call("PUT", f"{service.path}/products/p", {"properties": first})
    patch = {"properties": {"description": "new", "terms": None}}
    found = simulator.call("PATCH", f"{service.path}/products/p", patch).json()["properties"]

    assert (found["displayName"], found["description"], found["state"]) == ("P", "new", "published")
    assert "terms" not in found


@pytest.mark.parametrize(("name", "status"), [("blue", 200), ("none", 204)])
def test_delete_answers_200_or_204_if_there_was_nothing(
    simulator: Any, service: Any, name: str, status: int
) -> None:
    """Deleting twice is no error."""
    _tag(simulator, service, "blue")

    assert simulator.call("DELETE", f"{service.path}/tags/{name}").status_code == status
    assert simulator.call("GET", f"{service.path}/tags/{name}").status_code == 404


@pytest.mark.parametrize("kind", ["apis", "users"])
def test_delete_of_an_api_or_user_answers_204(simulator: Any, service: Any, kind: str) -> None:
    """These two are deleted by 202 or 204 in the newest version, and 204 is what every version knows."""
    person = {"email": "u@contoso.example", "firstName": "U", "lastName": "V"}
    simulator.call("PUT", f"{service.path}/users/x", {"properties": person})
    _import(simulator, service, "x", _document("X", 1))

    assert simulator.call("DELETE", f"{service.path}/{kind}/x").status_code == 204
    assert simulator.call("GET", f"{service.path}/{kind}/x").status_code == 404


def test_deleting_an_api_deletes_what_is_below_it_and_its_links(simulator: Any, service: Any) -> None:
    """Operations and policies go with their API, and products no longer hold it."""
    _import(simulator, service, "orders", _document("Orders", 2))
    policy = {"properties": {"value": "<policies/>", "format": "xml"}}
    simulator.call("PUT", f"{service.path}/apis/orders/operations/getthing0/policies/policy", policy)
    simulator.call("PUT", f"{service.path}/products/p", {"properties": {"displayName": "P"}})
    simulator.call("PUT", f"{service.path}/products/p/apis/orders")
    simulator.call("DELETE", f"{service.path}/apis/orders")
    _import(simulator, service, "orders", _document("Orders", 1))

    assert _names(simulator.call("GET", f"{service.path}/apis/orders/operations")) == ["getthing0"]
    below = f"{service.path}/apis/orders/operations/getthing0/policies/policy"
    assert simulator.call("GET", below).status_code == 404
    assert _names(simulator.call("GET", f"{service.path}/products/p/apis")) == []


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_nothing_is_below_an_entity_that_is_not_there(simulator: Any, service: Any, method: str) -> None:
    """A collection or entity below a missing API is 404."""
    tail = "apis/none/operations" if method == "GET" else "apis/none/operations/get"
    answer = simulator.call(method, f"{service.path}/{tail}", {"properties": {}})

    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == "Api not found."


@pytest.mark.parametrize("scope", ["", "/apis/orders", "/apis/orders/operations/getthing0", "/products/p"])
def test_policy_is_stored_at_every_scope(simulator: Any, service: Any, scope: str) -> None:
    """Service, API, operation and product each hold one policy."""
    _import(simulator, service, "orders", _document("Orders", 1))
    simulator.call("PUT", f"{service.path}/products/p", {"properties": {"displayName": "P"}})
    body = {"properties": {"value": "<policies><inbound/></policies>"}}
    simulator.call("PUT", f"{service.path}{scope}/policies/policy", body)

    found = simulator.call("GET", f"{service.path}{scope}/policies/policy").json()
    assert found["properties"] == {"value": "<policies><inbound/></policies>", "format": "xml"}
    assert simulator.call("GET", f"{service.path}{scope}/policies").json()["count"] == 1


def test_link_shows_the_entity_that_it_links_to(simulator: Any, service: Any) -> None:
    """An API in a product has the API's properties under an id of the product."""
    _import(simulator, service, "orders", _document("Orders", 1))
    simulator.call("PUT", f"{service.path}/products/p", {"properties": {"displayName": "P"}})
    created = simulator.call("PUT", f"{service.path}/products/p/apis/orders")
    (found,) = simulator.call("GET", f"{service.path}/products/p/apis").json()["value"]

    assert created.status_code == 201
    assert found["id"] == f"{service.path}/products/p/apis/orders"
    assert found["properties"]["displayName"] == "Orders"


def test_link_to_nothing_is_404(simulator: Any, service: Any) -> None:
    """A product cannot hold an API that is not there."""
    simulator.call("PUT", f"{service.path}/products/p", {"properties": {"displayName": "P"}})

    assert simulator.call("PUT", f"{service.path}/products/p/apis/none").status_code == 404


@pytest.mark.parametrize(
    ("path", "properties", "targets"),
    [
        ("apis/a", {}, {"path", "displayName"}),
        ("namedValues/n", {"displayName": "n"}, {"value"}),
        ("users/u", {"email": "u@contoso.example"}, {"firstName", "lastName"}),
        ("backends/b", {}, {"url", "protocol"}),
        ("policies/policy", {}, {"value"}),
        ("subscriptions/s", {}, {"displayName", "scope"}),
    ],
)
def test_missing_properties_of_an_entity_are_named_all_at_once(
    simulator: Any, service: Any, path: str, properties: dict[str, Any], targets: set[str]
) -> None:
    """What a kind requires is checked, and every lack is a detail."""
    answer = simulator.call("PUT", f"{service.path}/{path}", {"properties": properties})

    assert answer.status_code == 400
    assert {one["target"] for one in answer.json()["error"]["details"]} == targets


# --- Secrets -----------------------------------------------------------------------------------------


def test_secret_named_value_is_shown_by_list_value_only(simulator: Any, service: Any) -> None:
    """PUT, GET and list leave the value out; the POST returns it."""
    url = f"{service.path}/namedValues/token"
    body = {"properties": {"displayName": "token", "value": "s3cret", "secret": True}}
    shown = [
        simulator.call("PUT", url, body),
        simulator.call("GET", url),
        simulator.call("PATCH", url, {"properties": {"tags": ["x"]}}),
        simulator.call("GET", f"{service.path}/namedValues"),
    ]

    assert not any("s3cret" in one.text for one in shown)
    assert simulator.call("POST", f"{url}/listValue").json() == {"value": "s3cret"}


def test_open_named_value_is_shown(simulator: Any, service: Any) -> None:
    """A named value that is no secret shows its value."""
    body = {"properties": {"displayName": "base", "value": "https://b.example"}}
    simulator.call("PUT", f"{service.path}/namedValues/base", body)

    found = simulator.call("GET", f"{service.path}/namedValues/base").json()["properties"]
    assert (found["value"], found["secret"]) == ("https://b.example", False)


def test_subscription_keys_are_shown_by_list_secrets_only(simulator: Any, service: Any) -> None:
    """Keys are made by the service, and only the POST returns them."""
    url = f"{service.path}/subscriptions/mine"
    body = {"properties": {"displayName": "mine", "scope": f"{service.path}/apis"}}
    created = simulator.call("PUT", url, body)
    keys = simulator.call("POST", f"{url}/listSecrets").json()

    assert set(keys) == {"primaryKey", "secondaryKey"}
    shown = created.text + simulator.call("GET", f"{service.path}/subscriptions").text
    assert not any(key in shown for key in keys.values())


def test_subscription_keeps_its_keys_when_it_is_put_again(simulator: Any, service: Any) -> None:
    """A PUT without keys does not make new ones."""
    url = f"{service.path}/subscriptions/mine"
    body = {"properties": {"displayName": "mine", "scope": "/apis"}}
    keys = []
    for _ in range(2):
        simulator.call("PUT", url, body)
        keys.append(simulator.call("POST", f"{url}/listSecrets").json())

    assert keys[0] == keys[1]


def test_scope_of_a_subscription_is_a_whole_id(simulator: Any, service: Any) -> None:
    """A scope given relative to the service is shown as a complete id."""
    body = {"properties": {"displayName": "mine", "scope": "/products/p"}}
    found = simulator.call("PUT", f"{service.path}/subscriptions/mine", body).json()

    assert found["properties"]["scope"] == f"{service.path}/products/p"


def test_password_of_a_user_is_never_shown(simulator: Any, service: Any) -> None:
    """What came in as a password goes out nowhere."""
    person = {"email": "u@contoso.example", "firstName": "U", "lastName": "V", "password": "s3cret"}
    created = simulator.call("PUT", f"{service.path}/users/u", {"properties": person})

    assert created.status_code == 201
    assert "s3cret" not in created.text + simulator.call("GET", f"{service.path}/users").text


# --- Paging ------------------------------------------------------------------------------------------


@pytest.fixture
def tagged(simulator: Any, service: Any) -> Any:
    """Return a service with 250 tags."""
    for number in range(250):
        _tag(simulator, service, f"t{number:03}")
    return service


def _pages(simulator: Any, url: str, **query: str) -> list[Any]:
    pages = [simulator.call("GET", url, **query).json()]
    while next_link := pages[-1].get("nextLink"):
        pages.append(simulator.call("GET", next_link).json())
    return pages


def test_default_page_holds_100_and_next_link_leads_to_the_rest(simulator: Any, tagged: Any) -> None:
    """Following nextLink gives every entity once; count is the whole number on every page."""
    pages = _pages(simulator, f"{tagged.path}/tags")

    assert [len(one["value"]) for one in pages] == [100, 100, 50]
    assert {one["count"] for one in pages} == {250}
    names = [entity["name"] for one in pages for entity in one["value"]]
    assert names == [f"t{number:03}" for number in range(250)]


def test_next_link_is_absolute_and_keeps_the_query(simulator: Any, tagged: Any) -> None:
    """nextLink can be called as it is."""
    link = simulator.call("GET", f"{tagged.path}/tags", **{"$top": "7"}).json()["nextLink"]

    assert link.startswith(f"{simulator.https}{tagged.path}/tags?")
    assert parse_qs(urlsplit(link).query) == {"api-version": ["2024-05-01"], "$top": ["7"], "$skip": ["7"]}


@pytest.mark.parametrize("name", ["$top", "%24top"])
def test_top_may_come_percent_encoded(simulator: Any, tagged: Any, name: str) -> None:
    """Some clients encode the dollar sign."""
    url = f"{simulator.https}{tagged.path}/tags?api-version=2024-05-01&{name}=3"

    assert len(simulator.call("GET", url).json()["value"]) == 3


def test_skip_leaves_out_the_first(simulator: Any, tagged: Any) -> None:
    """$skip and $top cut a window; the last page has no nextLink."""
    page = simulator.call("GET", f"{tagged.path}/tags", **{"$skip": "248", "$top": "5"}).json()

    assert [one["name"] for one in page["value"]] == ["t248", "t249"]
    assert "nextLink" not in page


@pytest.mark.parametrize(("name", "value"), [("$top", "0"), ("$top", "x"), ("$skip", "-1")])
def test_bad_paging_is_400(simulator: Any, service: Any, name: str, value: str) -> None:
    """A window that cannot be is refused."""
    assert simulator.call("GET", f"{service.path}/tags", **{name: value}).status_code == 400


# --- Import ------------------------------------------------------------------------------------------


def test_import_creates_the_operations(simulator: Any, service: Any) -> None:
    """Each operation of the document becomes an entity with method, template and display name."""
    answer = _import(simulator, service, "orders", _document("Orders", 13))
    found = simulator.call("GET", f"{service.path}/apis/orders/operations").json()

    assert answer.status_code == 201
    assert found["count"] == 13
    first = found["value"][0]["properties"]
    assert (first["method"], first["urlTemplate"]) == ("GET", "/things/0/{id}")
    assert first["displayName"] == "Get thing 0"
    assert [one["name"] for one in first["templateParameters"]] == ["id"]
    assert [one["name"] for one in first["request"]["queryParameters"]] == ["expand"]
    assert [one["statusCode"] for one in first["responses"]] == [200]


def test_imported_api_has_the_document_s_name_and_backend(simulator: Any, service: Any) -> None:
    """Title and server come from the document, the path from the request, and the document is not kept."""
    found = _import(simulator, service, "orders", _document("Orders", 1)).json()["properties"]

    assert (found["displayName"], found["path"]) == ("Orders", "orders")
    assert found["serviceUrl"] == "https://backend.contoso.example"
    assert found["isCurrent"] is True
    assert {"value", "format"}.isdisjoint(found)


def test_import_again_deletes_unmatched_operations_and_keeps_the_policies_of_others(
    simulator: Any, service: Any
) -> None:
    """An operation that the new document has too is updated in place; one that it has not goes."""
    _import(simulator, service, "orders", _document("Orders", 3))
    policy = {"properties": {"value": "<policies/>"}}
    simulator.call("PUT", f"{service.path}/apis/orders/operations/getthing0/policies/policy", policy)
    answer = _import(simulator, service, "orders", _document("Orders", 2))

    assert answer.status_code == 200
    names = _names(simulator.call("GET", f"{service.path}/apis/orders/operations"))
    assert names == ["getthing0", "getthing1"]
    kept = simulator.call("GET", f"{service.path}/apis/orders/operations/getthing0/policies/policy")
    assert kept.status_code == 200


@pytest.mark.parametrize(
    "value", ["not json", "{}", '{"swagger": "2.0"}', '{"openapi": "3.0.0", "info": {}}']
)
def test_import_of_something_else_is_400_and_creates_nothing(
    simulator: Any, service: Any, value: str
) -> None:
    """A document that is no OpenAPI 3 is refused with the reason."""
    answer = _import(simulator, service, "orders", value)

    assert (answer.status_code, answer.json()["error"]["details"][0]["target"]) == (400, "value")
    assert simulator.call("GET", f"{service.path}/apis/orders").status_code == 404


def test_import_of_another_format_is_400(simulator: Any, service: Any) -> None:
    """A format that is not simulated is named as such."""
    answer = _import(simulator, service, "orders", "<wsdl/>", format="wsdl")

    assert answer.status_code == 400
    assert "'wsdl' is not simulated" in answer.json()["error"]["message"]
