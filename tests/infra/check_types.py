"""
Properties that Azure does not know, at every depth, against the models of the official SDKs in `types/`.

`tools/infra_types.py` writes those files. Checked is what would be deployed (`deploying.py`), so variables,
parameters and unions are looked through.
"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import bicep
from bicep import File
from bicep_functions import Unknown
from deploying import Deployed, Deployment, Object

FOLDER = Path(__file__).parent / "types"
OF_BICEP = {"name", "dependsOn"}

NEIGHBOURS = {
    ("Microsoft.Resources/resourceGroups", "2024-03-01"): "no package has it; checked against 2024-07-01",
    (
        "Microsoft.OperationalInsights/workspaces",
        "2023-09-01",
    ): "no package has it; checked against 2025-07-01",
}
"""Versions that are checked against another one than their own."""

ALSO_REQUIRED = {
    "Microsoft.Web/sites": ("kind", "identity"),
    "Microsoft.Web/serverfarms": ("sku",),
    "Microsoft.Storage/storageAccounts": ("properties",),
    "Microsoft.Insights/workbooks": ("kind",),
    "Microsoft.Insights/scheduledQueryRules": ("kind",),
}
"""What the SDK leaves open, and a deployment here cannot be without."""

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@functools.cache
def known(resource_type: str) -> dict[str, Any] | None:
    """Return the distilled models of a type, None where there are none."""
    path = FOLDER / f"{resource_type.replace('/', '.')}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def known_name(path: Path) -> str:
    """Return the resource type that a file is about."""
    return str(json.loads(path.read_text(encoding="utf-8"))["type"])


def all_faults(deployment: Deployment) -> list[str]:
    """Check everything that one deployment would make."""
    return [fault for resource in deployment.resources for fault in faults(resource)]


def reads(file: File) -> Iterator[str]:
    """Name what is asked of a resource and what it has not: `account.properties.primaryEndpoint`."""
    for declaration in file.all():
        for node in bicep.uses(declaration.node):
            name, *path = bicep.path_from(node)
            entry = file.declared.get(name)
            is_plain = not path or path[0] in {"id", "name", "type"} or path[0].startswith("list")
            if is_plain or entry is None or entry.kind != "resource":
                continue
            models = known(entry.resource_type)
            if models is not None and name not in bicep.local_names(node) and not _has(models, path):
                yield file.at(node, f"{entry.resource_type} has no property {'.'.join(path)} to read")


def _has(models: Mapping[str, Any], path: list[str]) -> bool:
    """Tell whether a model has what a path leads to; what is open may have anything."""
    place: str = models["root"]
    for name in path:
        definition = models["definitions"].get(place)
        if definition is None or "discriminator" in definition:
            return True
        if name not in definition["properties"]:
            return False
        place = definition["properties"][name]["is"]
    return True


def faults(resource: Deployed) -> Iterator[str]:
    """Name unknown, read-only, misspelt and missing properties and wrong values of one resource."""
    models, version = known(resource.type), resource.declaration.api_version
    if models is None:
        yield resource.at(f"{resource.type} has no file in tests/infra/types: see tools/infra_types.py")
        return
    if version != models["apiVersion"] and (resource.type, version) not in NEIGHBOURS:
        yield resource.at(f"{resource.declaration.target}: the models are of {models['apiVersion']}")
    body = {name: value for name, value in resource.body.items() if name not in OF_BICEP}
    check = _Check(resource, models["definitions"], f"{resource.type} of {version}")
    yield from check.object(models["root"], Object(body, resource.body), "")
    for name in ALSO_REQUIRED.get(resource.type, ()):
        if name not in body:
            yield resource.at(f"{check.title} needs {name}")


class _Check:
    """Walks one body beside its model."""

    def __init__(self, resource: Deployed, definitions: Mapping[str, Any], title: str) -> None:
        self.resource, self.definitions, self.title = resource, definitions, title

    def at(self, owner: Any, name: str, what: str) -> str:
        """Return a sentence about a property, at its own line where that is known."""
        place = owner.places.get(name) if isinstance(owner, Object) else None
        return f"{place}: {what}" if place else self.resource.at(what)

    def object(self, model: str, body: Any, path: str) -> Iterator[str]:
        definition = self.definitions[model]
        properties = dict(definition["properties"])
        if "discriminator" in definition:
            of_kind = definition["discriminator"]
            kind = body.get(of_kind["property"])
            if kind not in of_kind["kinds"] and not isinstance(kind, Unknown):
                where = f"{path}{of_kind['property']}"
                yield self.at(
                    body,
                    of_kind["property"],
                    f"{self.title}: {where} is {kind!r}, none of {[*of_kind['kinds']]}",
                )
                return
            properties |= self.definitions.get(of_kind["kinds"].get(kind), definition)["properties"]
        for name, value in body.items():
            if name not in properties:
                near = difflib.get_close_matches(name, properties, 1, 0.7)
                near = near or [other for other in properties if other.lower() == str(name).lower()]
                hint = f"; is {near[0]} meant?" if near else ""
                yield self.at(body, name, f"{self.title} has no property {path}{name}{hint}")
            elif properties[name].get("readOnly"):
                yield self.at(body, name, f"{self.title}: {path}{name} is read-only")
            else:
                yield from self.value(properties[name], value, body, name, path + name)
        for name, property_ in properties.items():
            if property_.get("required") and body.get(name) is None:
                what = f"{self.title} needs {path}{name}"
                yield self.at(body, "", what)

    def value(
        self, property_: Mapping[str, Any], value: Any, owner: Any, name: str, path: str
    ) -> Iterator[str]:
        if value is None or isinstance(value, Unknown):
            return
        if property_.get("list") or property_.get("map"):
            wanted = list if property_.get("list") else dict
            if not isinstance(value, wanted):
                yield self.at(
                    owner, name, f"{self.title}: {path} is no {'array' if wanted is list else 'object'}"
                )
                return
            inner = {key: entry for key, entry in property_.items() if key not in {"list", "map", "required"}}
            for item in value if isinstance(value, list) else value.values():
                yield from self.value(
                    inner, item, owner, name, f"{path}[]" if wanted is list else f"{path}.*"
                )
        elif property_["is"] in self.definitions:
            if isinstance(value, dict):
                yield from self.object(property_["is"], value, f"{path}.")
            else:
                yield self.at(owner, name, f"{self.title}: {path} is no object")
        elif property_["is"] in KINDS:
            is_kind = isinstance(value, KINDS[property_["is"]]) and (
                property_["is"] == "boolean" or not isinstance(value, bool)
            )
            if not is_kind:
                yield self.at(owner, name, f"{self.title}: {path} is {value!r}, and no {property_['is']}")
            elif property_.get("values") and value not in property_["values"]:
                yield self.at(
                    owner, name, f"{self.title}: {path} is {value!r}, none of {property_['values']}"
                )
