"""Settings of a target against those that stood beside a backup: every difference, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.preflight_facts import Unseen
from shared.core.reports import SettingDifference
from shared.core.settings_compare import VALUE_LENGTH_MAX, compare_settings, not_compared
from shared.core.sidecar import PARTS, PROTOCOLS_PREFIX, Sidecar, read_parts
from tests.core import make

SECRET = "c2VjcmV0LW9mLXRoZS1zZXJ2aWNl"
SETTING = {"name": "all", "properties": {"workspaceId": "/w", "logs": [{"category": "A", "enabled": True}]}}
OTHER = {"name": "all", "properties": {"workspaceId": "/w", "logs": [{"category": "A", "enabled": False}]}}


def host(name: str, **changes: Any) -> dict[str, Any]:
    """Return a host name of a gateway."""
    return {"type": "Proxy", "hostName": name, **changes}


def side(name: str, *, diagnostics: Any = (), **changes: Any) -> Sidecar:
    """Return the settings of a service of that name; `changes` are properties, or fields of the resource."""
    top = {
        key: changes.pop(key) for key in ("location", "sku", "zones", "tags", "identity") if key in changes
    }
    resource = {
        "location": "West Europe",
        "sku": {"name": "Premium", "capacity": 1},
        **top,
        "properties": {
            "hostnameConfigurations": [host(f"{name}.azure-api.net", certificateSource="BuiltIn")],
            **changes,
        },
    }
    return Sidecar(
        service="contoso",
        source=make.service(name),
        backup="b",
        taken_at=make.NOW,
        tier="Premium",
        api_version="2024-05-01",
        **read_parts(resource, diagnostics),
    )


def differences(source: Sidecar, target: Sidecar) -> list[tuple[str, str, str | None, str | None]]:
    """Return what differs, in short."""
    return [(one.part, one.setting, one.source, one.target) for one in compare_settings(source, target)]


def test_two_services_with_the_same_settings_do_not_differ() -> None:
    """Their default host names are their own, and no difference."""
    assert differences(side("contoso-weu"), side("contoso-neu")) == []


@pytest.mark.parametrize(
    ("source", "target", "part", "expected"),
    [
        ({"identity": {"type": "SystemAssigned"}}, {}, "identity", ("type", '"SystemAssigned"', '"None"')),
        (
            {"identity": {"type": "SystemAssigned", "principalId": "p"}},
            {"identity": {"type": "SystemAssigned", "principalId": "q"}},
            "identity",
            ("principalId", '"p"', '"q"'),
        ),
        ({"virtualNetworkType": "External"}, {}, "network", ("virtualNetworkType", '"External"', None)),
        (
            {"customProperties": {f"{PROTOCOLS_PREFIX}Security.Protocols.Tls10": "True"}},
            {},
            "protocols",
            (f"{PROTOCOLS_PREFIX}Security.Protocols.Tls10", '"True"', None),
        ),
        (
            {"sku": {"name": "Premium", "capacity": 3}},
            {},
            "places",
            ("sku / capacity", "3", "1"),
        ),
        ({"tags": {"a": "1"}}, {"tags": {"a": "2"}}, "general", ("tags / a", '"1"', '"2"')),
        (
            {"certificates": [{"storeName": "Root", "certificate": {"thumbprint": "AB"}}]},
            {},
            "ca_certificates",
            ("Root AB", '{"certificate": {"thumbprint": "AB"}, "storeName": "Root"}', None),
        ),
        (
            {"diagnostics": [SETTING]},
            {"diagnostics": [OTHER]},
            "diagnostics",
            ("all / logs / A / enabled", "true", "false"),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_difference_is_named_with_both_values(
    source: dict[str, Any], target: dict[str, Any], part: str, expected: tuple[str, str | None, str | None]
) -> None:
    """Each part of the sidecar, one difference each, as deep as it lies."""
    found = differences(side("contoso-weu", **source), side("contoso-neu", **target))

    assert found == [(part, *expected)]


def test_a_host_name_that_is_missing_is_one_difference() -> None:
    """The whole of it, not each of its fields."""
    own = host("contoso-weu.azure-api.net", certificateSource="BuiltIn")
    custom = host("api.contoso.example", certificateSource="KeyVault", keyVaultId="https://v/secrets/a")

    found = differences(side("contoso-weu", hostnameConfigurations=[own, custom]), side("contoso-neu"))

    assert [(part, setting, target) for part, setting, _, target in found] == [
        ("host_names", "Proxy api.contoso.example", None)
    ]


def test_a_host_name_of_which_one_field_differs_is_named_with_the_field() -> None:
    """Both have it; its certificate is another one."""
    hosts = [
        host("api.contoso.example", certificateSource="Custom", certificate={"thumbprint": mark})
        for mark in ("A", "B")
    ]

    found = differences(*(side("contoso-weu", hostnameConfigurations=[one]) for one in hosts))

    assert found == [("host_names", "Proxy api.contoso.example / certificate / thumbprint", '"A"', '"B"')]


def test_the_order_of_a_list_says_nothing() -> None:
    """Host names, certificates, locations and categories are told apart by their names."""
    places = [{"location": name, "sku": {"name": "Premium", "capacity": 1}} for name in ("North", "South")]
    ahead = side("contoso-weu", additionalLocations=places)
    behind = side("contoso-weu", additionalLocations=places[::-1])

    assert differences(ahead, behind) == []


def test_every_difference_is_expected() -> None:
    """A restore carries no settings, so none of these is a fault of it."""
    (found,) = compare_settings(side("contoso-weu", virtualNetworkType="External"), side("contoso-neu"))

    assert found.kind == "expected"
    assert SettingDifference.model_validate(found.to_json()) == found


def test_long_values_are_cut() -> None:
    """A report is no place for a tag of 10 KB, nor for half a character."""
    (found,) = compare_settings(side("contoso-weu", tags={"t": "x\ud800" * 5000}), side("contoso-neu"))

    assert found.source is not None
    assert (len(found.source), found.source[-1]) == (VALUE_LENGTH_MAX, "…")
    assert found.source.encode()


def test_no_secret_is_in_a_difference() -> None:
    """What Azure would send of a certificate never came so far."""
    spoiled = host("api.contoso.example", encodedCertificate=SECRET, certificatePassword=SECRET)

    found = compare_settings(side("contoso-weu", hostnameConfigurations=[spoiled]), side("contoso-neu"))

    assert SECRET not in str(found)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_one_side_lacks_is_not_compared(part: str) -> None:
    """What is not known differs from nothing, and is not said to be equal."""
    source = side("contoso-weu", virtualNetworkType="External", tags={"a": "1"}, diagnostics=[SETTING])
    source = source.model_copy(update={part: None})

    assert part not in {one.part for one in compare_settings(source, side("contoso-neu"))}


def test_parts_that_could_not_be_read_are_said() -> None:
    """Whose they are, and why."""
    source = side("contoso-weu", diagnostics=Unseen(reason="may not be read"))

    assert not_compared(source, side("contoso-neu")) == ("diagnostics of the source: may not be read",)
    assert not_compared(side("contoso-weu"), source) == ("diagnostics of the target: may not be read",)


def test_without_a_sidecar_nothing_was_compared() -> None:
    """An old backup, or a lost document."""
    assert not_compared(None, side("contoso-neu")) == (
        "settings: there is no sidecar of the backup that can be read",
    )
