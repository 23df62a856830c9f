"""Route templates of HTTP triggers: which function answers a path, and the parameters in it. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from devhost.app import Function


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """
    A template such as `api/runs/{id}`.

    `methods` is None for "all"; `rank` sorts literal segments before parameters before catch-alls.
    """

    function: Function
    template: str
    methods: frozenset[str] | None
    pattern: re.Pattern[str]
    rank: tuple[int, ...]


def build(functions: Iterable[Function], prefix: str) -> list[Route]:
    """Make the routes of the functions with an HTTP trigger, the most specific first."""
    routes = [_route(function, prefix) for function in functions if function.trigger.type == "httpTrigger"]
    return sorted(routes, key=lambda route: route.rank)


def _route(function: Function, prefix: str) -> Route:
    raw = function.trigger.raw
    own = str(raw.get("route") or function.name).strip("/")
    template = f"{prefix}/{own}" if prefix else own
    pattern, rank = "", []
    for segment in template.split("/"):
        text, kind = _segment(segment)
        pattern += text
        rank.append(kind)
    methods = raw.get("methods")
    return Route(
        function=function,
        template=template,
        methods=frozenset(str(method).upper() for method in methods) if methods else None,
        pattern=re.compile(pattern + "/?", re.IGNORECASE),
        rank=tuple(rank),
    )


def _segment(segment: str) -> tuple[str, int]:
    """Return the pattern of one segment and its rank. Constraints (`{id:int}`) are read over."""
    match = re.fullmatch(r"\{(\*{0,2})([A-Za-z_]\w*)(?::[^}?]*)?(\?)?\}", segment)
    if match is None:
        return "/" + re.escape(segment), 0
    stars, name, optional = match.groups()
    if stars:
        return f"(?:/(?P<{name}>.*))?", 2
    if optional:
        return f"(?:/(?P<{name}>[^/]+))?", 1
    return f"/(?P<{name}>[^/]+)", 1


def find(routes: Sequence[Route], method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
    """
    Return the route of a request and its parameters, decoded.

    A path that is known under other methods only is not found: the real host answers 404 there, not 405.
    Source: https://github.com/Azure/azure-functions-host/issues/10098
    """
    for route in routes:
        match = route.pattern.fullmatch(raw_path)
        if match is not None and (route.methods is None or method in route.methods):
            found = {name: unquote(text) for name, text in match.groupdict().items() if text is not None}
            return route, found
    return None
