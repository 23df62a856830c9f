"""What the environment says: the variables of azd's environment, checked all at once."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deploy.faults import DeployFaults
from shared.core.services import canonical_region

ENVIRONMENT_LENGTH_MAX = 20
"""The names of the groups, identities and apps are made of it, and the shortest of their limits is kept."""

SKUS = ("Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_RAGRS", "Standard_GZRS", "Standard_RAGZRS")

PAIR = "<setting>=https://<vault>/secrets/<name>"

PLACE = ("AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID")
"""What azd itself sets."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ENVIRONMENT = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,19}")
_SECRET = re.compile(
    r"https://[a-z][a-z0-9-]{1,22}[a-z0-9](?:\.[a-z0-9-]+)+/secrets/[0-9A-Za-z-]{1,127}(?:/[0-9a-f]{32})?"
)
_SERVICE = re.compile(r"[^/\s]{1,90}/[a-zA-Z][a-zA-Z0-9-]{0,49}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is deployed where. `service` is `resource group/name`, for a plan that is still empty."""

    environment: str
    location: str
    subscription: str
    service: str = ""
    storage_sku: str = "Standard_ZRS"
    soft_delete_days: int = 30
    version_days: int = 60
    immutability_days: int = 0
    vnet_prefix: str = ""
    key_settings: Mapping[str, str] = field(default_factory=dict)
    """Addresses of secrets in Key Vault, by the setting of the plan that has to hold the account key."""
    is_given: bool = False
    """Whether somebody else deploys the foundation, and only its outputs are fetched."""

    @property
    def kept_group(self) -> str:
        """The resource group that `azd down` does not know."""
        return f"{self.app_group}-keep"

    @property
    def app_group(self) -> str:
        """The resource group that `azd down` deletes."""
        return f"rg-apim-dr-{self.environment}"

    @property
    def deployment(self) -> str:
        """The name of the foundation's deployment in the subscription."""
        return f"apim-dr-foundation-{self.environment}"


def read_inputs(environment: Mapping[str, str], *, with_options: bool = True) -> Inputs:
    """
    Return what the variables say.

    Args:
        environment: the variables.
        with_options: whether more than name, region and subscription matters; nothing else stops a removal.

    Raises:
        DeployFaults: every variable that is missing or cannot be used, each with its `azd env set`.
    """
    faults: list[str] = []

    def text(name: str, check: Callable[[str], str], example: str, default: str | None = None) -> str:
        value = environment.get(name, "").strip() if with_options or name in PLACE else ""
        if not value and default is not None:
            return default
        fault = check(value) if value else "is missing"
        if fault:
            said = f" ({value!r})" if value else ""
            how = (
                f"azd env set {name} {example}"
                if name != PLACE[0] or not value
                else "azd env new contoso-weu"
            )
            faults.append(f"{name}{said} {fault}: {how}")
        return value

    def number(name: str, least: int, most: int, default: int) -> int:
        check = _between(least, most)
        value = text(name, check, str(default), str(default))
        return int(value) if not check(value) else default

    inputs = Inputs(
        environment=text("AZURE_ENV_NAME", _environment_fault, "contoso-weu"),
        location=canonical_region(text("AZURE_LOCATION", _location_fault, "westeurope")),
        subscription=text("AZURE_SUBSCRIPTION_ID", _subscription_fault, "<id of the subscription>").lower(),
        service=text("APIM_DR_SERVICE", _service_fault, "<resource group>/<name>", ""),
        storage_sku=text("APIM_DR_STORAGE_SKU", _sku_fault, "Standard_ZRS", "Standard_ZRS"),
        soft_delete_days=number("APIM_DR_SOFT_DELETE_DAYS", 1, 365, 30),
        version_days=number("APIM_DR_VERSION_DAYS", 7, 3650, 60),
        immutability_days=number("APIM_DR_IMMUTABILITY_DAYS", 0, 365, 0),
        vnet_prefix=text("APIM_DR_VNET_PREFIX", _prefix_fault, "10.20.0.0/24", ""),
        key_settings=_pairs(text("APIM_DR_KEY_SETTINGS", _pairs_fault, f"'{PAIR}'", "")),
        is_given=text("APIM_DR_FOUNDATION", _foundation_fault, "given", "") == "given",
    )
    if faults:
        raise DeployFaults("the environment is not usable", faults)
    return inputs


def _environment_fault(value: str) -> str:
    if len(value) <= ENVIRONMENT_LENGTH_MAX and _ENVIRONMENT.fullmatch(value):
        return ""
    return (
        f"is not a name that everything can be called after (1 to {ENVIRONMENT_LENGTH_MAX} lower-case "
        "letters, digits and single hyphens, a letter first and no hyphen last), and it cannot be changed"
    )


def _location_fault(value: str) -> str:
    return "" if re.fullmatch(r"[a-z][a-z0-9]{2,40}", canonical_region(value)) else "is not a region"


def _subscription_fault(value: str) -> str:
    return "" if _GUID.fullmatch(value) else "is not a subscription id (a GUID)"


def _service_fault(value: str) -> str:
    return "" if _SERVICE.fullmatch(value) else "does not name a resource group and a service"


def _sku_fault(value: str) -> str:
    return "" if value in SKUS else f"is none of {', '.join(SKUS)}"


def _foundation_fault(value: str) -> str:
    return "" if value == "given" else "says nothing but 'given'"


def _between(least: int, most: int) -> Callable[[str], str]:
    def fault(value: str) -> str:
        is_whole = re.fullmatch(r"[0-9]{1,6}", value) is not None
        return "" if is_whole and least <= int(value) <= most else f"is not from {least} to {most}"

    return fault


def _pairs_fault(value: str) -> str:
    """Return every fault of settings with their secrets, each named."""
    faults = []
    names = [_pair(one)[0] for one in _parts(value)]
    for name, address in map(_pair, _parts(value)):
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            faults.append(f"{name!r} is not the name of a setting")
        if not _SECRET.fullmatch(address):
            faults.append(f"{address!r} is not the https address of a secret in a key vault")
        if names.count(name) > 1:
            faults.append(f"{name} stands there {names.count(name)} times")
    return "; ".join(dict.fromkeys(faults))


def _pairs(value: str) -> dict[str, str]:
    return dict(map(_pair, _parts(value)))


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(";") if part.strip()]


def _pair(part: str) -> tuple[str, str]:
    name, _, address = part.partition("=")
    return name.strip(), address.strip()


def _prefix_fault(value: str) -> str:
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        return "is not an address range such as 10.20.0.0/24"
    if not network.is_private or not 16 <= network.prefixlen <= 25:
        return "is not a private address range from /16 to /25"
    return ""
