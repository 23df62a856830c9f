"""The sidecar: what is kept of a service, what never is, and what is said of parts that could not be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.core.coverage import IN_BACKUP, IN_SIDECAR, NOWHERE, coverage
from shared.core.preflight_facts import Unseen
from shared.core.sidecar import PARTS, Sidecar, read_parts
from shared.core.sizes import size_warning
from tests.core import make

SECRET = "c2VjcmV0LW9mLXRoZS1zZXJ2aWNl"
CERTIFICATE = {"thumbprint": "AB12", "subject": "CN=api.contoso.example", "expiry": "2027-01-01T00:00:00Z"}
PROTOCOL = "Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls10"


def _resource(**changes: Any) -> dict[str, Any]:
    """Return a service in which every place for a secret, and some that do not exist, hold one."""
    return {
        "id": make.service().resource_id,
        "location": "West Europe",
        "sku": {"name": "Premium", "capacity": 2, "secret": SECRET},
        "zones": ["1", "2"],
        "tags": {"apim-dr": "nightly"},
        "etag": SECRET,
        "identity": {
            "type": "SystemAssigned, UserAssigned",
            "principalId": "p",
            "tenantId": "t",
            "token": SECRET,
            "userAssignedIdentities": {"/id": {"clientId": "c", "principalId": "u", "secret": SECRET}},
        },
        "properties": {
            "publisherEmail": "owner@contoso.example",
            "publisherName": "Contoso",
            "notificationSenderEmail": "noreply@contoso.example",
            "platformVersion": "stv2",
            "apiVersionConstraint": {"minApiVersion": "2021-08-01"},
            "virtualNetworkType": "External",
            "virtualNetworkConfiguration": {"vnetid": "v", "subnetResourceId": "/subnets/apim"},
            "publicNetworkAccess": "Enabled",
            "publicIpAddressId": "/ip",
            "natGatewayState": "Disabled",
            "customProperties": {PROTOCOL: "False", "Other.Setting": SECRET},
            "hostnameConfigurations": [
                {
                    "type": "Proxy",
                    "hostName": "api.contoso.example",
                    "keyVaultId": "https://contoso.vault.azure.net/secrets/api",
                    "certificateSource": "KeyVault",
                    "encodedCertificate": SECRET,
                    "certificatePassword": SECRET,
                    "certificate": {**CERTIFICATE, "privateKey": SECRET},
                }
            ],
            "certificates": [
                {
                    "storeName": "Root",
                    "encodedCertificate": SECRET,
                    "certificatePassword": SECRET,
                    "certificate": CERTIFICATE,
                }
            ],
            "additionalLocations": [
                {
                    "location": "North Europe",
                    "sku": {"name": "Premium", "capacity": 1},
                    "zones": ["3"],
                    "disableGateway": True,
                    "virtualNetworkConfiguration": {"subnetResourceId": "/subnets/north"},
                    "secret": SECRET,
                }
            ],
            "newSecretOfTheFuture": SECRET,
            **changes,
        },
    }


SETTINGS = [
    {
        "id": "/x",
        "name": "audit",
        "properties": {
            "workspaceId": "/workspaces/log",
            "eventHubAuthorizationRuleId": "/rules/send",
            "sharedAccessKey": SECRET,
            "logs": [{"category": "GatewayLogs", "enabled": True, "retentionPolicy": {"days": 1}}],
            "metrics": None,
        },
    }
]


def _sidecar(resource: Any = None, diagnostics: Any = None) -> Sidecar:
    return Sidecar(
        service="contoso",
        source=make.service(),
        backup="contoso_20261123T020000Z.apimbackup",
        taken_at=make.NOW,
        tier="Premium",
        api_version="2024-05-01",
        **read_parts(
            _resource() if resource is None else resource, SETTINGS if diagnostics is None else diagnostics
        ),
    )


def test_no_secret_passes() -> None:
    """Certificates, passwords and whatever nobody has named here stay out, in every part."""
    assert SECRET not in _sidecar().to_bytes().decode()


def test_what_is_needed_to_set_a_service_up_again_is_kept() -> None:
    """Host names, certificates' sources, identity, network, protocols, places, diagnostics."""
    found = json.loads(_sidecar().to_bytes())

    assert found["hostNames"] == [
        {
            "type": "Proxy", "hostName": "api.contoso.example", "certificateSource": "KeyVault",
            "certificateStatus": None, "keyVaultId": "https://contoso.vault.azure.net/secrets/api",
            "identityClientId": None, "defaultSslBinding": None, "negotiateClientCertificate": None,
            "certificate": CERTIFICATE,
        }
    ]  # fmt: skip
    assert found["caCertificates"] == [{"storeName": "Root", "certificate": CERTIFICATE}]
    assert found["identity"]["userAssignedIdentities"] == {"/id": {"clientId": "c", "principalId": "u"}}
    assert found["network"]["virtualNetworkConfiguration"] == {"subnetResourceId": "/subnets/apim"}
    assert found["protocols"] == {PROTOCOL: "False"}
    assert (found["places"]["zones"], found["places"]["sku"]["capacity"]) == (["1", "2"], 2)
    (north,) = found["places"]["additionalLocations"]
    assert (north["location"], north["zones"], north["disableGateway"]) == ("North Europe", ["3"], True)
    assert found["general"]["tags"] == {"apim-dr": "nightly"}
    (audit,) = found["diagnostics"]
    assert (audit["name"], audit["workspaceId"]) == ("audit", "/workspaces/log")
    assert audit["logs"] == [{"category": "GatewayLogs", "categoryGroup": None, "enabled": True}]
    assert found["notRead"] == []


def test_a_sidecar_survives_its_bytes() -> None:
    """It is read again when a step runs twice, and by whoever sets up a service."""
    sidecar = _sidecar()

    assert Sidecar.from_bytes(sidecar.to_bytes()) == sidecar


def test_a_service_without_anything_special_has_empty_parts() -> None:
    """Null and absent mean none; that is read, and not a hole."""
    plain = {"id": "/x", "location": "West Europe", "properties": {"certificates": None}}

    sidecar = _sidecar(plain, [])

    assert sidecar.not_read == ()
    assert (sidecar.host_names, sidecar.ca_certificates, sidecar.diagnostics) == ((), (), ())
    assert (sidecar.identity and sidecar.identity.type, sidecar.protocols) == ("None", {})


@pytest.mark.parametrize(
    ("field", "broken", "part"),
    [
        ("hostnameConfigurations", [{"hostName": 7}], "host_names"),
        ("hostnameConfigurations", "text", "host_names"),
        ("certificates", [7], "ca_certificates"),
        ("virtualNetworkConfiguration", "text", "network"),
        ("customProperties", ["text"], "protocols"),
        ("additionalLocations", [{"sku": 1}], "places"),
        ("apiVersionConstraint", 7, "general"),
    ],
)
def test_a_part_of_another_shape_is_named_and_spoils_no_other(field: str, broken: Any, part: str) -> None:
    """The others are kept."""
    sidecar = _sidecar(_resource(**{field: broken}))

    assert sidecar.missing == (part,)
    assert [name for name in PARTS if getattr(sidecar, name) is None] == [part]


@pytest.mark.parametrize("broken", [[{"name": "x"}], [7], [{"properties": {"logs": 7}}]])
def test_diagnostics_of_another_shape_are_named(broken: Any) -> None:
    """A list that cannot be understood was not read."""
    assert _sidecar(diagnostics=broken).missing == ("diagnostics",)


def test_diagnostics_that_may_not_be_read_say_why() -> None:
    """The reason names the right."""
    (hole,) = _sidecar(diagnostics=Unseen(reason="the app needs a right")).not_read

    assert (hole.part, hole.reason) == ("diagnostics", "the app needs a right")


def test_every_part_of_the_sidecar_is_in_the_coverage() -> None:
    """And the coverage promises no part that does not exist."""
    assert set(IN_SIDECAR.values()) == set(PARTS)


@pytest.mark.parametrize(
    ("not_read", "has_sidecar", "lost"),
    [
        ((), True, set()),
        (("identity",), True, {"managed identities of the service"}),
        ((), False, set(IN_SIDECAR)),
    ],
    ids=["all read", "one hole", "no sidecar"],
)
def test_coverage_says_nowhere_of_what_the_sidecar_lacks(
    not_read: tuple[str, ...], has_sidecar: bool, lost: set[str]
) -> None:
    """Each thing is named once, with one place."""
    found = coverage(not_read, has_sidecar=has_sidecar)
    where = {covered.what: covered.where for covered in found}

    assert len(where) == len(found) == len(IN_BACKUP) + len(IN_SIDECAR) + len(NOWHERE)
    assert {what for what, place in where.items() if place == "nowhere"} == lost | set(NOWHERE)
    assert {what for what, place in where.items() if place == "backup"} == set(IN_BACKUP)


@pytest.mark.parametrize(
    ("size", "recent", "is_small"),
    [
        (1, [], False),
        (50, [100], False),
        (49, [100], True),
        (49, [100, 1, 1], False),
        (49, [1, 100, 98], False),
        (48, [1, 100, 98], True),
        (10**9, [1], False),
    ],
)
def test_a_size_is_compared_with_the_middle(size: int, recent: list[int], is_small: bool) -> None:
    """One odd size among the recent ones moves nothing."""
    found = size_warning(size, recent)

    assert (found is not None) is is_small
    assert found is None or found.startswith(f"suspiciously small: {size} bytes")
