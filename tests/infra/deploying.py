"""
Working out what templates would deploy: a small interpreter of Bicep over the syntax of `bicep.py`.

Parameters are given, so conditions, loops, names and settings come to plain values; what only Azure knows
(the client id of an identity, for instance) is `Unknown`, and so is everything made with it. The functions
stand in `bicep_functions.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import bicep
import bicep_functions as functions
import expressions
from bicep import Node
from bicep_functions import NotWorkedOut, Unknown
from expressions import Expression

Local = Mapping[str, Any]
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-0000000000aa"


class Object(dict[str, Any]):
    """An object that knows where each of its properties was written; the place of the whole is under ''."""

    def __init__(
        self, values: Mapping[str, Any], places: Mapping[str, Any] | Object = MappingProxyType({})
    ) -> None:
        super().__init__(values)
        self.places: Mapping[str, str] = places.places if isinstance(places, Object) else places


@dataclass(kw_only=True)
class Deployed:
    """One resource that would be deployed, or that is only referred to."""

    file: bicep.File
    declaration: bicep.Declaration
    id: str
    name: Any
    body: dict[str, Any]
    module: str = ""
    """The module of the top template that it comes from."""

    @property
    def type(self) -> str:
        """`Microsoft.Web/sites`."""
        return self.declaration.resource_type

    def at(self, what: str) -> str:
        """Return a sentence about the place where it is declared."""
        return self.file.at(self.declaration.line, what)

    def get(self, *path: str) -> Any:
        """Return what lies at a path of its body, None where there is nothing."""
        found: Any = self.body
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def member(self, name: str) -> Any:
        """Return `resource.name` in an expression."""
        known = {"id": self.id, "name": self.name, "type": self.type, "location": self.body.get("location")}
        return known[name] if name in known else Unknown(f"{self.id}.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One deployment of a module."""

    file: bicep.File
    declaration: bicep.Declaration
    name: Any
    scope: str

    def at(self, what: str) -> str:
        """Return a sentence about the place where it is declared."""
        return self.file.at(self.declaration.line, what)


@dataclass(kw_only=True)
class Deployment:
    """What one top template would deploy with one set of parameters."""

    files: Mapping[Path, bicep.File]
    resources: list[Deployed] = field(default_factory=list)
    existing: list[Deployed] = field(default_factory=list)
    """What is only referred to."""
    modules: list[Module] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def of(self, resource_type: str) -> list[Deployed]:
        """Return the resources of one type."""
        return [found for found in self.resources if found.type == resource_type]


def deploy(files: Mapping[Path, bicep.File], top: Path, parameters: Mapping[str, Any]) -> Deployment:
    """
    Work out what a template deploys.

    Raises:
        NotWorkedOut: an expression that this interpreter does not know, or a parameter without a value.
    """
    deployment = Deployment(files=files)
    deployment.outputs = Frame(files[top.resolve()], dict(parameters), SUBSCRIPTION, deployment).run()
    return deployment


class Frame:
    """One file with its parameters' values, in one scope."""

    def __init__(
        self,
        file: bicep.File,
        parameters: dict[str, Any],
        scope: str,
        deployment: Deployment,
        module: str = "",
    ) -> None:
        self.file, self.scope, self.deployment, self.module = file, scope, deployment, module
        self.known: dict[str, Any] = dict(parameters)
        self.kinds: dict[str, Callable[[Expression, Local], Any]] = {
            "plain": lambda found, local: self._plain(found.node, local),
            "name": self._name,
            "member": self._member,
            "index": self._index,
            "call": self._call,
            "lambda": self._lambda,
            "ternary": lambda found, local: self._of(
                found.parts[1 if self._of(found.parts[0], local) else 2], local
            ),
            "binary": lambda found, local: functions.operate(
                found.word, self._of(found.parts[0], local), lambda: self._of(found.parts[1], local)
            ),
            "unary": lambda found, local: functions.sign(found.word, self._of(found.parts[0], local)),
        }

    def run(self) -> dict[str, Any]:
        """Deploy everything that the file declares; return its outputs."""
        for declaration in self.file.of("resource", "module"):
            self.named(declaration.name)
        return {
            name: self.value(output.value, {}) for name, output in self.file.outputs.items() if output.value
        }

    def named(self, name: str) -> Any:
        """Return what a declared name stands for, worked out once."""
        if name in self.known:
            return self.known[name]
        declaration = self.file.declared.get(name)
        if declaration is None or (declaration.kind == "parameter" and declaration.value is None):
            raise NotWorkedOut(f"{self.file.name}: {name} has no value")
        if declaration.kind in {"resource", "module"}:
            self.known[name] = self._all_of(declaration)
        else:
            assert declaration.value is not None
            self.known[name] = self.value(declaration.value, {})
        return self.known[name]

    def value(self, node: Node, local: Local) -> Any:
        """Work out an expression; `local` holds what loops and lambdas have named."""
        return self._of(expressions.parse(node), local)

    def _of(self, found: Expression, local: Local) -> Any:
        return self.kinds[found.kind](found, local)

    def _plain(self, node: Node, local: Local) -> Any:
        match node.type:
            case "object":
                items = [(self._key(key, local), value) for key, value in bicep.pairs(node)]
                places = {key: self._place(value) for key, value in items} | {"": self._place(node)}
                return Object({key: self.value(value, local) for key, value in items}, places)
            case "array":
                return [self._of(item, local) for item in expressions.items(node)]
            case "number":
                return int(bicep.text(node))
            case "boolean":
                return bicep.text(node) == "true"
            case "null":
                return None
            case "string":
                return self._string(node, local)
            case "for_statement":
                return [self.value(node.named_children[-1], inner) for inner in self._rounds(node, local)]
        raise NotWorkedOut(self.file.at(node, f"{node.type} is not known to the interpreter of the tests"))

    def _all_of(self, declaration: bicep.Declaration) -> Any:
        """Deploy a resource or a module, as often as its loop says; None where its condition is false."""
        if declaration.loop is not None:
            rounds = self._rounds(declaration.loop, {})
            return [self._one(declaration, local) for local in rounds]
        if declaration.condition is not None and not self.value(declaration.condition, {}):
            return None
        return self._one(declaration, {})

    def _one(self, declaration: bicep.Declaration, local: Local) -> Any:
        assert declaration.value is not None
        if declaration.kind == "resource":
            return self._resource(declaration, self.value(declaration.value, local))
        given = bicep.properties(declaration.value)
        scope = self._scope(self.value(given["scope"], local)) if "scope" in given else self.scope
        parameters = self.value(given["params"], local) if "params" in given else {}
        name = self.value(given["name"], local) if "name" in given else declaration.name
        self.deployment.modules.append(
            Module(file=self.file, declaration=declaration, name=name, scope=scope)
        )
        file = self.deployment.files[(self.file.path.parent / declaration.target).resolve()]
        module = self.module or declaration.name
        return {"outputs": Frame(file, parameters, scope, self.deployment, module).run()}

    def _resource(self, declaration: bicep.Declaration, body: dict[str, Any]) -> Deployed:
        names, types = str(body.get("name")).split("/"), declaration.resource_type.split("/")
        parent, outer = body.pop("parent", None), body.pop("scope", None)
        if isinstance(parent, Deployed):
            place = f"{parent.id}/{types[-1]}/{names[-1]}"
        elif declaration.resource_type == "Microsoft.Resources/resourceGroups":
            place = f"{self.scope}/resourceGroups/{names[0]}"
        else:
            pairs = "/".join(f"{kind}/{name}" for kind, name in zip(types[1:], names, strict=False))
            place = f"{self._scope(outer) if outer else self.scope}/providers/{types[0]}/{pairs}"
        found = Deployed(
            file=self.file,
            declaration=declaration,
            id=place,
            name=body.get("name"),
            body=body,
            module=self.module,
        )
        (self.deployment.existing if declaration.is_existing else self.deployment.resources).append(found)
        return found

    def _scope(self, scope: Any) -> str:
        return scope.id if isinstance(scope, Deployed) else str(scope["id"])

    def _place(self, node: Node) -> str:
        return f"{self.file.name}:{bicep.line(node)}"

    def _key(self, node: Node, local: Local) -> str:
        return bicep.text(node) if node.type == "identifier" else str(self.value(node, local))

    def _string(self, node: Node, local: Local) -> Any:
        if (plain := bicep.string(node)) is not None:
            return plain
        found, is_known = "", True
        for item in node.named_children:
            if item.type != "interpolation":
                found += bicep.unescape(item)
                continue
            value = self.value(item.named_children[0], local)
            is_known = is_known and not isinstance(value, Unknown)
            found += value.of if isinstance(value, Unknown) else str(value)
        return found if is_known else Unknown(found)

    def _name(self, found: Expression, local: Local) -> Any:
        return local[found.word] if found.word in local else self.named(found.word)

    def _member(self, found: Expression, local: Local) -> Any:
        owner = self._of(found.parts[0], local)
        if isinstance(owner, Deployed):
            return owner.member(found.word)
        return self._item(owner, found.word, found)

    def _index(self, found: Expression, local: Local) -> Any:
        owner, key = (self._of(part, local) for part in found.parts)
        return key if isinstance(key, Unknown) else self._item(owner, key, found)

    def _item(self, owner: Any, key: Any, found: Expression) -> Any:
        if isinstance(owner, Unknown):
            return Unknown(f"{owner.of}.{key}")
        try:
            return owner[key]
        except (LookupError, TypeError):
            if found.is_safe:
                return None
            raise NotWorkedOut(
                self.file.at(found.node, f"there is no {key} in {found.node.text!r}")
            ) from None

    def _lambda(self, found: Expression, local: Local) -> Callable[..., Any]:
        def called(*given: Any) -> Any:
            return self._of(found.parts[0], {**local, **dict(zip(found.names, given, strict=False))})

        return called

    def _rounds(self, node: Node, local: Local) -> list[dict[str, Any]]:
        """Return the names that each round of a loop adds."""
        names, items = bicep.loop_names(node), self.value(node.named_children[1], local)
        if isinstance(items, Unknown):
            raise NotWorkedOut(self.file.at(node, "a loop over what is not known when the deployment starts"))
        return [
            {**local, **dict(zip(names, (item, number), strict=False))} for number, item in enumerate(items)
        ]

    def _call(self, found: Expression, local: Local) -> Any:
        called, *arguments = found.parts
        if called.kind == "member" and called.parts[0].word not in {"az", "sys"}:
            return Unknown(called.word)  # resource.listKeys() and the like; check_security says more
        values = [self._of(argument, local) for argument in arguments]
        own = self.file.declared.get(called.word)
        if own is not None and own.kind == "function" and own.value is not None:
            return self.value(own.value, dict(zip(bicep.loop_names(own.node), values, strict=True)))
        if called.word in {"loadTextContent", "loadJsonContent"}:
            content = (self.file.path.parent / values[0]).read_text(encoding="utf-8")
            return json.loads(content) if called.word == "loadJsonContent" else content
        return functions.call(called.word, values, self.scope)
