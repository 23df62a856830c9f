"""Names within one file, and modules between files: what a compiler would say first."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import bicep
import bicep_functions
import pycep
from bicep import Declaration, File

PREVIEW = re.compile(r"preview|alpha|beta", re.I)
BUILT_IN_TYPES = {"resourceInput", "resourceOutput"}
MODULE_KEYS = {"name", "scope", "params", "dependsOn", "identity"}
NOT_KNOWN_AT_START = "is not known when the deployment starts"


def syntax(file: File) -> list[str]:
    """Name what one of the two parsers does not read; a compiler may be right where both are wrong."""
    found = [
        file.at(node, f"syntax: {bicep.text(node).splitlines()[0][:60] if node.text else node.type}")
        for node in bicep.walk(file.root)
        if node.type == "ERROR" or node.is_missing
    ]
    if refused := _refused(file.path.read_text(encoding="utf-8")):
        found.append(file.at(1, f"pycep does not read it: {refused}"))
    found += [
        file.at(node, "a resource inside a resource: use `parent`, which the checks read")
        for declaration in file.of("resource")
        for node in bicep.walk(declaration.node)
        if node.type == "resource_declaration" and node.id != declaration.node.id
    ]
    return found


@functools.cache
def _pycep() -> pycep.BicepParser:
    return pycep.BicepParser()


@functools.cache
def _refused(content: str) -> str:
    """Return what pycep has against a file, nothing if it reads it; asked once for each content."""
    try:
        _pycep().parse(text=content)
    except Exception as err:  # noqa: BLE001 - whatever a parser raises, it has not read the file
        return " ".join(str(err).split())[:160]
    return ""


def declared(file: File) -> list[str]:
    """Name every symbol, type and function that is used and not declared."""
    found = []
    for declaration in file.all():
        for node in bicep.uses(declaration.node):
            name = bicep.text(node)
            if name not in file.declared and name not in bicep.local_names(node) | {"az", "sys"}:
                found.append(file.at(node, f"{name} is not declared"))
        for node in bicep.types_used(declaration.node):
            if bicep.text(node) not in file.declared and bicep.text(node) not in BUILT_IN_TYPES:
                found.append(file.at(node, f"the type {bicep.text(node)} is not declared"))
        for node in bicep.functions_used(declaration.node):
            if bicep.text(node) not in file.declared and bicep.text(node) not in bicep_functions.KNOWN:
                found.append(
                    file.at(node, f"{bicep.text(node)} is no function that bicep_functions.py knows")
                )
    return found


def used(file: File) -> list[str]:
    """Name every parameter, variable, type, import, function and existing resource that nothing uses."""
    names = {
        bicep.text(node)
        for declaration in file.all()
        for kind in (bicep.uses, bicep.types_used, bicep.functions_used)
        for node in kind(declaration.node)
    }
    exported = {name for name, entry in file.declared.items() if "export" in entry.decorators}
    return [
        file.at(entry.line, f"{entry.kind} {entry.name} is not used")
        for entry in file.declared.values()
        if entry.name not in names | exported
        and (entry.kind not in {"resource", "module"} or entry.is_existing)
    ]


def described(file: File) -> list[str]:
    """Name every parameter and output without a description."""
    return [
        file.at(entry.line, f"{entry.kind} {entry.name} has no @description")
        for entry in [*file.of("parameter"), *file.outputs.values()]
        if "description" not in entry.decorators
    ]


def versions(file: File) -> list[str]:
    """Name every resource whose API version is a preview, or none."""
    return [
        file.at(entry.line, f"{entry.target} is no API version that is generally available")
        for entry in file.of("resource")
        if PREVIEW.search(entry.api_version) or not re.fullmatch(r"\d{4}-\d\d-\d\d", entry.api_version)
    ]


def loops(file: File) -> list[str]:
    """Name loops with a condition, and conditions, loops, names and scopes that only a module's end tells."""
    found = []
    for entry in file.of("resource", "module"):
        if entry.loop is not None and entry.condition is not None:
            found.append(file.at(entry.line, f"{entry.name}: `if` inside a loop: filter the array first"))
        early = {"condition": entry.condition}
        early["loop"] = entry.loop.named_children[1] if entry.loop is not None else None
        body = bicep.properties(entry.value) if entry.value is not None else {}
        early |= {key: body[key] for key in ("name", "scope") if key in body}
        for what, node in early.items():
            if node is not None and (late := next(_late(file, node, what), None)):
                found.append(file.at(node, f"{what} of {entry.name}: {late} {NOT_KNOWN_AT_START}"))
        if (
            entry.kind == "module"
            and entry.loop is not None
            and not _is_counted(entry.loop, body.get("name"))
        ):
            found.append(
                file.at(entry.line, f"name of {entry.name}: deployments of a loop need its index in it")
            )
    return found


def _is_counted(loop: bicep.Node, name: bicep.Node | None) -> bool:
    """Tell whether the name of a loop's deployments has the loop's index in it."""
    _, *index = bicep.loop_names(loop)
    return name is not None and any(bicep.text(use) in index for use in bicep.uses(name))


def _late(file: File, node: bicep.Node, what: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what is only known later: outputs of modules, and what Azure says of a resource."""
    for use in bicep.uses(node):
        path = bicep.path_from(use)
        entry = file.declared.get(path[0]) if path[0] not in seen else None
        if entry is None:
            continue
        is_early = set(path[1:]) <= {"id", "name", "type", "apiVersion"} or what == "scope"
        if (entry.kind == "module" and "outputs" in path) or (entry.kind == "resource" and not is_early):
            yield ".".join(path)
        elif entry.kind == "variable" and entry.value is not None:
            yield from _late(file, entry.value, what, seen | {entry.name})


def modules(files: Mapping[Path, File], file: File) -> list[str]:
    """Name every module file, parameter and output that is used and does not exist, and what is missing."""
    found = []
    for entry in file.of("import"):
        other = files.get((file.path.parent / entry.target).resolve())
        if other is None:
            found.append(file.at(entry.line, f"there is no file {entry.target}"))
        elif entry.name not in other.declared:
            found.append(file.at(entry.line, f"{entry.target} exports no {entry.name}"))
    paths = [(bicep.path_from(node), node) for entry in file.all() for node in bicep.uses(entry.node)]
    for entry in file.of("module"):
        other = files.get((file.path.parent / entry.target).resolve())
        if other is None:
            found.append(file.at(entry.line, f"module {entry.name}: there is no file {entry.target}"))
            continue
        found += _arguments(file, entry, other)
        found += [
            file.at(node, f"module {entry.name} ({other.name}) has no output {path[2]}")
            for path, node in paths
            if path[:2] == [entry.name, "outputs"] and len(path) > 2 and path[2] not in other.outputs
        ]
    for node in bicep.walk(file.root):
        loads = node.type == "arguments" and bicep.text(node.prev_sibling) in {
            "loadTextContent",
            "loadJsonContent",
        }
        name = bicep.string(node.named_children[0]) if loads else None
        if name is not None and not (file.path.parent / name).is_file():
            found.append(file.at(node, f"there is no file {name}"))
    return found


def _arguments(file: File, entry: Declaration, other: File) -> list[str]:
    if entry.value is None or entry.value.type != "object":
        return [file.at(entry.line, f"module {entry.name}: its body is no object")]
    body = bicep.properties(entry.value)
    found = [
        file.at(node, f"module {entry.name}: {key} is none of {', '.join(sorted(MODULE_KEYS))}")
        for key, node in body.items()
        if key not in MODULE_KEYS
    ]
    given = bicep.properties(body["params"]) if "params" in body else {}
    wanted = {parameter.name: parameter for parameter in other.of("parameter")}
    for name, node in given.items():
        if name not in wanted:
            found.append(file.at(node, f"module {entry.name}: {other.name} has no parameter {name}"))
    for name, parameter in wanted.items():
        is_nullable = any(item.type == "nullable_type" for item in bicep.walk(parameter.node))
        if name not in given and parameter.value is None and not is_nullable:
            found.append(
                file.at(entry.line, f"module {entry.name}: parameter {name} of {other.name} is missing")
            )
    return found


def all_faults(files: Mapping[Path, File]) -> list[str]:
    """Run every check of this module on every file."""
    checks = (syntax, declared, used, described, versions, loops)
    return [
        fault
        for file in files.values()
        for fault in [*(s for c in checks for s in c(file)), *modules(files, file)]
    ]
