"""The part of the fix-up list about host names: the names, their certificates, DNS. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from shared.core import shell_lines
from shared.core.fix_up_scene import (
    Scene,
    agrees,
    custom_hosts,
    default_host,
    known,
    lacks,
    look_at_source,
    unsettled,
)
from shared.core.reports import FixUp
from shared.core.sidecar import HostName

QUERY = "properties.hostnameConfigurations"

_HOST_OF_TYPE = {
    "DeveloperPortal": "developer",
    "Portal": "portal",
    "Management": "management",
    "Scm": "scm",
    "ConfigurationApi": "configuration",
}
"""What stands behind the service's name in the default host name of each endpoint but the gateway."""


def host_names(scene: Scene) -> list[FixUp]:
    """Custom host names."""
    what, query = "custom host names", "properties.hostnameConfigurations"
    wanted = custom_hosts(scene.source, scene.point.source)
    if wanted is None:
        return [look_at_source(scene, what, query)]
    there = custom_hosts(scene.now, scene.target)
    missing = _missing_hosts(scene, wanted)
    if not missing:
        return [agrees(scene, what, query, has_any=bool(wanted))]
    bodies = [_host_body(host) for host in (*(there or ()), *missing)]
    names = ", ".join(host.host_name for host in missing)
    why = f"a restore leaves host names as they are; {lacks(there)} {names}"
    command = shell_lines.patch(scene.target, scene.api_version, hostnameConfigurations=bodies)
    return [FixUp(what=what, why=why, command=command, is_needed=known(there))]


def certificates(scene: Scene) -> list[FixUp]:
    """Certificates of the custom host names."""
    what, query = "certificates of custom host names", "properties.hostnameConfigurations"
    wanted = custom_hosts(scene.source, scene.point.source)
    if wanted is None:
        return [look_at_source(scene, what, query)]
    is_needed = known(custom_hosts(scene.now, scene.target))
    found = [_certificate(scene, host, is_needed) for host in _missing_hosts(scene, wanted)]
    return found or [agrees(scene, what, query, has_any=bool(wanted))]


def dns(scene: Scene) -> list[FixUp]:
    """DNS records of the custom host names."""
    hosts = custom_hosts(scene.source, scene.point.source)
    if hosts is None:
        why = "which custom host names the source has could not be told"
        look = shell_lines.show(scene.point.source, "properties.hostnameConfigurations[].hostName")
        return [unsettled("DNS", why, look)]
    if not hosts:
        why = (
            f"there is no custom host name to lead elsewhere: clients of {scene.point.source.name} have to "
            f"be told {default_host(scene)} when the target is to serve"
        )
        probe = f"curl -sS https://{default_host(scene)}/status-0123456789abcdef"
        return [unsettled("DNS", why, probe)]
    return [_record(scene, host) for host in hosts]


def _record(scene: Scene, host: HostName) -> FixUp:
    leads_to = default_host(scene, _HOST_OF_TYPE.get(host.type, ""))
    name, _, zone = host.host_name.partition(".")
    words: dict[str, str] = {
        "subscription": f"<subscription of the zone {zone}>",
        "resource-group": f"<group of the zone {zone}>",
        "zone-name": zone,
        "record-set-name": name,
        "cname": leads_to,
    }
    said = " ".join(f"--{word} {shell_lines.argument(value)}" for word, value in words.items())
    why = (
        f"only when {scene.target.name} is to serve, and after it has the host name: clients follow as soon "
        "as the record's time to live is over"
    )
    command = f"az network dns record-set cname set-record {said}"
    return unsettled(f"DNS of {host.host_name}", why, command)


def _missing_hosts(scene: Scene, wanted: list[HostName]) -> list[HostName]:
    own = {(host.type, host.host_name.lower()) for host in custom_hosts(scene.now, scene.target) or ()}
    return [host for host in wanted if (host.type, host.host_name.lower()) not in own]


def _host_body(host: HostName) -> dict[str, Any]:
    body: dict[str, Any] = {"type": host.type, "hostName": host.host_name}
    if host.key_vault_id:
        body["keyVaultId"] = host.key_vault_id
        if host.identity_client_id:
            body["identityClientId"] = host.identity_client_id
    elif host.certificate_source == "Managed":
        body["certificateSource"] = "Managed"
    else:
        body["encodedCertificate"] = f"<base64 of the PFX file of {host.host_name}>"
        body["certificatePassword"] = "<its password>"
    if host.default_ssl_binding is not None:
        body["defaultSslBinding"] = host.default_ssl_binding
    if host.negotiate_client_certificate is not None:
        body["negotiateClientCertificate"] = host.negotiate_client_certificate
    return body


def _certificate(scene: Scene, host: HostName, is_needed: bool | None) -> FixUp:
    what = f"certificate of {host.host_name}"
    if host.key_vault_id is None:
        return _uploaded_certificate(what, host, is_needed)
    reader = "the target's identity"
    principal = "<object id of the identity of the target>"
    if host.identity_client_id:
        reader = f"the identity with client id {host.identity_client_id}"
        principal = f"<object id of {reader}>"
    elif scene.now.identity and scene.now.identity.principal_id:
        principal = scene.now.identity.principal_id
    vault = (urlsplit(host.key_vault_id).hostname or "<name of the vault>").partition(".")[0]
    why = f"it comes from {host.key_vault_id}, and {reader} has to be able to read it"
    # the address of a vault names no subscription, and no two vaults have one name
    found = (
        'az resource list --subscription "$one" --resource-type Microsoft.KeyVault/vaults '
        f"--name {shell_lines.argument(vault)} --query '[].id' --output tsv"
    )
    command = (
        f"vault=$({shell_lines.in_every_subscription(found)}); "
        f"az role assignment create --assignee-object-id {shell_lines.argument(principal)} "
        "--assignee-principal-type ServicePrincipal --role 'Key Vault Secrets User' "
        '--scope "${vault:?no subscription here has the vault}"'
    )
    return FixUp(what=what, why=why, command=command, is_needed=is_needed)


def _uploaded_certificate(what: str, host: HostName, is_needed: bool | None) -> FixUp:
    if host.certificate_source == "Managed":
        why = "Azure issues a new one, once the name leads to the target"
        return FixUp(what=what, why=why, command=f"nslookup {shell_lines.argument(host.host_name)}")
    shown = host.certificate
    mark = f" with thumbprint {shown.thumbprint}" if shown and shown.thumbprint else ""
    why = f"it was uploaded, and no backup holds it: put the text of the PFX file{mark} into the host names"
    command = f"base64 -w0 {shell_lines.argument(f'<{host.host_name}.pfx>')}"
    return FixUp(what=what, why=why, command=command, is_needed=is_needed)
