"""
Fill the primary as a company would have filled it: over ARM's own routes, from the documents in content/.

The one secret value is made up here and stays in the simulator's memory; no file and no line ever holds it.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from demo import environment
from demo.arm import Arm
from demo.environment import Side

CONTENT = Path(__file__).resolve().parent / "content"
METHODS = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})
PUBLISHER = {"publisherEmail": "api@nordhav.example", "publisherName": "Nordhav Lines"}
TAGS = {"owner": "nordhav-platform"}
BUSY = {"simulator-requests-per-day": "2880"}
"""The primary serves; the simulator makes its reports say so."""

BLOB_CONTRIBUTOR = "/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe"
"""Storage Blob Data Contributor."""

Json = dict[str, Any]


def documents() -> dict[str, Json]:
    """Return the OpenAPI documents by the name of their API."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((CONTENT / "apis").glob("*.json"))}


def operations_of(document: Mapping[str, Any]) -> int:
    """Count the operations of an OpenAPI document."""
    return sum(len(METHODS & item.keys()) for item in document["paths"].values())


def company() -> Json:
    """Return everything else: products, users, named values, policies and so on."""
    found: Json = json.loads((CONTENT / "company.json").read_text())
    return found


def create_storage(arm: Arm, side: Side) -> None:
    """
    Create the account of a region, as Azure Resource Manager knows it.

    Raises:
        DemoFault: ARM refused it.
    """
    properties = {"networkAcls": {"defaultAction": "Allow"}, "allowSharedKeyAccess": False}
    body = {"location": side.region, "kind": "StorageV2", "sku": {"name": "Standard_ZRS"}}
    arm.put(side.account_id, {**body, "properties": properties})


def let_in(arm: Arm, principal: str, side: Side) -> None:
    """
    Give the identity of a region's service its role on the region's account.

    Raises:
        DemoFault: ARM refused it.
    """
    name = uuid.uuid5(uuid.NAMESPACE_URL, side.resource_id)
    role = f"/subscriptions/{environment.SUBSCRIPTION}{BLOB_CONTRIBUTOR}"
    arm.put(
        f"{side.account_id}/providers/Microsoft.Authorization/roleAssignments/{name}",
        {"properties": {"roleDefinitionId": role, "principalId": principal}},
    )


def around() -> Json:
    """Return what stands around the primary and is in no backup: host names, certificates, diagnostics."""
    found: Json = json.loads((CONTENT / "around.json").read_text())
    return found


def create_service(arm: Arm, side: Side) -> str:
    """
    Create an empty service with a system-assigned identity, and return the identity's object id.

    Raises:
        DemoFault: ARM refused it.
    """
    body = {
        "location": side.region,
        "sku": {"name": environment.TIER, "capacity": 1},
        "identity": {"type": "SystemAssigned"},
        "properties": PUBLISHER,
        "tags": TAGS,
    }
    return str(arm.put(side.resource_id, body)["identity"]["principalId"])


def put_around(arm: Arm, side: Side) -> None:
    """
    Give a service what no restore brings.

    Raises:
        DemoFault: ARM refused it.
    """
    has = around()
    properties = {"hostnameConfigurations": has["hostNames"], "certificates": has["caCertificates"]}
    arm.put(side.resource_id, {"properties": properties, "tags": {**TAGS, **BUSY}})
    for one in has["diagnosticSettings"]:
        path = f"{side.resource_id}/providers/Microsoft.Insights/diagnosticSettings/{one['name']}"
        arm.put(path, {"properties": one["properties"]})


def fill(arm: Arm, side: Side) -> dict[str, int]:
    """
    Put the whole company into a service.

    Returns:
        How many entities of each collection were put: what an inventory must find again at least.

    Raises:
        DemoFault: ARM refused something.
    """
    put: dict[str, int] = {}
    for path, properties in entities():
        query = {"import": "true"} if "format" in properties and "openapi" in properties["format"] else {}
        arm.put(f"{side.resource_id}/{path}", {"properties": properties} if properties else {}, **query)
        collection = "/".join(path.split("/")[::2])
        put[collection] = put.get(collection, 0) + 1
    put["apis/operations"] = sum(operations_of(document) for document in documents().values())
    return put


def entities() -> Iterator[tuple[str, Json]]:
    """Yield (path below the service, properties) in an order in which each finds what it refers to."""
    has = company()
    yield from _plain(has)
    yield from _apis(has)
    yield from _products(has)
    yield from _people(has)
    for policy in has["policies"]:
        xml = (CONTENT / "policies" / policy["file"]).read_text()
        yield f"{policy['scope']}/policies/policy".lstrip("/"), {"format": "rawxml", "value": xml}


def _plain(has: Json) -> Iterator[tuple[str, Json]]:
    """Entities that refer to nothing."""
    for collection, key in (
        ("tags", "tags"),
        ("groups", "groups"),
        ("backends", "backends"),
        ("gateways", "gateways"),
        ("loggers", "loggers"),
    ):
        for one in has[key]:
            yield f"{collection}/{one['id']}", _without(one, "id")
    for one in has["namedValues"]:
        value = {"value": f"pgk-{secrets.token_urlsafe(24)}"} if one.get("secret") else {}
        yield f"namedValues/{one['id']}", _without(one, "id") | value
    for one in has["versionSets"]:
        yield f"apiVersionSets/{one['id']}", _without(one, "id")
    for one in has["fragments"]:
        xml = (CONTENT / "policies" / one["file"]).read_text()
        yield (
            f"policyFragments/{one['id']}",
            {"description": one["description"], "format": "rawxml", "value": xml},
        )


def _apis(has: Json) -> Iterator[tuple[str, Json]]:
    """The APIs, imported from their documents, with their tags."""
    for name, document in documents().items():
        own = has["apis"][name]
        versions = {}
        if "versionSet" in own:
            versions = {
                "apiVersion": own["version"],
                "apiVersionSetId": f"/apiVersionSets/{own['versionSet']}",
            }
        yield (
            f"apis/{name}",
            {
                "path": own["path"],
                "format": "openapi+json",
                "value": json.dumps(document),
                "protocols": ["https"],
            }
            | versions,
        )
        for tag in own["tags"]:
            yield f"apis/{name}/tags/{tag}", {}


def _products(has: Json) -> Iterator[tuple[str, Json]]:
    """The products with their APIs and the groups that see them."""
    for product in has["products"]:
        yield f"products/{product['id']}", _without(product, "id", "groups")
        for group in product["groups"]:
            yield f"products/{product['id']}/groups/{group}", {}
        for api, own in has["apis"].items():
            if product["id"] in own["product"]:
                yield f"products/{product['id']}/apis/{api}", {}


def _people(has: Json) -> Iterator[tuple[str, Json]]:
    """Users, their groups, and their subscriptions."""
    for user in has["users"]:
        yield f"users/{user['id']}", _without(user, "id", "groups")
        for group in user.get("groups", ()):
            yield f"groups/{group}/users/{user['id']}", {}
    for one in has["subscriptions"]:
        owner = {"ownerId": f"/users/{one['owner']}"}
        yield f"subscriptions/{one['id']}", _without(one, "id", "owner") | owner


def _without(one: Mapping[str, Any], *names: str) -> Json:
    return {name: value for name, value in one.items() if name not in names}
