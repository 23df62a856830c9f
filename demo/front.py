"""
`python -m demo.front`: the blob endpoint of every region's account, behind one address.

A plan has one template for the addresses of all accounts, and each region of the demo has an Azurite of its
own. This passes a call on to the Azurite of the account that its path begins with. Where that one is gone,
the connection is cut, as with a region that is lost. Each call is a line of the log.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
import ssl
import sys
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from demo.processes import write_json

HOST = "127.0.0.1"
BODY_BYTES_MAX = 64 * 1024 * 1024
NOT_PASSED_ON = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
"""Headers of one connection, not of the call."""


class Front:
    """Passes calls on."""

    def __init__(self, azurites: dict[str, str], session: aiohttp.ClientSession) -> None:
        """
        Remember where everybody is.

        Args:
            azurites: account → base URL of the Azurite that has it.
            session: makes the calls.
        """
        self._azurites = azurites
        self._session = session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one call on and answer what was answered; cut the connection if nothing was."""
        account = request.raw_path.lstrip("/").partition("/")[0].partition("?")[0]
        url = URL(self._azurites.get(account, "") + request.raw_path, encoded=True)
        answer = await self._ask(request, url) if account in self._azurites else None
        _note(request, account, answer.status if answer else None)
        if answer is None and request.transport is not None:
            request.transport.abort()
        return answer or web.Response(status=502)

    async def _ask(self, request: web.Request, url: URL) -> web.Response | None:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in NOT_PASSED_ON}
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=await request.read(), allow_redirects=False
            ) as found:
                kept = {k: v for k, v in found.headers.items() if k.lower() not in NOT_PASSED_ON}
                return web.Response(status=found.status, headers=kept, body=await found.read())
        except aiohttp.ClientError:
            return None


def caller_of(authorization: str) -> str:
    """Return the object id in a bearer token, "" if there is none."""
    parts = authorization.split(".")
    if len(parts) != 3:
        return ""
    claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
    return str(json.loads(claims).get("oid", ""))


def _note(request: web.Request, account: str, status: int | None) -> None:
    caller = caller_of(request.headers.get("Authorization", ""))
    line = {"account": account, "method": request.method, "path": request.path, "caller": caller}
    print(json.dumps({**line, "status": status}), flush=True)


async def serve(options: argparse.Namespace) -> None:
    """Listen on a free port until told to end."""
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    trust = ssl.create_default_context(cafile=str(options.ca_dir / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.ca_dir / "cert.pem", options.ca_dir / "key.pem")
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_route("*", "/{tail:.*}", Front(dict(options.account), session).handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0, ssl_context=tls).start()
        port = runner.addresses[0][1]
        write_json(options.ready_file, {"pid": os.getpid(), "url": f"https://{HOST}:{port}"})
        await end.wait()
        await runner.cleanup()


def main(arguments: list[str]) -> int:
    """Run the front."""
    parser = argparse.ArgumentParser(prog="python -m demo.front")
    parser.add_argument("--account", action="append", type=lambda text: text.split("=", 1), required=True)
    parser.add_argument("--ca-dir", type=Path, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    asyncio.run(serve(parser.parse_args(arguments)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
