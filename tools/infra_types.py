"""
`python -m tools.infra_types`: which properties a resource type has, distilled from the official SDKs.

Run by hand, in an environment of its own, after a resource type or an API version in `infra/` has changed:

    python3 -m venv build/infra-types
    build/infra-types/bin/pip install $(python3 -m tools.infra_types --packages)
    build/infra-types/bin/python -m tools.infra_types

Writes `tests/infra/types/<type>.json`. A package, or a module of it, carries the models of one API version,
so a template is checked against exactly that version. The table `infra_types.json` is all there is to edit.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import importlib
import importlib.metadata
import inspect
import json
import sys
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "infra" / "types"
DEPTH_MAX = 6
"""Models that lie deeper are left open: those of networks contain one another without end."""

SOURCES: list[dict[str, Any]] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""For each API version: package, version, module of the models; resource types, each with its model."""

PLAIN = {
    **dict.fromkeys(("str", "iso-8601", "duration", "date", "time", "rfc-1123", "bytearray"), "string"),
    **dict.fromkeys(("int", "long"), "integer"),
    **{"float": "number", "bool": "boolean", "object": "any"},
}


@dataclasses.dataclass
class Models:
    """The definitions that are reachable from one model of one module."""

    module: Any
    found: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    def define(self, name: str, depth: int = 0) -> str:
        """Write down a model and what it refers to; return its name, or `any` where it is too deep."""
        if name in self.found:
            return name
        if depth > DEPTH_MAX:
            return "any"
        entry = self.found[name] = {"properties": {}}
        model = getattr(self.module, name)
        for key, property_ in _properties(model):
            place, *_, last = entry, *key
            for outer in key[:-1]:
                place = self._nested(name, place, outer, is_required=property_.get("required", False))
            if not property_.get("readOnly"):
                property_["is"] = self._kind(property_["is"], depth)
            place["properties"][last] = property_
        if kinds := _kinds(model):
            kinds["kinds"] = {value: self.define(kind, depth + 1) for value, kind in kinds["kinds"].items()}
            entry["discriminator"] = kinds
        return name

    def _nested(self, name: str, place: dict[str, Any], outer: str, *, is_required: bool) -> dict[str, Any]:
        """Return the definition of an object that older models flatten (`properties.kind`)."""
        nested = f"{name}.{outer}"
        entry = self.found.setdefault(nested, {"properties": {}})
        property_ = place["properties"].setdefault(outer, {"is": nested})
        if is_required:
            property_["required"] = True
        return entry

    def _kind(self, kind: str, depth: int) -> str:
        return kind if kind in PLAIN.values() else self.define(kind, depth + 1)


def _properties(model: Any) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Yield every property of a model, as the path of its name in JSON and what is known of it."""
    if hasattr(model, "_attribute_map"):
        yield from _older_properties(model)
    else:
        yield from _newer_properties(model)


def _older_properties(model: Any) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Read a model with `_attribute_map` and `_validation`; enumerations stand in its constructor only."""
    arguments = inspect.signature(model.__init__).parameters
    for attribute, entry in model._attribute_map.items():
        rules = model._validation.get(attribute, {})
        kind = str(entry["type"])
        property_: dict[str, Any] = {}
        for mark, word in (("[", "list"), ("{", "map")):
            if kind.startswith(mark):
                kind = kind[1:-1]
                property_[word] = True
        kind = "any" if kind[:1] in "[{" else PLAIN.get(kind, kind)
        property_ = {"is": kind, **property_}
        values = _values(model, arguments[attribute].annotation) if attribute in arguments else []
        if values and (kind == "string" or kind not in PLAIN.values()):
            property_ |= {"is": "string", "values": values}
        if rules.get("readonly"):
            property_ |= {"is": "any", "readOnly": True}
        elif rules.get("required"):
            property_["required"] = True
        yield entry["key"].replace("\\.", "\0").split("."), property_


def _newer_properties(model: Any) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """Read a model with `rest_field` descriptors, base classes first."""
    for base in reversed(model.__mro__):
        for attribute, annotation in inspect.get_annotations(base).items():
            field = base.__dict__.get(attribute)
            if not hasattr(field, "_visibility"):
                continue
            is_optional = type(None) in typing.get_args(annotation)
            property_ = _newer_type(model, annotation)
            if field._visibility == ["read"]:
                property_ = {"is": "any", "readOnly": True}
            elif not is_optional:
                property_["required"] = True
            yield [field._rest_name_input or attribute], property_


def _newer_type(model: Any, annotation: Any) -> dict[str, Any]:
    """Say what an annotation means."""
    if values := _values(model, annotation):
        return {"is": "string", "values": values}
    (kind, *_) = [part for part in (typing.get_args(annotation) or (annotation,)) if part is not type(None)]
    if typing.get_origin(annotation) in {list, dict}:
        kind = annotation
    if (origin := typing.get_origin(kind)) in {list, dict}:
        inner = _newer_type(model, typing.get_args(kind)[-1])
        is_deep = "list" in inner or "map" in inner
        return {**({"is": "any"} if is_deep else inner), "list" if origin is list else "map": True}
    if isinstance(kind, typing.ForwardRef):
        return {"is": kind.__forward_arg__.rsplit(".", 1)[-1]}
    return {"is": PLAIN.get(getattr(kind, "__name__", ""), "string" if kind is not Any else "any")}


def _values(model: Any, annotation: Any) -> list[str]:
    """Return the values of an enumeration that an annotation names, nothing for everything else."""
    package = importlib.import_module(model.__module__.rpartition(".")[0])
    for part in typing.get_args(annotation):
        named = part
        if isinstance(part, typing.ForwardRef):
            named = getattr(package, part.__forward_arg__.rsplit(".", 1)[-1], None)
        if isinstance(named, type) and issubclass(named, enum.Enum):
            return [str(item.value) for item in named]
        if typing.get_origin(part) is typing.Union and (inner := _values(model, part)):
            return inner
    return []


def _kinds(model: Any) -> dict[str, Any]:
    """Return which property tells the kinds of a model apart, and the model of each kind."""
    for attribute, kinds in vars(model).get("_subtype_map", {}).items():  # not the inherited one
        key = model._attribute_map[attribute]["key"].replace("\\.", "\0")
        return {"property": key, "kinds": dict(kinds)}
    return {}


def distil(module: Any, model: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the root and all definitions; of a second model what only answers have, as read-only."""
    body, *answer = model.split(", ")
    models = Models(module)
    models.define(body)
    for name in answer:
        for key, _ in _properties(getattr(module, name)):
            place = models.found[body if len(key) == 1 else f"{body}.{key[0]}"]["properties"]
            place.setdefault(key[-1], {"is": "any", "readOnly": True})
    return body, models.found


def write(source: Mapping[str, Any]) -> None:
    """Write one file for each resource type of a source, one line for each definition."""
    package, version = source["package"], source["version"]
    installed = importlib.metadata.version(package)
    if installed != version:
        sys.exit(
            f"{package} is {installed} here, and {version} is in the table: install what --packages says"
        )
    for resource_type, model in source["types"].items():
        root, found = distil(importlib.import_module(source["models"]), model)
        head = {
            "type": resource_type,
            "apiVersion": source["apiVersion"],
            "source": f"{package} {version}",
            "root": root,
        }
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}," for name, value in head.items()]
        definitions = [f"    {json.dumps(name)}: {json.dumps(item)}" for name, item in found.items()]
        text = "\n".join(["{", *lines, '  "definitions": {', ",\n".join(definitions), "  }", "}"]) + "\n"
        (FOLDER / f"{resource_type.replace('/', '.')}.json").write_text(text.replace("\\u0000", "."))


def main() -> int:
    """Write all files, or say what has to be installed first."""
    parser = argparse.ArgumentParser(prog="tools.infra_types", description=__doc__)
    parser.add_argument("--packages", action="store_true", help="print what is to be installed, for pip")
    if parser.parse_args().packages:
        print(*sorted({f"{source['package']}=={source['version']}" for source in SOURCES}), "six")
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        write(source)
    return 0


if __name__ == "__main__":
    sys.exit(main())
