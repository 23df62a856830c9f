"""
The HTTP API of durable orchestrations, at its two addresses.

`/durabletask/…` is what the SDK's client calls (`rpcBaseUrl`); in Azure it is a port that only the worker can
reach, so it takes no key. `/runtime/webhooks/durabletask/…` is the public one. They differ in one more thing:
the SDK's client sends its JSON encoded twice.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from devhost import durable_client
from devhost.clock import from_text
from devhost.engine.protocol import (
    Engine,
    InstanceEndedError,
    InstanceExistsError,
    InstanceNotFoundError,
    InvalidIdError,
    Query,
    Status,
    UnknownFunctionError,
    Wish,
)

WAIT_MAX_S = 230  # no HTTP answer of Functions takes longer
TOP_MAX = 1000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guard = Callable[[Handler], Handler]


class DurableRoutes:
    """The routes over one engine."""

    def __init__(
        self, engine: Engine, *, task_hub: str, base_url: Callable[[], str], code: str | None
    ) -> None:
        self._engine = engine
        self._task_hub = task_hub
        self._base_url = base_url
        self._code = code

    def add_to(self, router: web.UrlDispatcher, prefix: str, guard: Guard) -> None:
        """Register every route under a prefix that ends with a slash."""
        for method, path, handler in (
            ("POST", "orchestrators/{name}", self._start),
            ("POST", "orchestrators/{name}/{id}", self._start),
            ("GET", "instances", self._list),
            ("GET", "instances/", self._list),
            ("DELETE", "instances", self._purge_many),
            ("DELETE", "instances/", self._purge_many),
            ("GET", "instances/{id}", self._status),
            ("DELETE", "instances/{id}", self._purge),
            ("POST", "instances/{id}/raiseEvent/{event}", self._raise_event),
            ("POST", "instances/{id}/restart", self._restart),
            ("POST", "instances/{id}/rewind", self._rewind),
            ("POST", "instances/{id}/{wish:terminate|suspend|resume}", self._set_state),
        ):
            router.add_route(method, prefix + path, guard(_translate(handler)))
        router.add_route("*", prefix + "entities/{rest:.*}", guard(_no_entities))

    async def _start(self, request: web.Request) -> web.Response:
        payload = await _payload(request)
        instance_id = await self._engine.start(
            request.match_info["name"], payload, request.match_info.get("id"), request.query.get("version")
        )
        return await self._started(request, instance_id)

    async def _started(self, request: web.Request, instance_id: str) -> web.Response:
        """Answer 202 with the management URLs, or wait for the end first if the caller asked for that."""
        timeout_s, poll_s = request.query.get("timeout"), request.query.get("pollingInterval")
        if timeout_s and poll_s:
            for _ in range(math.ceil(min(float(timeout_s), WAIT_MAX_S) / max(float(poll_s), 0.1))):
                instance = await self._engine.get(instance_id)
                if instance is not None and instance.status.is_final:
                    return await self._status_of(request, instance_id)
                await asyncio.sleep(max(float(poll_s), 0.1))
        urls = durable_client.management_urls(self._base_url(), self._task_hub, instance_id, self._code)
        headers = {"Location": urls["statusQueryGetUri"], "Retry-After": "10"}
        return web.json_response(urls, status=202, headers=headers)

    async def _status(self, request: web.Request) -> web.Response:
        return await self._status_of(request, request.match_info["id"])

    async def _status_of(self, request: web.Request, instance_id: str) -> web.Response:
        instance = await self._engine.get(instance_id)
        if instance is None:
            return web.Response(status=404)
        history = await self._engine.history(instance_id) if _flag(request, "showHistory") else None
        body = durable_client.status_json(
            instance,
            show_input=_flag(request, "showInput", default=True),
            history=history,
            show_output=_flag(request, "showHistoryOutput"),
        )
        if not instance.status.is_final:
            headers = {"Location": str(request.url), "Retry-After": "5"}
            return web.json_response(body, status=202, headers=headers)
        is_500 = instance.status is Status.FAILED and _flag(request, "returnInternalServerErrorOnFailure")
        return web.json_response(body, status=500 if is_500 else 200)

    async def _list(self, request: web.Request) -> web.Response:
        found = await self._engine.find(_query(request))
        top = min(int(request.query.get("top", TOP_MAX)), TOP_MAX)
        token = request.headers.get("x-ms-continuation-token", "")
        begin = int(token) if token.isdigit() else 0
        page = found[begin : begin + top] if "top" in request.query else found
        show_input = _flag(request, "showInput", default=True)
        body = [durable_client.status_json(instance, show_input=show_input) for instance in page]
        rest = str(begin + top) if "top" in request.query and begin + top < len(found) else ""
        return web.json_response(body, headers={"x-ms-continuation-token": rest})

    async def _purge(self, request: web.Request) -> web.Response:
        if not await self._engine.purge(request.match_info["id"]):
            return web.Response(status=404)
        return web.json_response({"instancesDeleted": 1})

    async def _purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            return _fault(400, "Please provide value for 'createdTimeFrom' parameter.", "ArgumentException")
        found = await self._engine.find(_query(request))
        purged = [await self._engine.purge(instance.instance_id) for instance in found]
        if not any(purged):
            return web.Response(status=404)
        return web.json_response({"instancesDeleted": sum(purged)})

    async def _raise_event(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _fault(400, "Only application/json request content is supported", "ArgumentException")
        payload = await _payload(request)
        event = request.match_info["event"]
        await self._engine.raise_event(request.match_info["id"], event, payload or "null")
        return web.Response(status=202)

    async def _set_state(self, request: web.Request) -> web.Response:
        wish = Wish(request.match_info["wish"])
        await self._engine.set_state(request.match_info["id"], wish, request.query.get("reason", ""))
        return web.Response(status=202)

    async def _restart(self, request: web.Request) -> web.Response:
        instance_id = request.match_info["id"]
        instance = await self._engine.get(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"there is no instance '{instance_id}'")
        fresh = _flag(request, "restartWithNewInstanceId", default=True)
        new_id = await self._engine.start(
            instance.name, instance.input, None if fresh else instance_id, instance.version
        )
        if request.path.startswith(durable_client.RPC_PATH):
            return web.json_response(new_id, status=202)
        return await self._started(request, new_id)

    async def _rewind(self, request: web.Request) -> web.Response:
        return _fault(501, "the devhost does not rewind; restart the instance", "NotImplementedException")


async def _no_entities(request: web.Request) -> web.Response:
    return _fault(501, "the devhost does not run entities", "NotImplementedException")


async def _payload(request: web.Request) -> str | None:
    """Return the JSON text of a body; None if there is none."""
    text = await request.text()
    if not text:
        return None
    value = json.loads(text)
    if not request.path.startswith(durable_client.RPC_PATH):
        return text
    if value is None:
        return None
    return value if isinstance(value, str) else text


def _flag(request: web.Request, name: str, *, default: bool = False) -> bool:
    text = request.query.get(name, "").lower()
    return text == "true" if text in ("true", "false") else default


def _query(request: web.Request) -> Query:
    query = request.query
    statuses = [Status(text) for text in query.get("runtimeStatus", "").split(",") if text in set(Status)]
    return Query(
        created_from=from_text(query["createdTimeFrom"]) if "createdTimeFrom" in query else None,
        created_to=from_text(query["createdTimeTo"]) if "createdTimeTo" in query else None,
        statuses=tuple(statuses),
        id_prefix=query.get("instanceIdPrefix"),
    )


def _translate(handler: Handler) -> Handler:
    """Turn the engine's errors into the answers of the real extension."""

    async def wrapped(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except InstanceNotFoundError:
            return web.Response(status=404)
        except InstanceEndedError:
            return web.Response(status=410)
        except (UnknownFunctionError, InvalidIdError) as err:
            return _fault(400, str(err), "System.ArgumentException")
        except InstanceExistsError as err:
            return _fault(500, str(err), "System.InvalidOperationException")
        except ValueError as err:
            return _fault(400, f"Invalid request: {err}", "System.ArgumentException")

    return wrapped


def _fault(status: int, message: str, kind: str) -> web.Response:
    body: dict[str, Any] = {
        "Message": "Something went wrong while processing your request",
        "ExceptionMessage": message,
        "ExceptionType": kind,
    }
    return web.json_response(body, status=status)
