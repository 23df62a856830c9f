"""The demo's processes: what each is started with, and how one sees that it is ready."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from demo import environment
from demo.environment import Side, Storage
from demo.processes import Command, Program, Ready, read_json, write_json
from demo.workfolder import WorkFolder

ROOT = environment.ROOT
TITLES = {"primary": "the devhost of the primary's region", "standby": "the devhost of the standby's region"}
_LISTENS = re.compile(r"Azurite (Blob|Queue) service is successfully listening at (https://\S+)")


def certificates_command(ca_folder: Path) -> Command:
    """Return the command that makes the certificate authority; Azurite and the simulator share it."""
    return (sys.executable, "-m", "simulator", "certificates", "--ca-dir", str(ca_folder))


def azurite(folder: WorkFolder, side: Side, key: str, ca_folder: Path) -> Program:
    """Azurite with the account of one region, over https; it takes free ports and says which."""
    name = f"azurite-{side.name}"
    command = (
        environment.node(),
        str(environment.azurite_script()),
        *("--disableTelemetry", "--skipApiVersionCheck", "--silent", "--oauth", "basic"),
        *("--location", str(folder.path / name)),
        *("--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"),
        *("--blobPort", "0", "--queuePort", "0", "--tablePort", "0"),
        *("--cert", str(ca_folder / "cert.pem"), "--key", str(ca_folder / "key.pem")),
    )
    log = folder.log(name)

    def ready() -> Ready | None:
        found = dict(_LISTENS.findall(log.read_text(errors="replace"))) if log.exists() else {}
        return found if {"Blob", "Queue"} <= found.keys() else None

    return Program(
        name=name,
        title=f"the Azurite of the {side.name}'s region",
        command=command,
        environment={**environment.clean_environment(), "AZURITE_ACCOUNTS": f"{side.account}:{key}"},
        folder=ROOT,
        log=log,
        ready=ready,
    )


def front(folder: WorkFolder, azurites: Mapping[str, str], ca_folder: Path) -> Program:
    """The one blob address in front of them; `azurites` are their addresses by account."""
    file = folder.ready("front")
    accounts = [word for one in azurites.items() for word in ("--account", "=".join(one))]
    command = (
        *(sys.executable, "-m", "demo.front", *accounts),
        *("--ca-dir", str(ca_folder), "--ready-file", str(file)),
    )
    return Program(
        name="front",
        title="the front of the storage accounts",
        command=command,
        environment=environment.clean_environment(),
        folder=ROOT,
        log=folder.log("front"),
        ready=lambda: read_json(file),
    )


def simulator(folder: WorkFolder, *, blobs: str, ca_folder: Path, speed: float) -> Program:
    """The simulator of Azure Resource Manager and of its token endpoints."""
    file = folder.ready("simulator")
    command = (
        *(sys.executable, "-m", "simulator", "--https-port", "0", "--http-port", "0"),
        *("--speed", f"{speed:g}", "--ca-dir", str(ca_folder)),
        *("--blob-endpoint", f"{blobs}/{{account}}", "--ready-file", str(file)),
    )
    return Program(
        name="simulator",
        title="the simulator",
        command=command,
        environment=environment.trusting(environment.clean_environment(), ca_folder / "ca.pem"),
        folder=ROOT,
        log=folder.log("simulator"),
        ready=lambda: read_json(file),
    )


def relay(folder: WorkFolder, storage: Storage, simulator_ready: Ready, ca: Path) -> Program:
    """What Event Grid does in Azure: new records of the primary become events on the standby's queue."""
    file = folder.ready("relay")
    command = (
        *(sys.executable, "-m", "devhost", "relay"),
        *("--account-url", storage.account_url(environment.PRIMARY)),
        *("--container", environment.RECORDS, "--prefix", "restore-points/"),
        *("--queue-connection", "AzureWebJobsStorage", "--queue", environment.QUEUE),
        *("--state", str(folder.path / "relay.sqlite"), "--ready-file", str(file)),
    )
    settings = {
        "AzureWebJobsStorage": storage.connection_string(environment.STANDBY),
        **environment.identity_settings(simulator_ready),
    }
    return Program(
        name="relay",
        title="the relay",
        command=command,
        environment=environment.trusting(environment.clean_environment(), ca) | settings,
        folder=ROOT,
        log=folder.log("relay"),
        ready=lambda: read_json(file),
        again=lambda _ready: command,
    )


def devhost(
    folder: WorkFolder,
    side: Side,
    settings: Mapping[str, str],
    ca: Path,
    *,
    app: Path = ROOT,
    disabled: Collection[str],
) -> Program:
    """
    The function app of one region; started again, it keeps its state and its port.

    `app` is the folder of function_app.py, `disabled` are timers that do not fire by themselves.
    """
    file = folder.ready(side.name)
    # A developer's local.settings.json is not for the demo.
    own_settings = folder.path / "demo.settings.json"
    write_json(own_settings, {"IsEncrypted": False, "Values": environment.disabling(disabled)})

    def command(port: int) -> Command:
        return (
            *(sys.executable, "-m", "devhost", "start", "--app", str(app), "--port", str(port)),
            *("--state", str(folder.path / f"{side.name}.sqlite"), "--task-hub", f"demo{side.name}"),
            *("--settings", str(own_settings), "--ready-file", str(file)),
        )

    # A host that is killed again before it listens has no ready file: the port must be remembered here.
    known_port = 0

    def again(ready: Mapping[str, Any]) -> Command:
        nonlocal known_port
        file.unlink(missing_ok=True)
        known_port = urlsplit(str(ready.get("url", ""))).port or known_port
        return command(known_port)

    return Program(
        name=side.name,
        title=TITLES[side.name],
        command=command(0),
        environment=environment.trusting(environment.clean_environment(), ca) | dict(settings),
        folder=ROOT,
        log=folder.log(side.name),
        ready=lambda: read_json(file),
        again=again,
    )
