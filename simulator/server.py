"""
The web side, on aiohttp: turns requests into calls, applies scripted faults, keeps the journal, sends
answers.

Listens on the loopback interface only, with https and http on two ports.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web

from simulator import ids
from simulator.arm import ArmRoutes
from simulator.certificates import Certificates
from simulator.control import ControlRoutes
from simulator.faults import Fault
from simulator.gateways import Gateways
from simulator.login import LoginRoutes
from simulator.runner import OperationRunner
from simulator.storage import Storage
from simulator.wire import Answer, Call
from simulator.world import World

HOST = "127.0.0.1"

BODY_BYTES_MAX = 16 * 1024 * 1024
"""OpenAPI documents of an import are the largest bodies; the real limit for them is 4 MB."""


class Simulator:
    """A running simulator: the world, and the two listeners in front of it."""

    def __init__(
        self,
        world: World,
        *,
        certificates: Certificates,
        storage: Storage,
    ) -> None:
        self.world = world
        self.runner = OperationRunner(world, storage)
        self.arm = ArmRoutes(world, self.runner)
        self._gateways = Gateways(world.services)
        self.control = ControlRoutes(world, self.runner)
        self._login = LoginRoutes(
            tokens=world.tokens, principals=world.principals, https_url=lambda: world.https_url
        )
        self._certificates = certificates
        self._web: web.AppRunner | None = None

    async def start(self, *, https_port: int = 0, http_port: int = 0) -> None:
        """
        Listen; 0 takes a free port. The world's URLs are set afterwards.

        Raises:
            OSError: a port is taken.
        """
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._web = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._web.setup()
        try:
            tls = _tls(self._certificates.cert, self._certificates.key)
            self.world.https_url = f"https://{HOST}:{await self._listen(https_port, tls)}"
            self.world.http_url = f"http://{HOST}:{await self._listen(http_port, None)}"
        except OSError:
            await self._web.cleanup()
            raise

    async def stop(self) -> None:
        """Stop listening and drop what still waits."""
        if self._web is not None:
            await self._web.cleanup()
        await self.runner.close()

    async def _listen(self, port: int, tls: ssl.SSLContext | None) -> int:
        assert self._web is not None
        site = web.TCPSite(self._web, HOST, port, ssl_context=tls, backlog=512)
        await site.start()
        return int(self._web.addresses[-1][1])

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = await _call_of(request)
        await self.runner.catch_up()
        if call.segments[:1] == ("_sim",):
            return _response(await self.control.answer(call))
        fault = self.world.outages.fault(ids.parse(call.segments) or self._gateways.target(call))
        fault = fault or self._gateways.fault(call) or self.world.faults.take(call.method, call.path)
        answer = None
        if fault is None or fault.has_effect:
            answer = await self._answer(call)
        if fault is not None and fault.drop:
            self._record(call, answer, fault)
            return _drop(request)
        if fault is not None:
            answer = fault.spoil(answer or Answer(status=500), self.world.rotate_result)
        assert answer is not None
        self._record(call, answer, fault)
        return _response(answer)

    async def _answer(self, call: Call) -> Answer:
        found = self._login.answer(call) or self._gateways.answer(call)
        return found or await self.arm.answer(call)

    def _record(self, call: Call, answer: Answer | None, fault: Fault | None) -> None:
        object_id = self.world.tokens.object_id_of(call.headers.get("Authorization"))
        principal = self.world.principals.find(object_id) if object_id else None
        self.world.journal.record(
            time=self.world.clock.now(),
            method=call.method,
            path=call.path,
            segments=call.segments,
            status=answer.status if answer else None,
            principal=principal.name if principal else None,
            is_faulted=fault is not None,
            is_dropped=fault is not None and bool(fault.drop),
        )


async def _call_of(request: web.Request) -> Call:
    # The raw target: the framework's own URL would decode and encode again what must stay as it is.
    path = request.raw_path.partition("?")[0]
    return Call(
        method=request.method,
        base_url=f"{request.scheme}://{request.host}",
        path=path,
        segments=tuple(unquote(part) for part in path.split("/") if part),
        query={name.lower(): value for name, value in request.query.items()},
        headers=request.headers,
        body=await request.read(),
    )


def _response(answer: Answer) -> web.Response:
    body, headers = answer.encoded()
    response = web.Response(status=answer.status, headers={"Server": "apim-dr-simulator", **headers})
    if body:
        response.body = body
    return response


def _drop(request: web.Request) -> web.Response:
    """Cut the connection; the response that the framework wants afterwards goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _tls(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
