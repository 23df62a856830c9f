"""The command line: `python -m devhost start` and `python -m devhost relay`. Nothing else is done here."""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import sys
import threading
from collections.abc import Sequence

from devhost import host, relay
from devhost.app import IndexingError
from devhost.config import ConfigError
from devhost.engine.store import StateError

DEFAULT_PORT = 7071


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit code: 0 after Ctrl-C, 1 if it cannot start."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stdout,
        format="%(asctime)s %(levelname).1s %(message)s",
        datefmt="%H:%M:%S",
    )
    for name in relay.QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        if options.command == "start":
            host.start(_host_options(options))
        else:
            relay.run(_relay_options(options))
    except IndexingError as err:
        print(f"devhost: the app cannot be indexed, {len(err.faults)} fault(s):", file=sys.stderr)
        for fault in err.faults:
            print(f"- {fault}", file=sys.stderr)
        return 1
    except (ConfigError, StateError, host.PortTakenError, relay.RelayError) as err:
        print(f"devhost: {err}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devhost",
        description="A local stand-in for the Azure Functions host and for Event Grid. Loopback only.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="run a function app")
    start.add_argument("--app", type=pathlib.Path, default=pathlib.Path(), help="folder of function_app.py")
    start.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0 takes a free one (default %(default)s)"
    )
    start.add_argument("--state", type=pathlib.Path, default=pathlib.Path("build/devhost.sqlite"))
    start.add_argument("--task-hub", default="devhost", help="name of the task hub (default %(default)s)")
    start.add_argument(
        "--settings", type=pathlib.Path, help="default: local.settings.json of the app, if any"
    )
    start.add_argument("--auth", action="store_true", help="enforce function keys")
    start.add_argument("--ready-file", type=pathlib.Path, help="written as JSON when the host listens")
    events = commands.add_parser("relay", help="turn new blobs into BlobCreated events on a queue")
    events.add_argument(
        "--account-url", required=True, help="of the blobs, e.g. https://127.0.0.1:10000/name"
    )
    events.add_argument("--container", required=True)
    events.add_argument("--prefix", default="", help="only blobs whose names begin so")
    events.add_argument(
        "--queue-connection", required=True, metavar="SETTING", help="setting with the connection string"
    )
    events.add_argument("--queue", required=True)
    events.add_argument("--state", type=pathlib.Path, required=True)
    events.add_argument("--interval", type=float, default=0.5, help="seconds between listings")
    events.add_argument("--duplicate", type=int, default=1, help="put every event on the queue so many times")
    events.add_argument("--ready-file", type=pathlib.Path, help="written as JSON when the relay runs")
    return parser


def _host_options(options: argparse.Namespace) -> host.Options:
    return host.Options(
        app_dir=options.app,
        port=options.port,
        state=options.state,
        task_hub=options.task_hub,
        settings=options.settings,
        enforces_keys=options.auth,
        ready_file=options.ready_file,
    )


def _relay_options(options: argparse.Namespace) -> relay.Options:
    return relay.Options(
        account_url=options.account_url,
        container=options.container,
        prefix=options.prefix,
        queue_connection=options.queue_connection,
        queue=options.queue,
        state=options.state,
        interval_s=options.interval,
        copies=max(options.duplicate, 1),
        ready_file=options.ready_file,
    )


def _leave(code: int) -> None:
    """End the process now: a function that still runs in a thread would hold it up, and will run again."""
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    _leave(main())
