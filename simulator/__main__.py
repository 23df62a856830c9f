"""
The command line: `python -m simulator` serves until it is told to end, `python -m simulator certificates`
prepares.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path

from simulator import certificates
from simulator.clock import SpeedClock
from simulator.server import Simulator
from simulator.storage import BackupStorage
from simulator.world import TENANT, World

_DESCRIPTION = """
Azure Resource Manager's side of API Management backup and restore, for a developer's machine. Listens
on 127.0.0.1 only, keeps everything in memory, writes backups as real blobs to the storage emulator behind
--blob-endpoint. Scenes are set over the control routes under /_sim/.
"""


def main(argv: list[str]) -> int:
    """Run the command; return the exit code."""
    options = _parser().parse_args(argv)
    found = certificates.ensure(options.ca_dir, now=dt.datetime.now(dt.UTC))
    if options.command == "certificates":
        print(found.ca)
        return 0
    try:
        return asyncio.run(_serve(options, found))
    except OSError as err:
        print(f"simulator: cannot listen: {err.strerror or err}; choose other ports, or 0", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=_DESCRIPTION)
    parser.add_argument("--https-port", type=_port, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--http-port", type=_port, default=0, help="0 (the default) takes a free one")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        help="divides durations and Retry-After; 60 makes a minute a second",
    )
    _add_ca_dir(parser, default=Path("build/simulator/ca"))
    parser.add_argument(
        "--blob-endpoint", default="", metavar="URL", help="the storage emulator, with {account} in it"
    )
    parser.add_argument(
        "--account-key",
        action="append",
        default=[],
        type=_pair,
        metavar="ACCOUNT=KEY",
        help="an account that exists (others are refused if any is given); repeatable",
    )
    parser.add_argument(
        "--client",
        action="append",
        default=[],
        type=_pair,
        metavar="ID=SECRET",
        help="a service principal that may log in with this secret; repeatable",
    )
    parser.add_argument("--identity-header", help="the header of the managed identity; made up if not given")
    parser.add_argument("--tenant", default=TENANT, help="the tenant's id")
    parser.add_argument(
        "--ready-file", type=Path, metavar="F", help="written as JSON when listening, removed at the end"
    )
    commands = parser.add_subparsers(dest="command", metavar="certificates")
    only = commands.add_parser(
        "certificates", help="make the certificates if they are missing, print ca.pem, end"
    )
    _add_ca_dir(only, default=argparse.SUPPRESS)
    return parser


def _add_ca_dir(parser: argparse.ArgumentParser, *, default: object) -> None:
    parser.add_argument(
        "--ca-dir", type=Path, default=default, help="folder of ca.pem, cert.pem and key.pem; made if missing"
    )


async def _serve(options: argparse.Namespace, found: certificates.Certificates) -> int:
    world = World(clock=SpeedClock(options.speed), tenant=options.tenant)
    app = world.principals.add("app", identity_header=options.identity_header)
    for client_id, secret in options.client:
        world.principals.add(client_id, client_id=client_id, client_secret=secret)
    storage = BackupStorage(
        endpoint=options.blob_endpoint,
        account_keys=dict(options.account_key),
        tokens=world.tokens,
        ca=found.ca,
    )
    simulator = Simulator(world, certificates=found, storage=storage)
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(one, end.set)
    await simulator.start(https_port=options.https_port, http_port=options.http_port)
    ready = {
        "pid": os.getpid(),
        "http": world.http_url,
        "https": world.https_url,
        "ca": str(found.ca.resolve()),
        "identityEndpoint": f"{world.http_url}/msi/token",
        "identityHeader": app.identity_header,
        "tenant": options.tenant,
    }
    try:
        _write_ready(options.ready_file, ready)
        print(
            f"simulator: {world.https_url} and {world.http_url}, certificates in {found.ca.parent}",
            flush=True,
        )
        await end.wait()
    finally:
        await simulator.stop()
        if options.ready_file is not None:
            options.ready_file.unlink(missing_ok=True)
    return 0


def _write_ready(path: Path | None, ready: dict[str, object]) -> None:
    """
    Write the file so that whoever sees it sees all of it; it holds a secret, so only its owner may read it.
    """
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(ready, file)
    draft.replace(path)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 100_000:
        raise argparse.ArgumentTypeError("the speed is a number above 0, at most 100000")
    return speed


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name or not value:
        raise argparse.ArgumentTypeError("expected NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
