"""
Reading Bicep: files as declarations, and the few questions that all checks ask of their syntax.

The syntax is tree-sitter's; a node here is always one of its nodes. What an expression comes to is
worked out in `deploying.py`, and what may be wrong with it is said in the modules `check_*.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter
import tree_sitter_bicep

Node = tree_sitter.Node

KINDS = {
    "parameter_declaration": "parameter",
    "variable_declaration": "variable",
    "resource_declaration": "resource",
    "module_declaration": "module",
    "output_declaration": "output",
    "type_declaration": "type",
    "user_defined_function": "function",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One declaration of a file."""

    kind: str
    """A word of KINDS, or `import`."""
    name: str
    node: Node
    decorators: dict[str, Node]
    """Arguments by the decorator's name."""
    value: Node | None = None
    """The expression of a parameter's default, a variable, an output; the object of a resource or module."""
    target: str = ""
    """`Microsoft.Web/sites@2024-11-01` of a resource, the path of a module or an import."""
    is_existing: bool = False
    loop: Node | None = None
    condition: Node | None = None

    @property
    def line(self) -> int:
        """The line of the declaration itself, below its decorators."""
        return line(self.node)

    @property
    def resource_type(self) -> str:
        """`Microsoft.Web/sites`."""
        return self.target.partition("@")[0]

    @property
    def api_version(self) -> str:
        """`2024-11-01`."""
        return self.target.partition("@")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file: what it declares, by name; outputs apart, because they may be called like a parameter."""

    path: Path
    name: str
    """From the root of the repository, as in every sentence about it."""
    root: Node
    declared: dict[str, Declaration] = field(default_factory=dict)
    outputs: dict[str, Declaration] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Declaration]:
        """Return the declarations of some kinds, in the order of the file."""
        return [entry for entry in self.declared.values() if entry.kind in kinds]

    def all(self) -> list[Declaration]:
        """Return every declaration, outputs last."""
        return [*self.declared.values(), *self.outputs.values()]

    def at(self, node: Node | int, what: str) -> str:
        """Return a sentence about a place of this file."""
        return f"{self.name}:{node if isinstance(node, int) else line(node)}: {what}"


@functools.cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))


def read(folder: Path) -> dict[Path, File]:
    """Read every `*.bicep` below `folder/infra`; sentences name files from `folder` on."""
    return {path.resolve(): read_file(path, folder) for path in sorted((folder / "infra").rglob("*.bicep"))}


def read_file(path: Path, folder: Path) -> File:
    """Read one file."""
    root = _parser().parse(path.read_bytes()).root_node
    file = File(path=path.resolve(), name=path.relative_to(folder).as_posix(), root=root)
    decorators: dict[str, Node] = {}
    for node in root.named_children:
        if node.type == "decorators":
            decorators = {text(call.named_children[0]): call for call in _calls(node)}
        elif node.type == "import_functionality":
            for name in (child for child in node.named_children if child.type == "identifier"):
                target = string(node.named_children[-1]) or ""
                entry = Declaration(kind="import", name=text(name), node=node, decorators={}, target=target)
                file.declared[entry.name] = entry
        elif node.type in KINDS:
            entry = _declaration(node, decorators)
            (file.outputs if entry.kind == "output" else file.declared)[entry.name] = entry
            decorators = {}
    return file


def _calls(decorators: Node) -> Iterator[Node]:
    for decorator in decorators.named_children:
        call = decorator.named_children[0]
        if call.type == "call_expression":
            yield call


def _declaration(node: Node, decorators: dict[str, Node]) -> Declaration:
    kind, name = KINDS[node.type], text(child(node, "identifier"))
    marks = [item.type for item in node.children]
    value = node.named_children[-1] if "=" in marks or "=>" in marks else None
    if kind not in {"resource", "module"}:
        return Declaration(kind=kind, name=name, node=node, decorators=decorators, value=value)
    loop = value if value is not None and value.type == "for_statement" else None
    if loop is not None:
        value = loop.named_children[-1]
    condition = None
    if value is not None and value.type == "if_statement":
        condition, value = value.named_children[0], value.named_children[-1]
    return Declaration(
        kind=kind,
        name=name,
        node=node,
        decorators=decorators,
        value=value,
        target=string(child(node, "string")) or "",
        is_existing="existing" in marks,
        loop=loop,
        condition=condition,
    )


def line(node: Node) -> int:
    """Return the line of a node, from 1."""
    return int(node.start_point[0]) + 1


def text(node: Node | None) -> str:
    """Return the source of a node."""
    return node.text.decode() if node is not None and node.text else ""


def child(node: Node, *types: str) -> Node | None:
    """Return the first child of one of the types."""
    return next((item for item in node.children if item.type in types), None)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the text."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        yield item
        waiting.extend(reversed(item.children))


def string(node: Node | None) -> str | None:
    """Return the text of a string without interpolation, None for everything else."""
    if node is None or node.type != "string" or child(node, "interpolation"):
        return None
    parts = (item for item in node.named_children if item.type in {"string_content", "escape_sequence"})
    found = "".join(unescape(item) for item in parts)
    return found.removeprefix("\n") if child(node, "'''") else found


def unescape(node: Node) -> str:
    """Return what a piece of a string stands for."""
    found = text(node)
    if node.type == "escape_sequence":
        return {"\\n": "\n", "\\t": "\t", "\\r": "\r"}.get(found, found[1:])
    return found


def pairs(node: Node) -> Iterator[tuple[Node, Node]]:
    """Yield name and value of every property of an object literal."""
    for item in node.named_children:
        if item.type == "object_property":
            key, *_, value = item.named_children
            yield key, value


def properties(node: Node) -> dict[str, Node]:
    """Return the values of an object literal by their names; a name that is worked out is its source."""
    return {string(key) if string(key) is not None else text(key): value for key, value in pairs(node)}


def next_leaf(node: Node) -> Node | None:
    """Return the token that follows."""
    found: Node | None = node
    while found is not None and found.next_sibling is None:
        found = found.parent
    found = found.next_sibling if found is not None else None
    while found is not None and found.children:
        found = found.children[0]
    return found


def path_from(node: Node) -> list[str]:
    """Return `['m', 'outputs', 'x']` where an identifier begins `m.outputs.x` or `m[0].outputs.x`."""
    path, token, depth = [text(node)], next_leaf(node), 0
    while token is not None and (depth or token.type in {".", ".?", "!", "[", "property_identifier"}):
        depth += {"[": 1, "]": -1}.get(token.type, 0)
        if token.type == "property_identifier" and not depth:
            path.append(text(token))
        token = next_leaf(token)
    return path


def local_names(node: Node) -> set[str]:
    """Return the names that loops, lambdas and functions around a node have made."""
    found: set[str] = set()
    around: Node | None = node
    while around is not None:
        if around.type in {"for_statement", "user_defined_function"}:
            found |= set(loop_names(around))
        elif around.type == "arguments":  # a lambda's body may stand beside it in this grammar, not below
            for item in walk(around):
                if item.type == "lambda_expression":
                    found |= set(lambda_names(item))
        around = around.parent
    return found


def loop_names(node: Node) -> list[str]:
    """Return the names that a loop or a function makes: the item and its index, or the parameters."""
    if (pair := child(node, "for_loop_parameters", "parameters")) is None:
        return [text(child(node, "identifier"))]
    return [text(child(item, "identifier") or item) for item in pair.named_children]


def lambda_names(node: Node) -> list[str]:
    """Return the names of a lambda's parameters."""
    first = node.named_children[0]
    return [text(first)] if first.type == "identifier" else [text(item) for item in first.named_children]


def uses(node: Node) -> Iterator[Node]:
    """Yield every identifier below a node that stands for a value: no key, function, type or declaration."""
    for item in walk(node):
        around = item.parent
        if item.type != "identifier" or around is None or _is_type(item) or _is_lambda_head(item):
            continue
        is_first = around.named_children[0].id == item.id
        if around.type in {"decorator", "import_functionality", "parameter"} or is_function(item):
            continue
        if not (
            is_first and around.type in {"object_property", "for_statement", "metadata_declaration", *KINDS}
        ):
            yield item


def is_function(node: Node) -> bool:
    """Tell whether an identifier is called: the grammar's trees do not tell, its tokens do."""
    after = next_leaf(node)
    return after is not None and after.type == "(" and after.start_byte == node.end_byte


def _is_lambda_head(node: Node) -> bool:
    """Tell whether an identifier is a parameter of a lambda where it is made."""
    around = node.parent
    if around is not None and around.type == "parenthesized_expression":
        node, around = around, around.parent
    return (
        around is not None and around.type == "lambda_expression" and around.named_children[0].id == node.id
    )


def _is_type(node: Node) -> bool:
    around = node.parent
    while around is not None:
        if around.type in {"type", "array_type", "nullable_type", "type_declaration", "union_type"}:
            return True
        around = around.parent
    return False


def types_used(node: Node) -> Iterator[Node]:
    """Yield every identifier below a node that stands for a type."""
    for item in walk(node):
        around = item.parent
        if item.type != "identifier" or around is None or not _is_type(item):
            continue
        if around.type in {"object_property", "type_declaration"} and around.named_children[0].id == item.id:
            continue
        yield item


def functions_used(node: Node) -> Iterator[Node]:
    """Yield the name of every function that is called by its bare name."""
    for item in walk(node):
        is_declared = item.parent is None or item.parent.type == "user_defined_function"
        if item.type == "identifier" and not is_declared and is_function(item):
            yield item
