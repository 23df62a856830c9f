"""The variables of azd's environment: every fault at once, each with its command."""

from __future__ import annotations

import pytest

from deploy.faults import DeployFaults
from deploy.inputs import Inputs, read_inputs

PLACE = {
    "AZURE_ENV_NAME": "contoso-weu",
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": "00000000-0000-0000-0000-000000000001",
}


def faults(**variables: str) -> tuple[str, ...]:
    """Return what is wrong with variables."""
    with pytest.raises(DeployFaults) as told:
        read_inputs({**PLACE, **variables})
    return told.value.faults


def test_the_defaults_are_those_of_the_template() -> None:
    """Nothing but name, region and subscription has to be said."""
    assert read_inputs(PLACE) == Inputs(
        environment="contoso-weu",
        location="westeurope",
        subscription="00000000-0000-0000-0000-000000000001",
    )


def test_everything_that_is_wrong_is_named_at_once() -> None:
    """Missing ones and unusable ones, each with azd env set."""
    found = faults(
        AZURE_LOCATION="",
        APIM_DR_STORAGE_SKU="Premium_LRS",
        APIM_DR_SOFT_DELETE_DAYS="0",
        APIM_DR_VNET_PREFIX="10.0.0.0/28",
        APIM_DR_SERVICE="contoso",
    )

    assert len(found) == 5
    assert all("azd env set" in one for one in found)


@pytest.mark.parametrize(
    "name",
    ["Contoso", "contoso_weu", "-contoso", "contoso-", "con--toso", "1contoso", "a" * 21, "contoso weu"],
)
def test_a_name_that_Azure_would_refuse_is_refused_here(name: str) -> None:
    """Groups, identities and apps are called after the environment."""
    (fault,) = faults(AZURE_ENV_NAME=name)

    assert "azd env new" in fault


@pytest.mark.parametrize("name", ["a", "contoso-weu", "a" * 20, "prod1"])
def test_a_usable_name_is_taken(name: str) -> None:
    """One to twenty characters."""
    assert read_inputs({**PLACE, "AZURE_ENV_NAME": name}).kept_group == f"rg-apim-dr-{name}-keep"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("APIM_DR_VERSION_DAYS", "6"),
        ("APIM_DR_IMMUTABILITY_DAYS", "366"),
        ("APIM_DR_SOFT_DELETE_DAYS", "thirty"),
        ("APIM_DR_SOFT_DELETE_DAYS", "-1"),
        ("APIM_DR_VNET_PREFIX", "8.8.8.0/24"),
        ("APIM_DR_VNET_PREFIX", "10.0.0.1/24"),
        ("APIM_DR_VNET_PREFIX", "nowhere"),
        ("AZURE_SUBSCRIPTION_ID", "contoso"),
        ("AZURE_LOCATION", "West-Europe!"),
        ("APIM_DR_FOUNDATION", "yes"),
        ("APIM_DR_KEY_SETTINGS", "contoso.vault.azure.net/secrets/key"),
        ("APIM_DR_KEY_SETTINGS", "KEY=http://contoso.vault.azure.net/secrets/key"),
        ("APIM_DR_KEY_SETTINGS", "KEY=https://contoso.vault.azure.net/keys/key"),
        ("APIM_DR_KEY_SETTINGS", "2KEY=https://contoso.vault.azure.net/secrets/key"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_as_it_is(variable: str, value: str) -> None:
    """The variable, what stands in it, and what would do."""
    (fault,) = faults(**{variable: value})

    assert fault.startswith(f"{variable} ({value!r}) ")


def test_the_region_is_understood_as_the_portal_writes_it() -> None:
    """West Europe and westeurope are one region."""
    assert read_inputs({**PLACE, "AZURE_LOCATION": "West Europe"}).location == "westeurope"


def test_settings_for_keys_name_their_secrets() -> None:
    """Separated by semicolons, with or without a version, blanks around them ignored."""
    vault = "https://contoso.vault.azure.net/secrets"
    said = f"ONE={vault}/one; TWO={vault}/two/{'0' * 32};"

    inputs = read_inputs({**PLACE, "APIM_DR_KEY_SETTINGS": said})

    assert inputs.key_settings == {"ONE": f"{vault}/one", "TWO": f"{vault}/two/{'0' * 32}"}


def test_every_fault_of_the_secrets_is_named() -> None:
    """A name, an address, and one that stands there twice."""
    (fault,) = faults(APIM_DR_KEY_SETTINGS="a-b=https://v.vault.azure.net/secrets/x;KEY=x;KEY=x")

    assert "'a-b' is not the name of a setting" in fault
    assert "'x' is not the https address of a secret" in fault
    assert "KEY stands there 2 times" in fault
    assert "azd env set APIM_DR_KEY_SETTINGS '<setting>=https://<vault>/secrets/<name>'" in fault


def test_options_do_not_stop_a_removal() -> None:
    """Only where it is and how it is called matters then."""
    variables = {**PLACE, "APIM_DR_VERSION_DAYS": "never"}

    assert read_inputs(variables, with_options=False).environment == "contoso-weu"
