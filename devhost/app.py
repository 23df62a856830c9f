"""
Load a function app the way the real host's Python worker does, and say everything that is wrong with it.

Only the public API of azure-functions is used: the app object, its functions, their raw bindings.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import inspect
import json
import os
import pathlib
import re
import sys
import traceback
import typing
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import azure.functions as func
from azure.storage.queue import QueueClient

from devhost import config, ncrontab

TRIGGERS = frozenset(
    {"httpTrigger", "timerTrigger", "queueTrigger", "orchestrationTrigger", "activityTrigger"}
)
OTHER_BINDINGS = frozenset({"http", "durableClient"})
BUILT_IN_PARAMETERS = frozenset({"context"})


class IndexingError(Exception):
    """The app cannot be indexed; `faults` lists everything that was found."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclasses.dataclass(frozen=True, slots=True)
class Binding:
    """One binding as function.json would hold it, with `%SETTING%` replaced where the host replaces it."""

    type: str
    name: str
    raw: dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Function:
    """One function of the app."""

    name: str
    code: Callable[..., Any]
    bindings: tuple[Binding, ...]

    @property
    def trigger(self) -> Binding:
        """The binding that starts the function."""
        return next(binding for binding in self.bindings if binding.type in TRIGGERS)

    @property
    def return_binding(self) -> Binding | None:
        """The binding of the return value, if it was given one."""
        return next((binding for binding in self.bindings if binding.name == "$return"), None)

    @functools.cached_property
    def parameters(self) -> frozenset[str]:
        """The names of the function's parameters; a decorator's wrapper counts as what it wraps."""
        return frozenset(inspect.signature(self.code).parameters)

    @property
    def is_async(self) -> bool:
        """Whether calling it gives a coroutine."""
        return inspect.iscoroutinefunction(self.code)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An indexed function app."""

    directory: pathlib.Path
    functions: tuple[Function, ...]
    host: config.HostConfig

    def triggered_by(self, trigger: str) -> list[Function]:
        """Return the functions with this trigger."""
        return [function for function in self.functions if function.trigger.type == trigger]


def load(directory: pathlib.Path, *, needs_settings: bool = True) -> App:
    """
    Import function_app.py and index it.

    Args:
        directory: the folder of function_app.py and host.json.
        needs_settings: see `index`.

    Raises:
        IndexingError: with every fault.
    """
    directory = directory.resolve()
    if not (directory / "function_app.py").is_file():
        raise IndexingError([f"there is no function_app.py in {directory}"])
    try:
        host = config.load_host_config(directory)
    except config.ConfigError as err:
        raise IndexingError([str(err)]) from err
    functions = index(_find_app(_import(directory)), needs_settings=needs_settings)
    return App(directory=directory, functions=functions, host=host)


def index(app: func.FunctionRegister, *, needs_settings: bool = True) -> tuple[Function, ...]:
    """
    Index an app object.

    Args:
        app: holds exactly the functions to index.
        needs_settings: False lets missing settings of bindings pass, for callers that only run orchestrators.

    Raises:
        IndexingError: with every fault.
    """
    # get_functions() remembers the names it has seen and would call a second visit a duplicate.
    app.functions_bindings = {}
    try:
        built = app.get_functions()
    except (ValueError, TypeError, AttributeError) as err:
        raise IndexingError([f"function_app.py: {err}"]) from err
    faults: list[str] = []
    missing: list[str] = []
    functions = tuple(_convert(function, missing) for function in built)
    for function in functions:
        faults += _check(function)
        missing += _check_connection(function)
    faults += missing if needs_settings else []
    if faults:
        raise IndexingError(faults)
    return functions


def _import(directory: pathlib.Path) -> ModuleType:
    """Import function_app as a top-level module with its folder first on the path, as the worker does."""
    path = directory / "function_app.py"
    known = sys.modules.get("function_app")
    if known is not None and known.__file__ and pathlib.Path(known.__file__) == path:
        return known
    if str(directory) in sys.path:
        sys.path.remove(str(directory))
    sys.path.insert(0, str(directory))
    spec = importlib.util.spec_from_file_location("function_app", path)
    if spec is None or spec.loader is None:
        raise IndexingError([f"{path} cannot be imported"])
    module = importlib.util.module_from_spec(spec)
    sys.modules["function_app"] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as err:
        sys.modules.pop("function_app", None)
        if not isinstance(err, Exception | SystemExit):
            raise
        raise IndexingError([_import_fault(err, directory)]) from err
    return module


def _import_fault(err: BaseException, directory: pathlib.Path) -> str:
    """Say what an import raised and where in the app, in a few lines."""
    lines = [f"function_app.py cannot be imported: {type(err).__name__}: {err}"]
    for frame in traceback.extract_tb(err.__traceback__):
        path = pathlib.Path(frame.filename)
        if path.is_relative_to(directory) and "site-packages" not in path.parts:
            lines.append(f"  at {path.relative_to(directory)}:{frame.lineno}: {frame.line}")
    return "\n".join(lines)


def _find_app(module: ModuleType) -> func.FunctionRegister:
    found = {id(value): value for value in vars(module).values() if isinstance(value, func.FunctionRegister)}
    if len(found) != 1:
        what = "no app object" if not found else f"{len(found)} app objects"
        raise IndexingError([f"function_app.py has {what} at its top level; exactly one df.DFApp is needed"])
    return next(iter(found.values()))


def _convert(function: Any, faults: list[str]) -> Function:
    name = str(function.get_function_name())
    bindings = []
    for text in function.get_raw_bindings():
        raw = json.loads(text)
        for key in ("schedule", "queueName", "route"):
            if isinstance(raw.get(key), str):
                raw[key] = _resolve(raw[key], f"{name}: {key}", faults)
        bindings.append(Binding(type=raw["type"], name=raw["name"], raw=raw))
    return Function(name=name, code=function.get_user_function(), bindings=tuple(bindings))


def _resolve(text: str, where: str, faults: list[str]) -> str:
    """Replace every %NAME% by the setting of that name."""

    def read(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            faults.append(f"{where}: '%{match[1]}%' does not resolve to a value: the setting is missing")
            return match[0]
        return value

    return re.sub(r"%([^%]+)%", read, text)


def _check(function: Function) -> list[str]:
    """Find what the real host or its worker would refuse."""
    name, faults = function.name, []
    supported = TRIGGERS | OTHER_BINDINGS
    for binding in function.bindings:
        if binding.type not in supported:
            faults.append(f"{name}: the devhost has no '{binding.type}' binding")
    if faults:
        return faults
    if sum(binding.type in TRIGGERS for binding in function.bindings) != 1:
        return [f"{name}: exactly one trigger is needed"]
    faults += _check_parameters(function)
    raw = function.trigger.raw
    if function.trigger.type == "timerTrigger" and "%" not in raw["schedule"]:
        try:
            ncrontab.parse(raw["schedule"])
        except ValueError as err:
            faults.append(f"{name}: schedule: {err}")
    return faults


def _check_connection(function: Function) -> list[str]:
    if not any(binding.type == "queueTrigger" for binding in function.bindings):
        return []
    setting = str(function.trigger.raw.get("connection") or "")
    value = os.environ.get(setting)
    if not value:
        return [f"{function.name}: the setting '{setting}' (a connection string) is missing"]
    try:
        # Only looked at; nothing connects here.
        QueueClient.from_connection_string(value, "queue").close()
    except ValueError:
        return [f"{function.name}: the setting '{setting}' is no connection string of a storage account"]
    return []


def _check_parameters(function: Function) -> list[str]:
    """Compare bindings and parameters, as the worker does before it loads a function."""
    faults = []
    parameters = function.parameters
    bound = {binding.name for binding in function.bindings} - {"$return"}
    for name in sorted(bound - set(parameters)):
        faults.append(f"{function.name}: the binding '{name}' is no parameter of the function")
    for name in sorted(set(parameters) - bound - BUILT_IN_PARAMETERS):
        faults.append(f"{function.name}: the parameter '{name}' has no binding")
    hints = _annotations(function.code)
    for name in sorted(bound & set(parameters)):
        annotation = hints.get(name)
        if annotation is not None and not isinstance(annotation, type | str):
            faults.append(
                f"{function.name}: the parameter '{name}' has an invalid non-type annotation {annotation!r};"
                " use a bare type such as dict or str"
            )
    return faults


def _annotations(code: Callable[..., Any]) -> dict[str, Any]:
    """Resolve annotations as the worker does; those that cannot be resolved stay text and are let pass."""
    try:
        return typing.get_type_hints(code)
    except (NameError, TypeError, AttributeError):
        return dict(getattr(code, "__annotations__", {}))
