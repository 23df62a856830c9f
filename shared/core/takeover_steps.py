"""The steps that every takeover has, whichever way it goes, with real names filled in. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.core import fix_ups_hosts, shell_lines
from shared.core.documents import Value
from shared.core.failover_facts import Facts
from shared.core.fix_up_scene import Scene, custom_hosts, default_host
from shared.core.preflight_facts import Unseen
from shared.core.reports import FixUp

STATUS_PATH = "/status-0123456789abcdef"
"""Answered by every gateway that serves."""

_GATEWAY = "Proxy"
"""The type of a host name by which APIs are called."""


class Step(Value):
    """One step: what to do, one line each for a shell, and how to know that it worked."""

    number: int = 0
    what: str
    is_needed: bool | None = True
    """False: there is nothing to do; None: only a person can tell."""
    commands: tuple[str, ...] = ()
    how_to_know: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Apps:
    """Where the apps of the regions answer: this one's address is known, others' are variables of a shell."""

    own_region: str
    own_url: str

    def url(self, region: str) -> str:
        """Return the address of a region's app, quoted for a shell."""
        if region == self.own_region:
            return shell_lines.argument(self.own_url)
        return f'"${region.upper()}_APP"'

    def get(self, region: str, path: str) -> str:
        """Return the line that reads something of a region's app."""
        return f'curl -sS -H "x-functions-key: $KEY" {self.url(region)}{path}'

    def post(self, region: str, path: str, body: dict[str, Any]) -> str:
        """Return the line that asks a region's app for something."""
        data = shell_lines.argument(json.dumps(body, ensure_ascii=False))
        sort = "-H 'Content-Type: application/json'"
        return f'curl -sS -i -H "x-functions-key: $KEY" {sort} -d {data} {self.url(region)}{path}'

    def stop(self, region: str, service: str, reason: str) -> str:
        """Return the line that stops replication of a service into a region, until it is taken back."""
        line = self.post(region, _stop_path(service), {"reason": reason})
        return line.replace("curl -sS -i", "curl -sS -i -X PUT", 1)

    def go_on(self, region: str, service: str) -> str:
        """Return the line that takes such a stop back."""
        return f'curl -sS -i -X DELETE -H "x-functions-key: $KEY" {self.url(region)}{_stop_path(service)}'

    def look(self, region: str, service: str) -> str:
        """Return the line that has replication look at a standby."""
        path = f"/api/services/{service}/replicate"
        return f'curl -sS -i -X POST -H "x-functions-key: $KEY" {self.url(region)}{path}'

    def say(self, region: str) -> str:
        """Return whose app is meant, for a sentence."""
        return f"the app of {region}"


def _stop_path(service: str) -> str:
    return f"/api/services/{service}/replication-stop"


def hosts_of(facts: Facts) -> tuple[Scene, list[str]] | None:
    """Return the settings of both ends and the names by which APIs are called; None if not known."""
    if isinstance(facts.scene, Unseen):
        return None
    hosts = custom_hosts(facts.scene.source, facts.scene.point.source)
    if hosts is None:
        return None
    return facts.scene, [host.host_name for host in hosts if host.type == _GATEWAY]


def fix(facts: Facts, missing: tuple[FixUp, ...]) -> Step:
    """Return the step that mends what no restore brings."""
    mine = [one for one in missing if not one.what.startswith("DNS") and one.is_needed is not False]
    needed = [one for one in mine if one.is_needed]
    known = hosts_of(facts)
    probes = [_probe_through(known[0], name) for name in known[1]] if known else []
    names = "; ".join(one.what for one in needed) or "nothing that is certain"
    return Step(
        what=f"Mend what no restore brings ({names}); `missing` says why, and what only a person can tell.",
        is_needed=True if needed else None if mine else False,
        commands=tuple(one.command for one in needed),
        how_to_know=(
            f"Called as if DNS led to it already, {facts.name} answers 200 with a valid certificate: "
            + ("; ".join(probes) or f"curl -sS -i https://{_default(facts)}{STATUS_PATH}")
        ),
    )


def lead_callers(facts: Facts) -> Step:
    """Return the step that leads callers to the one that takes over."""
    known = hosts_of(facts)
    if known is None or isinstance(facts.scene, Unseen):
        what = f"Lead callers to {facts.name}: which host names they use could not be told from here."
        return Step(
            what=what,
            is_needed=None,
            commands=(shell_lines.show(facts.instead_of, f"{fix_ups_hosts.QUERY}[].hostName"),),
            how_to_know=f"dig +short CNAME says {_default(facts)} of each of them.",
        )
    records = fix_ups_hosts.dns(facts.scene)
    if not known[1]:
        return Step(
            what=f"Tell callers the address of {facts.name}: {records[0].why}.",
            commands=(records[0].command,),
            how_to_know=f"https://{_default(facts)}{STATUS_PATH} answers 200, and the callers use it.",
        )
    return Step(
        what=(
            f"Lead DNS to {facts.name}: one CNAME for each host name. Callers follow when the time to live "
            "is over that the record had; a short one has to be set in quiet times. Where a traffic manager, "
            "a front door or private DNS leads callers, change it there instead."
        ),
        commands=tuple(record.command for record in records),
        how_to_know="; ".join(f"dig +short CNAME {name} says {_default(facts)}" for name in known[1]),
    )


def check(facts: Facts, apps: Apps) -> Step:
    """Return the step that looks whether callers are served."""
    known = hosts_of(facts)
    names = known[1] if known and known[1] else [_default(facts)]
    return Step(
        what=f"Check that callers are served by {facts.name}, with one call of an API of yours among them.",
        commands=(
            *(f"curl -sS -i {shell_lines.argument(f'https://{name}{STATUS_PATH}')}" for name in names),
            apps.get(facts.end.region, f"/api/services/{facts.service}/failover"),
        ),
        how_to_know="200 everywhere; after some minutes the check NoTraffic counts what your callers do.",
    )


def tell(facts: Facts) -> Step:
    """Return the step that tells people."""
    general = None if isinstance(facts.scene, Unseen) else facts.scene.source.general
    owner = f" ({general.publisher_email})" if general and general.publisher_email else ""
    return Step(
        what=(
            f"Tell the owners of {facts.service}{owner} and those who call it: which changes are lost (see "
            f"recoveryPoint), that {facts.name} serves, and that it alone is changed from now on."
        ),
        how_to_know="The owners have said that they know.",
    )


def _default(facts: Facts) -> str:
    if isinstance(facts.scene, Unseen):
        return f"{facts.name}.azure-api.net"
    return default_host(facts.scene)


def _probe_through(scene: Scene, name: str) -> str:
    leads = shell_lines.argument(f"{name}:443:{default_host(scene)}:443")
    return f"curl -sS -i --connect-to {leads} {shell_lines.argument(f'https://{name}{STATUS_PATH}')}"


def numbered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps with their numbers, from 1."""
    return tuple(step.model_copy(update={"number": number}) for number, step in enumerate(steps, 1))


def set_settings(region: str, *settings: str) -> str:
    """Return the line that sets settings of a region's app."""
    app = shell_lines.argument(f"<the app of {region}>")
    return (
        f"az functionapp config appsettings set --subscription '<its subscription>' --name {app}"
        f" --resource-group '<its group>' --settings {' '.join(settings)}"
    )
