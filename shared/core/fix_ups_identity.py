"""The part of the fix-up list about identities: those that a service has, and what its own may do. Pure."""

from __future__ import annotations

from typing import Any

from shared.core import shell_lines
from shared.core.fix_up_scene import Scene, agrees, known, lacks, look_at_source, unsettled
from shared.core.reports import FixUp
from shared.core.sidecar import Identity

_SYSTEM = "SystemAssigned"
_USER = "UserAssigned"


def identities(scene: Scene) -> list[FixUp]:
    """Identities that the target itself has to have."""
    what, query = "managed identities", "identity"
    wanted, there = scene.source.identity, scene.now.identity
    if wanted is None:
        return [look_at_source(scene, what, query)]
    assigned = (there and there.user_assigned_identities) or {}
    own = {key.lower() for key in assigned}
    lacking = [key for key in wanted.user_assigned_identities or {} if key.lower() not in own]
    if not lacking and _kinds(wanted) <= _kinds(there):
        return [agrees(scene, what, query, has_any=bool(_kinds(wanted)))]
    kinds = _kinds(wanted) | _kinds(there)
    body: dict[str, Any] = {"identity": {"type": ", ".join(sorted(kinds))}}
    if _USER in kinds:
        body["identity"]["userAssignedIdentities"] = {key: {} for key in (*assigned, *lacking)}
    names = [*sorted(_kinds(wanted) - _kinds(there)), *(key.rsplit("/", 1)[-1] for key in lacking)]
    why = f"{lacks(there)} {', '.join(names)}"
    command = shell_lines.change(scene.target, scene.api_version, body)
    return [FixUp(what=what, why=why, command=command, is_needed=known(there))]


def role_assignments(scene: Scene) -> list[FixUp]:
    """Rights of the service's own identity on other resources."""
    what, query = "role assignments of the service's identity", "identity.principalId"
    wanted, there = scene.source.identity, scene.now.identity
    if wanted is None:
        return [look_at_source(scene, what, query)]
    if _SYSTEM not in _kinds(wanted):
        why = "the source has no identity of its own; user-assigned ones keep their rights"
        look = shell_lines.show(scene.target, query)
        return [FixUp(what=what, why=why, command=look, is_needed=False)]
    old = shell_lines.argument(wanted.principal_id or "<object id of the identity of the source>")
    new = shell_lines.argument((there and there.principal_id) or "<object id of the identity of the target>")
    why = (
        "the target's identity is another one, and whatever the source's may do has to be given to it as "
        "well: key vaults, storage, back ends. The line looks in all subscriptions that azure-cli knows; it "
        "sees none of other tenants, none of what comes through membership of groups, and no access policies "
        "of key vaults"
    )
    rights = (
        f'az role assignment list --subscription "$one" --all --assignee {old} '
        "--query '[].[roleDefinitionName, scope]' --output tsv"
    )
    command = (
        f"{shell_lines.in_every_subscription(rights)} | sort -u "
        "| while IFS=$'\\t' read -r role scope; do az role assignment create "
        f"--assignee-object-id {new} --assignee-principal-type ServicePrincipal "
        '--role "$role" --scope "$scope" </dev/null; done'
    )
    return [unsettled(what, why, command)]


def _kinds(identity: Identity | None) -> set[str]:
    said = identity.type.split(",") if identity else ()
    return {kind.strip() for kind in said} - {"None", ""}
