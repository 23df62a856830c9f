"""
The fix-up list: what no restore brings, and the line for a shell that does it.

What a backup leaves out is documented: docs/azure-facts.md, "What a backup does not contain". Rules of the
file:
1. Every topic has at least one entry, whether it is needed or not: nothing is left out in silence.
2. `is_needed` is False only where source and target were both seen and agree, or where there is nothing to
   do; None where that could not be told, or where only a person can tell.
3. Run from the top, nothing lacks what stands below it: an identity comes before its rights, these before
   the host names whose certificates it reads.
4. What is known stands in the command; `<angle brackets>` only where somebody has to choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from shared.core import fix_ups_hosts as hosts
from shared.core import fix_ups_identity as identity
from shared.core import fix_ups_service as service
from shared.core import layout, shell_lines
from shared.core.fix_up_scene import Scene, default_host, unsettled, without_parts
from shared.core.reports import FixUp
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef
from shared.core.sidecar import Sidecar

PORTAL_SCRIPTS = "https://github.com/Azure/api-management-developer-portal"

_GATEWAY = re.compile(r"/gateways/([^/]+)")
_FIRST = {True: 0, None: 1, False: 2}


def fix_ups(
    point: RestorePoint,
    target: ServiceRef,
    *,
    sidecar: Sidecar | None,
    settings: Sidecar | None,
    entities: Collection[str] | None,
    gateway_url: str | None = None,
) -> tuple[FixUp, ...]:
    """
    Return everything that has to be seen to after a restore, what is needed first. Pure.

    Args:
        point: what was restored, or would be.
        target: the service that it was restored into, or would be.
        sidecar: what stood beside the backup; None if there is none that can be read.
        settings: the same of the target as it is now (shared.beside); None if it could not be read.
        entities: relative ids of the point's inventory, such as `/gateways/factory`; None without one.
        gateway_url: of the target, where Azure shows one.
    """
    scene = Scene(
        point=point,
        target=target,
        source=sidecar or without_parts(point, point.source),
        now=settings or without_parts(point, target),
        gateway_url=gateway_url,
    )
    topics: tuple[Callable[[Scene], list[FixUp]], ...] = (
        identity.identities,
        identity.role_assignments,
        hosts.certificates,
        hosts.host_names,
        service.network,
        service.ca_certificates,
        service.protocols,
        service.places,
        service.general,
        service.diagnostics,
        lambda one: _self_hosted_gateways(one, entities),
        hosts.dns,
        _portal_content,
        _usage_data,
    )
    found = [fix_up for topic in topics for fix_up in topic(scene)]
    return tuple(sorted(found, key=lambda one: _FIRST[one.is_needed]))


def _self_hosted_gateways(scene: Scene, entities: Collection[str] | None) -> list[FixUp]:
    what, service, version = "self-hosted gateways", scene.target, scene.api_version
    if entities is None:
        why = "which ones there are could not be told: the point has no inventory"
        return [unsettled(what, why, shell_lines.rest("get", f"{service.resource_id}/gateways", version))]
    names = sorted(match[1] for match in map(_GATEWAY.fullmatch, entities) if match)
    if not names:
        why = "the source has none"
        look = shell_lines.rest("get", f"{service.resource_id}/gateways", version)
        return [FixUp(what=what, why=why, command=look, is_needed=False)]
    endpoint = default_host(scene, "configuration")
    return [
        FixUp(
            what=f"self-hosted gateway {name}",
            why=(
                "it is restored as an entity only: where it runs, it still asks the source for its "
                f"configuration. Give it the endpoint {endpoint} and a token of the target"
            ),
            command=_gateway_token(service, name, version),
        )
        for name in names
    ]


def _gateway_token(service: ServiceRef, name: str, version: str) -> str:
    # the service takes 30 days at most; the shell knows the date
    url = f"{service.resource_id}/gateways/{name}/generateToken?api-version={version}"
    expiry = "$(date -u -d '+29 days' +%Y-%m-%dT%H:%M:%SZ)"
    body = f'"{{\\"keyType\\":\\"primary\\",\\"expiry\\":\\"{expiry}\\"}}"'
    return f"az rest --method post --url {shell_lines.argument(url)} --body {body} --query value --output tsv"


def _portal_content(scene: Scene) -> list[FixUp]:
    what, source = "content of the developer portal", scene.point.source
    general = scene.source.general
    if general is not None and general.developer_portal_status == "Disabled":
        look = shell_lines.show(source, "properties.developerPortalStatus")
        return [FixUp(what=what, why="the source's portal is disabled", command=look, is_needed=False)]
    words: dict[str, str] = {}
    for end, one in (("source", source), ("dest", scene.target)):
        words[f"{end}SubscriptionId"] = shell_lines.subscription_of(one)
        words[f"{end}ResourceGroupName"] = shell_lines.group_of(one)
        words[f"{end}ServiceName"] = one.name
    said = " ".join(f"--{word} {shell_lines.argument(value)}" for word, value in words.items())
    why = (
        "no backup holds it, and it does not go live without being published. The script copies it as long "
        "as the source still answers, takes away what the target's portal had, and publishes"
    )
    command = (
        f"git clone --depth 1 {PORTAL_SCRIPTS} && cd api-management-developer-portal/scripts.v3 "
        f"&& npm install && node ./migrate {said}"
    )
    return [unsettled(what, why, command)]


def _usage_data(scene: Scene) -> list[FixUp]:
    point = scene.point
    place = None if point.copied else point.inventory
    account = place.account if place else f"<account of the records of {point.source.region}>"
    container = place.container if place else "<container of the records>"
    words = {
        "account-name": account,
        "container-name": container,
        "prefix": f"{layout.USAGE}{point.service}/",
    }
    said = " ".join(f"--{word} {shell_lines.argument(value)}" for word, value in words.items())
    why = "the target's reports begin anew; what was exported before stays where the export of usage put it"
    command = f"az storage blob list --auth-mode login {said} --output table"
    return [FixUp(what="usage data behind the reports", why=why, command=command, is_needed=False)]
