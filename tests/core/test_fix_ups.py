"""The fix-up list: every topic, whether it is needed, and a line for a shell that does it."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
from collections.abc import Collection, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.fix_ups import fix_ups
from shared.core.reports import FixUp
from shared.core.shell_lines import argument
from shared.core.sidecar import Sidecar
from tests.core import make
from tests.core.settings import (
    SOURCE_PRINCIPAL,
    TARGET,
    TARGET_PRINCIPAL,
    TLS10,
    WORKSPACE,
    alike,
    source,
    target,
)

TOPICS = (
    "custom host names",
    "certificate",
    "managed identities",
    "role assignments",
    "virtual network",
    "custom CA certificates",
    "protocols and ciphers",
    "units",
    "publisher",
    "diagnostic setting",
    "self-hosted gateway",
    "DNS",
    "content of the developer portal",
    "usage data",
)
NEVER_SETTLED = {"role assignments", "DNS", "content of the developer portal"}
GATEWAYS = {"/gateways/factory": "0", "/apis/orders": "0"}


def listed(
    sidecar: Sidecar | None, settings: Sidecar | None, entities: Collection[str] | None = GATEWAYS
) -> tuple[FixUp, ...]:
    """Return the list for these ends."""
    return fix_ups(make.restore_point(), TARGET, sidecar=sidecar, settings=settings, entities=entities)


def one(found: tuple[FixUp, ...], topic: str) -> FixUp:
    """Return the first entry of a topic."""
    return next(item for item in found if item.what.startswith(topic))


def words(command: str) -> dict[str, str]:
    """Return the options of a line, as a shell would hand them over."""
    parts = shlex.split(command)
    return {part: after for part, after in itertools.pairwise(parts) if part.startswith("--")}


def body(command: str) -> dict[str, Any]:
    """Return the JSON that a line sends."""
    found: dict[str, Any] = json.loads(words(command)["--body"])
    return found


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("ends", [(source(), target()), (source(), alike()), (source(), None), (None, None)])
def test_every_topic_is_there_whatever_is_known(
    ends: tuple[Sidecar | None, Sidecar | None], topic: str
) -> None:
    """Nothing is left out in silence, not even where there is nothing to do."""
    assert one(listed(*ends), topic).command


@pytest.mark.parametrize("topic", sorted(set(TOPICS) - NEVER_SETTLED - {"usage data"}))
def test_what_the_target_lacks_is_needed(topic: str) -> None:
    """Both ends are known, and they differ."""
    assert one(listed(source(), target()), topic).is_needed is True


@pytest.mark.parametrize("topic", sorted(set(TOPICS) - NEVER_SETTLED - {"self-hosted gateway"}))
def test_where_both_agree_nothing_is_needed(topic: str) -> None:
    """It is said all the same, with a line that shows it."""
    assert one(listed(source(), alike()), topic).is_needed is False


@pytest.mark.parametrize("topic", sorted(set(TOPICS) - {"usage data", "self-hosted gateway"}))
@pytest.mark.parametrize("ends", [(source(), None), (None, target()), (None, None)])
def test_what_is_not_known_is_neither_needed_nor_settled(
    ends: tuple[Sidecar | None, Sidecar | None], topic: str
) -> None:
    """Without the sidecar, or without the target, nobody can tell."""
    assert one(listed(*ends), topic).is_needed is None


@pytest.mark.parametrize("topic", sorted(NEVER_SETTLED))
def test_what_only_a_person_can_tell_stays_open(topic: str) -> None:
    """Rights elsewhere, DNS and the portal's content cannot be seen from the service."""
    assert one(listed(source(), alike()), topic).is_needed is None


def test_what_is_needed_comes_first() -> None:
    """Then what could not be told, then the rest."""
    order = [item.is_needed for item in listed(source(), target())]

    assert order == sorted(order, key=[True, None, False].index)
    assert set(order) == {True, None, False}


ORDER = ("managed identities", "role assignments", "certificate", "custom host names", "virtual network")


@pytest.mark.parametrize(
    ("ends", "order"),
    [
        ((source(), target()), [topic for topic in ORDER if topic != "role assignments"]),
        ((source(), None), ORDER),
        ((None, None), ORDER),
    ],
    ids=["needed", "target-unknown", "nothing-known"],
)
def test_what_needs_something_else_comes_after_it(
    ends: tuple[Sidecar | None, Sidecar | None], order: Sequence[str]
) -> None:
    """An identity before its rights, these before the host names that need them, then the rest."""
    topics = [item.what for item in listed(*ends)]
    places = {
        topic: [place for place, what in enumerate(topics) if what.startswith(topic)] for topic in order
    }

    assert all(max(places[before]) < min(places[after]) for before, after in itertools.pairwise(order)), (
        topics
    )


def test_host_names_are_set_with_their_certificates() -> None:
    """From the key vault by its URL, else from the file that somebody has; default names are Azure's."""
    sent = body(one(listed(source(), target()), "custom host names").command)["properties"]

    vault, uploaded = sent["hostnameConfigurations"]
    assert vault == {
        "type": "Proxy",
        "hostName": "api.contoso.example",
        "keyVaultId": "https://contoso.vault.azure.net/secrets/api",
    }
    assert uploaded["encodedCertificate"] == "<base64 of the PFX file of portal.contoso.example>"


def test_host_names_that_the_target_has_are_sent_again() -> None:
    """The list replaces what is there: what it leaves out would be gone."""
    own = {"type": "Proxy", "hostName": "own.contoso.example", "certificateSource": "Managed"}
    settings = target(hostnameConfigurations=[own])

    sent = body(one(listed(source(), settings), "custom host names").command)["properties"]

    names = [item["hostName"] for item in sent["hostnameConfigurations"]]
    assert names == ["own.contoso.example", "api.contoso.example", "portal.contoso.example"]


def test_the_targets_identity_gets_the_vault() -> None:
    """The right to read the secret, for the identity that the target really has."""
    found = words(one(listed(source(), target()), "certificate of api").command)

    assert found["--assignee-object-id"] == TARGET_PRINCIPAL
    assert found["--role"] == "Key Vault Secrets User"
    assert found["--name"] == "contoso"


@pytest.mark.parametrize("ends", [(source(), target()), (source(), None), (None, None)])
def test_no_line_acts_on_whatever_subscription_is_the_default(
    ends: tuple[Sidecar | None, Sidecar | None],
) -> None:
    """Each names its resource by its whole id, or the subscription that it is in."""
    for found in listed(*ends):
        calls = re.findall(r"az (?!rest|account|storage)[^|;&]*", found.command)
        whole = re.compile(r"--(subscription|ids|resource|scope) ['\"]?[$/<]")
        named = re.compile(r"--subscription [0-9a-f-]{36} ")
        assert all(whole.search(call) or named.search(call) for call in calls), found.command


def test_role_assignments_go_from_one_identity_to_the_other() -> None:
    """Both ids are known, so both stand in the line."""
    command = one(listed(source(), target()), "role assignments").command

    assert f"--assignee {SOURCE_PRINCIPAL} " in command
    assert f"--assignee-object-id {TARGET_PRINCIPAL} " in command


def test_identities_of_the_target_are_kept() -> None:
    """The type names both kinds, and the map what the source had."""
    sent = body(one(listed(source(), target()), "managed identities").command)["identity"]

    assert sent["type"] == "SystemAssigned, UserAssigned"
    assert [key.rsplit("/", 1)[-1] for key in sent["userAssignedIdentities"]] == ["dr"]


def test_a_subnet_has_to_be_chosen() -> None:
    """The source's lies in another region."""
    sent = body(one(listed(source(), target()), "virtual network").command)["properties"]

    assert sent["virtualNetworkConfiguration"] == {"subnetResourceId": "<id of a subnet in northeurope>"}


def test_a_network_that_only_the_target_has_is_left_to_a_person() -> None:
    """Somebody put it there; no line takes it away."""
    found = one(listed(source(virtualNetworkType="None"), target(virtualNetworkType="Internal")), "virtual")

    assert (found.is_needed, found.command.split()[2]) == (None, "show")


def test_all_protocols_are_sent() -> None:
    """A call resets those that it leaves out."""
    sent = body(one(listed(source(), target()), "protocols").command)["properties"]

    assert sent == {"customProperties": {TLS10: "True"}}


def test_a_diagnostic_setting_is_made_with_its_categories_and_ends() -> None:
    """Workspace and categories as they were."""
    found = words(one(listed(source(), target()), "diagnostic setting").command)

    assert (found["--workspace"], found["--resource"]) == (WORKSPACE, TARGET.resource_id)
    assert json.loads(found["--logs"]) == [{"category": "GatewayLogs", "enabled": True}]
    assert found["--export-to-resource-specific"] == "true"


def test_each_self_hosted_gateway_gets_a_token_of_the_target() -> None:
    """And the endpoint that it has to ask from now on."""
    found = one(listed(source(), target()), "self-hosted gateway factory")

    assert "contoso-neu.configuration.azure-api.net" in found.why
    assert words(found.command)["--url"].endswith(
        "/service/contoso-neu/gateways/factory/generateToken?api-version=2024-05-01"
    )


def test_without_self_hosted_gateways_there_is_nothing_to_do() -> None:
    """The inventory says so; without one, nobody can."""
    assert one(listed(source(), target(), {"/apis/a": "0"}), "self-hosted").is_needed is False
    assert one(listed(source(), target(), None), "self-hosted").is_needed is None


def test_a_host_name_leads_to_the_endpoint_of_its_kind() -> None:
    """The gateway's to the gateway, the portal's to the portal."""
    found = listed(source(), target())

    gateway, portal = (words(one(found, f"DNS of {name}").command) for name in ("api", "portal"))
    assert (gateway["--zone-name"], gateway["--record-set-name"]) == ("contoso.example", "api")
    assert gateway["--cname"] == "contoso-neu.azure-api.net"
    assert portal["--cname"] == "contoso-neu.developer.azure-api.net"


def test_without_custom_host_names_clients_have_to_be_told() -> None:
    """There is no record to change."""
    found = one(listed(source(hostnameConfigurations=[]), target()), "DNS")

    assert "contoso-neu.azure-api.net" in found.why


def test_the_portal_of_a_service_that_switched_it_off_is_not_missed() -> None:
    """There is nothing to copy."""
    found = one(listed(source(developerPortalStatus="Disabled"), target()), "content of the developer")

    assert found.is_needed is False


@pytest.mark.parametrize("ends", [(source(), target()), (source(), alike()), (source(), None), (None, None)])
def test_every_command_is_one_line_that_a_shell_can_read(ends: tuple[Sidecar | None, Sidecar | None]) -> None:
    """No quote is left open, whatever is known; `<angle brackets>` redirect nothing."""
    for found in listed(*ends):
        assert "\n" not in found.command
        subprocess.run(["bash", "-n", "-c", found.command], check=True)
        assert all(part.startswith("/dev/null") for part in _redirections(found.command))


def _redirections(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="<>")
    parts = list(lexer)
    return [after for part, after in itertools.pairwise(parts) if set(part) <= set("<>")]


@given(st.text(max_size=30))
def test_foreign_text_stays_one_argument(text: str) -> None:
    """Quotes, dollars and semicolons in it run nothing; what cannot be printed is a question mark."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)

    assert shlex.split(f"az {argument(text)}") == ["az", shown]


@pytest.mark.parametrize("name", ["x'; rm -rf /; '", "$(reboot)", "a\nb", "`id`"])
def test_a_name_from_azure_cannot_become_a_command(name: str) -> None:
    """The name of a diagnostic setting is whatever somebody called it."""
    setting = source().diagnostics[0].model_copy(update={"name": name})  # type: ignore[index]
    found = listed(source().model_copy(update={"diagnostics": (setting,)}), target())

    assert words(one(found, "diagnostic setting").command)["--name"] == name.replace("\n", "?")
