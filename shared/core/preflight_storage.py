"""
The checks of preflight that look at where the backup goes: account, firewall, container, identity. Pure.

The service writes the blob with an identity of its own, or with the account key; this app only reads it.
What is known of each way, and from where, stands in docs/azure-facts.md, "Storage of the backup".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.core import rights
from shared.core.access import AccessKeyAccess, SystemAssignedAccess, UserAssignedAccess
from shared.core.plan import SETTING
from shared.core.preflight_facts import (
    Facts,
    Finding,
    NotCheckedError,
    Unseen,
    ok,
    properties,
    refusal,
    seen,
    warning,
)
from shared.core.services import canonical_region
from shared.core.shell_lines import argument, give

_KINDS_WITH_EVENTS = frozenset({"StorageV2", "BlobStorage", "BlockBlobStorage"})
_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
_BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
_SYSTEM_ACCESS = '"access": {"type": "SystemAssignedManagedIdentity"}'


def has_container(facts: Facts) -> Finding:
    """The container is there, or will be made."""
    where = f"container {facts.storage.container} in {facts.storage.account}"
    if seen(facts.has_container):
        return ok(f"{where} is there")
    if facts.storage.create_container:
        return ok(f"{where} is missing, and is made before the backup, without public access")
    command = (
        f"az storage container create --account-name {argument(facts.storage.account)}"
        f" --name {argument(facts.storage.container)} --public-access off --auth-mode login"
    )
    return refusal(f"{where} does not exist", command)


def may_read_blobs(facts: Facts) -> Finding:
    """This app may read the container: a backup that it cannot read it could never prove."""
    found = facts.has_container
    if not isinstance(found, Unseen):
        return ok("the container was asked for")
    if found.for_now:
        raise NotCheckedError(found.reason)
    scope = account_id(facts) or f"<id of the storage account {facts.storage.account}>"
    cause = f"the backup could not be read afterwards: {found.reason}"
    if found.code == "AuthorizationFailure":  # what storage says to a network that it does not let in
        subnet = argument("<id of the subnet of this app>")
        command = f"az storage account network-rule add --ids {argument(scope)} --subnet {subnet}"
        return refusal(f"{cause}; or the account's firewall stops this app", command)
    return refusal(cause, give("Storage Blob Data Contributor", scope))


def raises_events(facts: Facts) -> Finding:
    """The account is of a kind that tells of new blobs."""
    kind = seen(facts.account).get("kind")
    if kind in _KINDS_WITH_EVENTS:
        return ok(f"kind {kind}")
    if kind == "FileStorage":
        command = f"edit {SETTING}: an account of kind StorageV2 in {facts.place}"
        return refusal("the account is of kind FileStorage, which holds no blobs", command)
    if kind != "Storage":
        command = f"az storage account show --ids {_account(facts)} --query kind"
        return warning(f"the account is of kind {kind}, of which this app knows nothing", command)
    cause = (
        "the account is of the old kind Storage (general purpose v1), which raises no BlobCreated events: "
        "if the records lie there too, nothing is replicated"
    )
    command = f"az storage account update --ids {_account(facts)} --set kind=StorageV2 --access-tier Hot"
    return warning(cause, command)


def has_key(facts: Facts) -> Finding:
    """The setting that holds the account key is there, where the plan uses it."""
    access = facts.storage.access
    if not isinstance(access, AccessKeyAccess):
        return ok("no key is used")
    if not facts.key_fault:
        return ok(f"the setting {access.key_setting} is there")
    command = (
        "az functionapp config appsettings set --name '<this app>' --resource-group '<its group>' --settings "
        + argument(f"{access.key_setting}=@Microsoft.KeyVault(SecretUri=<uri of the secret>)")
    )
    return refusal(f"the setting {access.key_setting} {facts.key_fault}", command)


def takes_shared_key(facts: Facts) -> Finding:
    """The account accepts its key, where the plan uses it."""
    if not isinstance(facts.storage.access, AccessKeyAccess):
        return ok("no key is used")
    if properties(seen(facts.account)).get("allowSharedKeyAccess") is not False:
        return ok("the account accepts its key")
    cause = "the plan uses the account key, and the account refuses keys (allowSharedKeyAccess is false)"
    return refusal(cause, _use_identity(facts))


def has_no_cors(facts: Facts) -> Finding:
    """The blob service has no CORS rules."""
    cors = properties(seen(facts.blob_service)).get("cors") or {}
    rules = cors.get("corsRules") or []
    if not rules:
        return ok("no CORS rules")
    cause = f"the blob service has {len(rules)} CORS rules, which a backup does not bear"
    command = f"az storage cors clear --services b --account-name {argument(facts.storage.account)}"
    # with the key a rule has broken backups; the same users report that an identity cured it
    return (refusal if isinstance(facts.storage.access, AccessKeyAccess) else warning)(cause, command)


def lets_service_in(facts: Facts) -> Finding:
    """The account's firewall does not stop the service."""
    account = seen(facts.account)
    found = properties(account)
    rules = found.get("networkAcls") or {}
    is_public = found.get("publicNetworkAccess") in {None, "Enabled"}
    if is_public and rules.get("defaultAction") in {None, "Allow"}:
        return ok("the account has no firewall")
    if found.get("publicNetworkAccess") == "SecuredByPerimeter":
        cause = (
            "a network security perimeter decides who reaches the account; nothing is documented of backups"
        )
        return warning(cause, _show_rules(facts))
    doors = [
        name
        for name, rule in (
            ("IP rules", rules.get("ipRules") if is_public else None),
            ("virtual networks", rules.get("virtualNetworkRules") if is_public else None),
            ("resource instances", rules.get("resourceAccessRules")),
            ("private endpoints", found.get("privateEndpointConnections")),
        )
        if rule
    ]
    if isinstance(facts.storage.access, SystemAssignedAccess):
        return _system_assigned(facts, str(rules.get("bypass") or ""), doors)
    if isinstance(facts.storage.access, UserAssignedAccess):
        cause = "the account has a firewall, and nothing is documented of a user-assigned identity behind one"
        return warning(cause, _use_identity(facts))
    return _access_key(facts, canonical_region(str(account["location"])), doors)


def _system_assigned(facts: Facts, bypass: str, doors: list[str]) -> Finding:
    if "AzureServices" in bypass:
        return ok("the firewall lets trusted Azure services in")
    command = f"az storage account update --ids {_account(facts)} --bypass AzureServices"
    if doors:
        cause = f"the firewall does not let trusted Azure services in, but has {', '.join(doors)}: "
        return warning(cause + "whether the service comes through, nobody can read from here", command)
    return refusal("the firewall lets nobody in, trusted Azure services neither", command)


def _access_key(facts: Facts, account_region: str, doors: list[str]) -> Finding:
    is_near = account_region == facts.expected.region
    passable = [
        door for door in doors if door != "resource instances" and not (is_near and door == "IP rules")
    ]
    if passable:
        cause = (
            f"the account has a firewall with {', '.join(passable)}: with a key, the control-plane addresses "
        )
        command = (
            f"az storage account network-rule add --ids {_account(facts)}"
            " --ip-address '<control-plane address of API Management>'"
        )
        return warning(f"{cause}of API Management in {facts.expected.region} must be among them", command)
    if is_near:
        cause = (
            f"the account has a firewall and is in the service's own region {account_region}, from where "
            "IP rules have no effect: with a key the service cannot come through"
        )
        return refusal(cause, _use_identity(facts))
    return refusal("the firewall lets nobody in who comes with a key", _use_identity(facts))


def has_identity(facts: Facts) -> Finding:
    """The service has the identity that the plan names."""
    access = facts.storage.access
    if isinstance(access, AccessKeyAccess):
        return ok("the plan uses the account key")
    resource = seen(facts.resource)
    properties(resource)  # what is no service at all must not be said to have no identity
    if principal_of(resource, access) is not None:
        return ok(f"{access.type} is enabled")
    kinds = _identity(resource).get("type") or "None"
    if isinstance(access, SystemAssignedAccess):
        others = "SystemAssigned, UserAssigned" if "UserAssigned" in str(kinds) else "SystemAssigned"
        command = _patch(facts, f'{{"identity": {{"type": "{others}"}}}}')
        return refusal(f"the service has no system-assigned identity (its identity is {kinds})", command)
    cause = f"the service has no user-assigned identity with client id {access.client_id}"
    wanted = "SystemAssigned, UserAssigned" if "SystemAssigned" in str(kinds) else "UserAssigned"
    body = (
        f'{{"identity": {{"type": "{wanted}", "userAssignedIdentities": {{"<id of the identity>": {{}}}}}}}}'
    )
    return refusal(cause, _patch(facts, body))


def may_write_blobs(facts: Facts) -> Finding:
    """The service's identity may write the blob."""
    return _holds(facts, rights.BLOB_WRITERS, "write", rights.BLOB_WRITERS[_CONTRIBUTOR])


def may_read_as_service(facts: Facts) -> Finding:
    """The service's identity may read the blob, which is enough for a restore."""
    return _holds(facts, rights.BLOB_READERS, "read", rights.BLOB_READERS[_BLOB_READER])


def _holds(facts: Facts, wanted_roles: Mapping[str, str], what: str, wanted: str) -> Finding:
    access = facts.storage.access
    if isinstance(access, AccessKeyAccess):
        return ok("the plan uses the account key")
    principal = principal_of(seen(facts.resource), access)
    if principal is None:
        raise NotCheckedError("the service has no such identity")
    account = account_id(facts)
    if account is None:
        raise NotCheckedError("the id of the storage account is not known")
    container = f"{account}/blobServices/default/containers/{facts.storage.container}"
    held = [
        assignment
        for assignment in seen(facts.role_assignments)
        if rights.covers(str(properties(assignment)["scope"]), container)
    ]
    holding = [one for one in held if rights.role_id(one) in wanted_roles]
    command = (
        f"az role assignment create --assignee-object-id {argument(principal)} --assignee-principal-type"
        f' ServicePrincipal --role "{wanted}" --scope {argument(account)}'
    )
    if any(not properties(one).get("condition") for one in holding):
        return ok(f"identity {principal} may {what} blobs")
    if holding:
        return warning(f"identity {principal} may {what} blobs only under a condition", command)
    others = [role for role in map(rights.role_id, held) if role not in rights.NO_BLOB_WRITERS]
    if others:
        cause = f"identity {principal} has no role for blobs that this app knows; it has role {others[0]}"
        return warning(cause, command)
    return refusal(f"identity {principal} has no right to {what} blobs in {facts.storage.account}", command)


def principal_of(
    resource: Mapping[str, Any], access: SystemAssignedAccess | UserAssignedAccess | AccessKeyAccess
) -> str | None:
    """Return the object id of the identity that writes the backup, None if the service does not have it."""
    identity = _identity(resource)
    if isinstance(access, SystemAssignedAccess):
        kinds = [kind.strip() for kind in str(identity.get("type") or "").split(",")]
        principal = identity.get("principalId")
        return str(principal) if "SystemAssigned" in kinds and principal else None
    if isinstance(access, UserAssignedAccess):
        for one in (identity.get("userAssignedIdentities") or {}).values():
            if str(one.get("clientId")).lower() == access.client_id.lower():
                return str(one.get("principalId"))
    return None


def account_id(facts: Facts) -> str | None:
    """Return the ARM id of the storage account as far as it is known."""
    found = None if isinstance(facts.account, Unseen) else facts.account.get("id")
    return str(found) if found else facts.storage.resource_id


def _account(facts: Facts) -> str:
    """Return the account's id for a shell, or what to put there."""
    return argument(account_id(facts) or f"<id of the storage account {facts.storage.account}>")


def _identity(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    return resource.get("identity") or {}


def _use_identity(facts: Facts) -> str:
    return f"edit {SETTING}: {_SYSTEM_ACCESS} in {facts.place}"


def _show_rules(facts: Facts) -> str:
    return f"az storage account show --ids {_account(facts)} --query networkRuleSet"


def _patch(facts: Facts, body: str) -> str:
    url = f"{facts.expected.resource_id}?api-version={facts.api_version}"
    return f"az rest --method patch --url {argument(url)} --body {argument(body)}"
