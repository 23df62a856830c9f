"""Calls of the app's routes as a client makes them: method, URL and body in, status, headers and text out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from azure.functions import meta

from tests.world.app import World
from tests.world.azure import Azure

INDEX = Path(__file__).parents[1] / "functions" / "expected_index.json"
_TERMINATE = re.compile(r"/runtime/webhooks/durabletask/instances/([^/]+)/terminate")
"""A route of the Functions host, which is none of the app's."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app has answered."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.text or "null")


def routes() -> list[tuple[str, str, str]]:
    """Return method, route and name of every HTTP function."""
    index = json.loads(INDEX.read_text(encoding="utf-8"))
    return [
        (method, binding["route"], name)
        for name, bindings in index.items()
        for binding in bindings
        if binding["type"] == "httpTrigger"
        for method in binding["methods"]
    ]


def functions() -> int:
    """Return how many functions the app has."""
    return len(json.loads(INDEX.read_text(encoding="utf-8")))


def call(world: World, method: str, url: str, body: str = "") -> Answer:
    """
    Call the app that answers at a URL, as the Functions host would.

    What the call starts does not run yet. A path or method that no function has is answered with 404.
    """
    parts = urlsplit(url)
    world.take_over()
    if method == "POST" and (terminated := _TERMINATE.fullmatch(parts.path)):
        world.host.terminate(terminated[1], "by hand")
        return Answer(202, {}, "")
    path = parts.path.removeprefix("/api/")
    found = next(
        (
            (name, match.groupdict())
            for known, route, name in routes()
            if known == method and (match := re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", route), path))
        ),
        None,
    )
    if found is None:
        return Answer(404, {}, "")
    name, params = found
    value = {
        "method": meta.Datum(method, "string"),
        "url": meta.Datum(url, "string"),
        "headers": {},
        "query": {key: meta.Datum(text, "string") for key, text in parse_qsl(parts.query)},
        "params": {key: meta.Datum(text, "string") for key, text in params.items()},
        "body": meta.Datum(body.encode(), "bytes"),
    }
    answer = world._invoke(name, meta.Datum(value, "http")).value
    headers = {key: str(datum.value) for key, datum in answer["headers"].items()}
    return Answer(int(answer["status_code"].value), headers, (answer["body"].value or b"").decode())


def call_azure(azure: Azure, method: str, url: str, body: str, authorization: str) -> Answer:
    """Call the simulated Azure Resource Manager, over the network, in place of the real one."""
    address = url.replace("https://management.azure.com", azure.url)
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    answer = requests.request(method, address, data=body or None, headers=headers, timeout=60)
    return Answer(answer.status_code, dict(answer.headers), answer.text)
