"""The part of the fix-up list about other settings of the service itself. Pure."""

from __future__ import annotations

import json
from typing import Any

from shared.core import shell_lines
from shared.core.fix_up_scene import Scene, agrees, known, lacks, look_at_source, unsettled
from shared.core.reports import FixUp
from shared.core.services import canonical_region
from shared.core.sidecar import CaCertificate, DiagnosticSetting, Location

SHOWN_MAX = 5

_GENERAL = ("publisherName", "publisherEmail", "notificationSenderEmail", "apiVersionConstraint")


def network(scene: Scene) -> list[FixUp]:
    """The virtual network and the public access of the target."""
    what, query = "virtual network", "properties.virtualNetworkType"
    wanted, there = scene.source.network, scene.now.network
    if wanted is None:
        return [look_at_source(scene, what, query)]
    kind = wanted.virtual_network_type or "None"
    is_same_access = there is not None and wanted.public_network_access == there.public_network_access
    if there is not None and kind == (there.virtual_network_type or "None") and is_same_access:
        return [agrees(scene, what, query, has_any=kind != "None")]
    properties: dict[str, Any] = {}
    if kind != "None":
        properties["virtualNetworkType"] = kind
        subnet = f"<id of a subnet in {scene.target.region}>"
        properties["virtualNetworkConfiguration"] = {"subnetResourceId": subnet}
    if wanted.public_ip_address_id:
        properties["publicIpAddressId"] = f"<id of a public address in {scene.target.region}>"
    if not is_same_access and wanted.public_network_access:
        properties["publicNetworkAccess"] = wanted.public_network_access
    why = (
        f"the source's network type is {kind}, with public access {wanted.public_network_access or 'not set'}"
    )
    if there is not None:
        own = there.virtual_network_type or "None"
        why += f"; the target's is {own}, with public access {there.public_network_access or 'not set'}"
    if not properties:  # the target stands in a network that the source never had: somebody meant that
        return [unsettled(what, why, shell_lines.show(scene.target, query))]
    why += ". A subnet belongs to one region; addresses, firewalls and DNS change with it"
    command = shell_lines.patch(scene.target, scene.api_version, **properties)
    return [FixUp(what=what, why=why, command=command, is_needed=known(there))]


def ca_certificates(scene: Scene) -> list[FixUp]:
    """Certificates of authorities that the service trusts."""
    what, query = "custom CA certificates", "properties.certificates"
    wanted = scene.source.ca_certificates
    if wanted is None:
        return [look_at_source(scene, what, query)]
    there = scene.now.ca_certificates
    own = {_ca_key(one) for one in there or ()}
    missing = [one for one in wanted if _ca_key(one) not in own]
    if not missing:
        return [agrees(scene, what, query, has_any=bool(wanted))]
    bodies = [
        {"storeName": one.store_name, "encodedCertificate": f"<base64 of {_named(one)}>"}
        for one in (*(there or ()), *missing)
    ]
    why = f"{lacks(there)} {', '.join(map(_named, missing))}; the list in the command replaces the target's"
    command = shell_lines.patch(scene.target, scene.api_version, certificates=bodies)
    return [FixUp(what=what, why=why, command=command, is_needed=known(there))]


def protocols(scene: Scene) -> list[FixUp]:
    """Protocols and ciphers."""
    what, query = "protocols and ciphers", "properties.customProperties"
    wanted = scene.source.protocols
    if wanted is None:
        return [look_at_source(scene, what, query)]
    there = scene.now.protocols
    if there == wanted:
        return [agrees(scene, what, query, has_any=bool(wanted))]
    differing = sorted(
        name for name in {*wanted, *(there or {})} if wanted.get(name) != (there or {}).get(name)
    )
    why = (
        f"{lacks(there)} {len(differing)}: {', '.join(_short(name) for name in differing[:SHOWN_MAX])}. "
        "All are sent, because those that a call leaves out fall back to their defaults"
    )
    command = shell_lines.patch(scene.target, scene.api_version, customProperties=wanted)
    return [FixUp(what=what, why=why, command=command, is_needed=known(there))]


def places(scene: Scene) -> list[FixUp]:
    """Units, zones and further regions."""
    what, query = "units and further regions", "{sku:sku,more:properties.additionalLocations}"
    wanted, there = scene.source.places, scene.now.places
    if wanted is None:
        return [look_at_source(scene, what, query)]
    found = []
    units, own_units = (side.sku.capacity if side and side.sku else None for side in (wanted, there))
    if units is not None and units != own_units:
        command = (
            f"az apim update --ids {shell_lines.argument(scene.target.resource_id)} --sku-capacity {units}"
        )
        why = f"the source has {units}, the target {own_units or 'an unknown number'}"
        found.append(FixUp(what="units", why=why, command=command, is_needed=known(own_units)))
    own = {canonical_region(one.location) for one in (there and there.additional_locations) or ()}
    own |= {canonical_region(scene.target.region)}
    missing = [one for one in wanted.additional_locations or () if canonical_region(one.location) not in own]
    if missing:
        kept = (there and there.additional_locations) or ()
        bodies = [
            *(_location_body(one) for one in kept),
            *(_location_body(one, f"<id of a subnet in {one.location}>") for one in missing),
        ]
        why = f"{lacks(there)} a gateway in {', '.join(one.location for one in missing)}"
        command = shell_lines.patch(scene.target, scene.api_version, additionalLocations=bodies)
        found.append(FixUp(what="further regions", why=why, command=command, is_needed=known(there)))
    return found or [agrees(scene, what, query, has_any=True)]


def general(scene: Scene) -> list[FixUp]:
    """Publisher, sender of notifications, oldest api-version."""
    what, query = "publisher, sender and oldest api-version", "properties.publisherEmail"
    wanted, there = scene.source.general, scene.now.general
    if wanted is None:
        return [look_at_source(scene, what, query)]
    values, own = wanted.to_json(), there.to_json() if there else {}
    differing = {
        name: values[name] for name in _GENERAL if values[name] is not None and values[name] != own.get(name)
    }
    if not differing:
        return [agrees(scene, what, query, has_any=True)]
    why = f"{lacks(there)} the source's {', '.join(differing)}"
    command = shell_lines.patch(scene.target, scene.api_version, **differing)
    return [FixUp(what=what, why=why, command=command, is_needed=known(there))]


def diagnostics(scene: Scene) -> list[FixUp]:
    """Diagnostic settings of Azure Monitor."""
    what = "diagnostic settings of Azure Monitor"
    wanted = scene.source.diagnostics
    look = f"az monitor diagnostic-settings list --resource {shell_lines.argument(scene.target.resource_id)}"
    if wanted is None:
        fix_up = look_at_source(scene, what, "id")
        return [fix_up.model_copy(update={"command": look})]
    there = scene.now.diagnostics
    own = {_shape(one) for one in there or ()}
    missing = [one for one in wanted if _shape(one) not in own]
    if not missing:
        fix_up = agrees(scene, what, "id", has_any=bool(wanted))
        return [fix_up.model_copy(update={"command": look})]
    return [_diagnostic(scene, one, there) for one in missing]


def _diagnostic(scene: Scene, setting: DiagnosticSetting, there: object) -> FixUp:
    name = setting.name or "<name>"
    is_dedicated = setting.log_analytics_destination_type == "Dedicated"
    words = {
        "name": name,
        "resource": scene.target.resource_id,
        "workspace": setting.workspace_id,
        "storage-account": setting.storage_account_id,
        "event-hub": setting.event_hub_name,
        "event-hub-rule": setting.event_hub_authorization_rule_id,
        "marketplace-partner-id": setting.marketplace_partner_id,
        "export-to-resource-specific": "true" if is_dedicated else None,
        "logs": _json([one.to_json() for one in setting.logs or ()]),
        "metrics": _json([one.to_json() for one in setting.metrics or ()]),
    }
    said = " ".join(f"--{word} {shell_lines.argument(value)}" for word, value in words.items() if value)
    why = f"{lacks(there)} it, or has one of that name that sends something else"
    if setting.storage_account_id or setting.event_hub_authorization_rule_id:
        why += "; a storage account or an event hub has to be in the region of the service, so choose another"
    command = f"az monitor diagnostic-settings create {said}"
    return FixUp(what=f"diagnostic setting {name}", why=why, command=command, is_needed=known(there))


def _shape(setting: DiagnosticSetting) -> tuple[str, ...]:
    """Return what makes two settings do the same: a target's own region may have other destinations."""
    ends = (
        setting.workspace_id,
        setting.storage_account_id,
        setting.event_hub_authorization_rule_id,
        setting.marketplace_partner_id,
    )
    sent = (sorted(str(one.to_json()) for one in found or ()) for found in (setting.logs, setting.metrics))
    return ((setting.name or "").lower(), *(str(bool(end)) for end in ends), *map(str, sent))


def _json(found: list[dict[str, Any]]) -> str | None:
    said = [{key: value for key, value in one.items() if value is not None} for one in found]
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False) if said else None


def _location_body(place: Location, subnet: str = "") -> dict[str, Any]:
    """Return a further region as it is sent; one that is new gets a subnet of its own region."""
    body = {key: value for key, value in place.to_json().items() if value is not None}
    if subnet and "virtualNetworkConfiguration" in body:
        body["virtualNetworkConfiguration"] = {"subnetResourceId": subnet}
    if subnet and "publicIpAddressId" in body:
        body["publicIpAddressId"] = f"<id of a public address in {place.location}>"
    return body


def _short(protocol: str) -> str:
    return protocol.rsplit(".", 1)[-1]


def _ca_key(found: CaCertificate) -> tuple[str, str]:
    shown = found.certificate
    return (found.store_name, (shown.thumbprint or shown.subject or "") if shown else "")


def _named(found: CaCertificate) -> str:
    shown = found.certificate
    return (shown.subject or shown.thumbprint or "a certificate") if shown else "a certificate"
