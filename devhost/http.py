"""The HTTP side: the app's HTTP triggers, the admin endpoints, and the keys in front of them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from azure.functions import meta

from devhost import durable_client, routing
from devhost.app import App, Function
from devhost.durable_routes import DurableRoutes, Guard, Handler
from devhost.invoke import FunctionFailure, Invoker
from devhost.keys import HOST, MASTER, Keys

log = logging.getLogger("devhost.http")

BODY_MAX_BYTES = 100 * 1024 * 1024  # the real host's own limit

RunNow = Callable[[Function, str], Awaitable[None]]


class HttpSide:
    """Builds the web application of one host."""

    def __init__(
        self, app: App, invoker: Invoker, durable: DurableRoutes, keys: Keys | None, run: RunNow
    ) -> None:
        """
        Make the HTTP side.

        Args:
            app: the indexed app.
            invoker: runs its functions.
            durable: the routes of orchestrations.
            keys: enforced if given.
            run: starts a function that has no HTTP trigger, in the background.
        """
        self._app = app
        self._invoker = invoker
        self._durable = durable
        self._keys = keys
        self._run = run
        self._started = time.monotonic()
        self._routes = routing.build(app.functions, app.host.route_prefix)

    @property
    def routes(self) -> list[routing.Route]:
        """The routes of the app's HTTP triggers."""
        return self._routes

    def build(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=BODY_MAX_BYTES)
        router = application.router
        self._durable.add_to(router, durable_client.RPC_PATH, lambda handler: handler)
        self._durable.add_to(router, durable_client.WEBHOOK_PATH, self._guard("SYSTEM"))
        admin = self._guard("ADMIN")
        for method, path, handler in (
            ("GET", "/admin/host/status", self._status),
            ("GET", "/admin/host/ping", self._ping),
            ("POST", "/admin/host/ping", self._ping),
            ("GET", "/admin/host/keys", self._host_keys),
            ("GET", "/admin/functions", self._functions),
            ("GET", "/admin/functions/{name}", self._function),
            ("POST", "/admin/functions/{name}", self._run_function),
            ("GET", "/admin/functions/{name}/status", self._function_status),
            ("GET", "/admin/functions/{name}/keys", self._function_keys),
        ):
            router.add_route(method, path, admin(handler))
        router.add_route("*", "/{path:.*}", self._trigger)
        return application

    def _guard(self, level: str) -> Guard:
        def wrap(handler: Handler) -> Handler:
            async def guarded(request: web.Request) -> web.StreamResponse:
                if self._keys is not None and not self._keys.opens(_key_of(request), level):
                    return web.Response(status=401)
                return await handler(request)

            return guarded

        return wrap

    # HTTP triggers.

    async def _trigger(self, request: web.Request) -> web.StreamResponse:
        raw_path = request.rel_url.raw_path
        found = routing.find(self._routes, request.method, raw_path)
        if found is None:
            if raw_path == "/" and request.method in ("GET", "HEAD"):
                return web.Response(text="The function app is up and running (devhost).\n")
            return web.Response(status=404)
        route, parameters = found
        level = str(route.function.trigger.raw.get("authLevel") or "FUNCTION").upper()
        if self._keys is not None and not self._keys.opens(_key_of(request), level, route.function.name):
            return web.Response(status=401)
        datum = await _request_datum(request, parameters)
        try:
            result = await self._invoker.invoke(route.function, datum, why=f"{request.method} {raw_path}")
        except FunctionFailure:
            return web.Response(status=500)
        return _response(result)

    # Admin endpoints.

    async def _status(self, request: web.Request) -> web.Response:
        uptime_ms = int((time.monotonic() - self._started) * 1000)
        return web.json_response(
            {"id": "devhost", "state": "Running", "version": "4 (devhost)", "processUptime": uptime_ms}
        )

    async def _ping(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _functions(self, request: web.Request) -> web.Response:
        base = str(request.url.origin())
        return web.json_response([self._describe(function, base) for function in self._app.functions])

    async def _function(self, request: web.Request) -> web.Response:
        function = self._named(request)
        if function is None:
            return web.Response(status=404)
        return web.json_response(self._describe(function, str(request.url.origin())))

    async def _function_status(self, request: web.Request) -> web.Response:
        return web.json_response({}) if self._named(request) else web.Response(status=404)

    async def _run_function(self, request: web.Request) -> web.Response:
        function = self._named(request)
        if function is None:
            return web.Response(status=404)
        if function.trigger.type not in ("timerTrigger", "queueTrigger"):
            return _bad_request(
                f"{function.name} has a {function.trigger.type}; the admin endpoint of the"
                " devhost runs functions with a timer or a queue trigger"
            )
        text = await request.text()
        try:
            body = json.loads(text) if text else {}
        except ValueError as err:
            return _bad_request(f"the body is no JSON: {err}")
        if not isinstance(body, dict):
            return _bad_request('the body is a JSON object: {"input": "…"}')
        given = body.get("input")
        await self._run(function, given if isinstance(given, str) else json.dumps(given) if given else "")
        return web.Response(status=202)

    async def _host_keys(self, request: web.Request) -> web.Response:
        if self._keys is None:
            return web.json_response({"keys": []})
        named = (("_master", MASTER), ("default", HOST))
        return web.json_response(
            {"keys": [{"name": name, "value": self._keys.get(*key)} for name, key in named]}
        )

    async def _function_keys(self, request: web.Request) -> web.Response:
        function = self._named(request)
        if function is None:
            return web.Response(status=404)
        if self._keys is None:
            return web.json_response({"keys": []})
        value = self._keys.get(f"function/{function.name}")
        return web.json_response({"keys": [{"name": "default", "value": value}]})

    def _named(self, request: web.Request) -> Function | None:
        name = request.match_info["name"].lower()
        return next((found for found in self._app.functions if found.name.lower() == name), None)

    def _describe(self, function: Function, base: str) -> dict[str, Any]:
        route = next((route for route in self._routes if route.function is function), None)
        return {
            "name": function.name,
            "href": f"{base}/admin/functions/{function.name}",
            "invoke_url_template": f"{base}/{route.template}" if route else None,
            "language": "python",
            "isDisabled": False,
            "config": {"bindings": [binding.raw for binding in function.bindings]},
        }


def _key_of(request: web.Request) -> str | None:
    return request.headers.get("x-functions-key") or request.query.get("code")


def _bad_request(message: str) -> web.Response:
    return web.json_response({"message": message}, status=400)


async def _request_datum(request: web.Request, parameters: dict[str, str]) -> meta.Datum:
    """Put a request into the form that the worker gives to the HTTP converter."""
    query = {name: ",".join(request.query.getall(name)) for name in request.query}
    headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
    value = {
        "method": meta.Datum(request.method, "string"),
        "url": meta.Datum(str(request.url), "string"),
        "headers": {name: meta.Datum(text, "string") for name, text in headers.items()},
        "query": {name: meta.Datum(text, "string") for name, text in query.items()},
        "params": {name: meta.Datum(text, "string") for name, text in parameters.items()},
        "body": meta.Datum(await request.read(), "bytes"),
    }
    return meta.Datum(value, "http")


def _response(result: meta.Datum | None) -> web.Response:
    """Turn what the HTTP converter encoded into an answer."""
    if result is None:
        return web.Response(status=204)
    if result.type == "string":
        return web.Response(text=result.value)
    value = result.value
    response = web.Response(status=int(value["status_code"].value), body=value["body"].value)
    for name, datum in value["headers"].items():
        response.headers[name] = datum.value
    for cookie in value["cookies"] or ():
        for morsel in cookie.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response
