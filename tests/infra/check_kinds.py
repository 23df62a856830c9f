"""
Kinds of values across names: what a symbol is declared as, against where it is handed to.

A small part of what a compiler does: string, int, bool, object and array, through parameters, variables,
loops, user-defined types, outputs of modules and the functions that always give the same kind. What it cannot
tell it lets pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import bicep
import expressions
from bicep import Declaration, File, Node
from expressions import Expression

LITERALS = {
    "string": "string",
    "number": "int",
    "boolean": "bool",
    "object": "object",
    "array": "array",
    "for_statement": "array",
}
PLAIN = {"string", "int", "bool", "object", "array"}
STRINGS = {"toLower", "toUpper", "trim", "uniqueString", "guid", "replace", "join", "string", "resourceId"}
STRINGS |= {"subscriptionResourceId", "loadTextContent", "cidrSubnet"}
BOOLS, INTS, ARRAYS = {"empty", "contains"}, {"length"}, {"split", "filter", "map", "flatten", "items"}
GIVES = {
    name: kind
    for kind, names in zip(("string", "bool", "int", "array"), (STRINGS, BOOLS, INTS, ARRAYS), strict=True)
    for name in names
}
TRUE_OR_FALSE = {"==", "!=", "=~", "<", "<=", ">", ">=", "&&", "||"}
OF_A_RESOURCE = {"id": "string", "name": "string", "type": "string", "location": "string"}


def all_faults(files: Mapping[Path, File]) -> list[str]:
    """Name every argument, default, output and condition that is of another kind than it must be."""
    return [fault for file in files.values() for fault in _Kinds(files, file).faults()]


class _Kinds:
    """Works out kinds in one file."""

    def __init__(self, files: Mapping[Path, File], file: File) -> None:
        self.files, self.file = files, file

    def faults(self) -> Iterator[str]:
        for entry in self.file.all():
            if entry.kind in {"parameter", "output"} and entry.value is not None:
                yield from self._compared(entry, entry.value, {}, f"{entry.kind} {entry.name}")
            if entry.condition is not None and self.of(entry.condition, {}) not in {"bool", None}:
                yield self.file.at(entry.condition, f"the condition of {entry.name} is no bool")
            if entry.kind == "module" and (other := self._module(entry)) is not None:
                yield from self._arguments(entry, other)

    def _arguments(self, entry: Declaration, other: File) -> Iterator[str]:
        body = bicep.properties(entry.value) if entry.value is not None else {}
        for name, node in (bicep.properties(body["params"]) if "params" in body else {}).items():
            wanted = other.declared.get(name)
            if wanted is None or wanted.kind != "parameter":
                continue
            yield from self._compared(wanted, node, self._items(entry), f"module {entry.name}: {name}")
            if "allowed" in wanted.decorators and not self._is_one_of_few(node, wanted.decorators["allowed"]):
                what = f"module {entry.name}: {name} takes a few words only, and a compiler does not know"
                yield self.file.at(node, f"{what} that {bicep.text(node)} is one of them")

    def _compared(
        self, wanted: Declaration, node: Node, local: Mapping[str, str | None], what: str
    ) -> Iterator[str]:
        declared, found = _declared(wanted), self.of(node, local)
        if declared is not None and found is not None and _plain(declared) != _plain(found):
            yield self.file.at(node, f"{what} is a {_plain(found)}, and wanted is a {_plain(declared)}")

    def _is_one_of_few(self, node: Node, allowed: Node) -> bool:
        """Tell whether a compiler is content: with one of the literals, and with any parameter."""
        if node.type in {"string", "number"}:
            return bicep.text(node) in {bicep.text(item) for item in bicep.walk(allowed)}
        entry = self.file.declared.get(bicep.text(node))
        return entry is not None and entry.kind == "parameter"

    def _module(self, entry: Declaration) -> File | None:
        return self.files.get((self.file.path.parent / entry.target).resolve())

    def _items(self, entry: Declaration) -> dict[str, str | None]:
        """Return the kinds of the names that the loop of a declaration makes."""
        if entry.loop is None:
            return {}
        item, *index = bicep.loop_names(entry.loop)
        return {item: _item(self.of(entry.loop.named_children[1], {})), **dict.fromkeys(index, "int")}

    def of(self, node: Node, local: Mapping[str, str | None]) -> str | None:
        """Return the kind of an expression, None where it cannot be told."""
        return self._of(expressions.parse(node), local)

    def _of(self, found: Expression, local: Mapping[str, str | None]) -> str | None:
        parts = found.parts
        match found.kind:
            case "plain":
                return LITERALS.get(found.node.type)
            case "name":
                return local[found.word] if found.word in local else self._named(found.word)
            case "member":
                return self._member(found, local)
            case "index":
                return _item(self._of(parts[0], local))
            case "call":
                return GIVES.get(parts[0].word) if parts[0].kind == "name" else None
            case "ternary":
                yes, no = (self._of(part, local) for part in parts[1:])
                return yes if yes == no else None
            case "binary":
                return (
                    "bool" if found.word in TRUE_OR_FALSE else "int" if found.word in set("+-*/%") else None
                )
            case "unary":
                return "bool" if found.word == "!" else "int"
        return None

    def _named(self, name: str) -> str | None:
        entry = self.file.declared.get(name)
        if entry is None or entry.kind not in {"parameter", "variable", "resource", "module"}:
            return None
        if entry.kind == "parameter":
            return _declared(entry)
        if entry.kind == "variable":
            return self.of(entry.value, {}) if entry.value is not None else None
        return "array" if entry.loop is not None else "object"

    def _member(self, found: Expression, local: Mapping[str, str | None]) -> str | None:
        owner, word = found.parts[0], found.word
        if owner.kind == "member" and owner.word == "outputs":
            module = self.file.declared.get(_first(owner.parts[0]))
            other = self._module(module) if module is not None and module.kind == "module" else None
            return _declared(other.outputs[word]) if other is not None and word in other.outputs else None
        entry = self.file.declared.get(_first(owner))
        if entry is not None and entry.kind == "resource" and owner.kind in {"name", "index"}:
            return OF_A_RESOURCE.get(word)
        shape = self.file.declared.get(str(self._of(owner, local)))
        if shape is None or shape.kind != "type" or shape.value is None:
            return None
        return next(
            (bicep.text(value) for key, value in bicep.pairs(shape.value) if bicep.text(key) == word), None
        )


def _declared(entry: Declaration) -> str | None:
    """Return the type of a parameter or an output as it is written, None for one that may be null."""
    written = bicep.text(bicep.child(entry.node, "type", "array_type"))
    return written or None


def _plain(kind: str) -> str:
    """Return the kind that a written type is: `string[]` is an array, a type of this file an object."""
    return "array" if kind.endswith("]") else kind if kind in PLAIN else "object"


def _item(kind: str | None) -> str | None:
    return kind.removesuffix("[]") if kind is not None and kind.endswith("[]") else None


def _first(found: Expression) -> str:
    """Return the name that an expression begins with."""
    return found.word if found.kind == "name" else _first(found.parts[0]) if found.parts else ""
