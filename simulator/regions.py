"""Names of Azure regions: `westeurope` in requests, `West Europe` in answers."""

from __future__ import annotations

_DISPLAY_NAMES = (
    "Australia East",
    "Australia Southeast",
    "Brazil South",
    "Canada Central",
    "Canada East",
    "Central India",
    "Central US",
    "Central US EUAP",
    "East Asia",
    "East US",
    "East US 2",
    "East US 2 EUAP",
    "France Central",
    "France South",
    "Germany West Central",
    "Israel Central",
    "Italy North",
    "Japan East",
    "Japan West",
    "Korea Central",
    "Korea South",
    "Mexico Central",
    "North Central US",
    "North Europe",
    "Norway East",
    "Poland Central",
    "Qatar Central",
    "South Africa North",
    "South Central US",
    "South India",
    "Southeast Asia",
    "Spain Central",
    "Sweden Central",
    "Switzerland North",
    "UAE North",
    "UK South",
    "UK West",
    "West Central US",
    "West Europe",
    "West India",
    "West US",
    "West US 2",
    "West US 3",
    "China East",
    "China East 2",
    "China North",
    "China North 2",
    "China North 3",
    "USGov Arizona",
    "USGov Texas",
    "USGov Virginia",
)


def region_key(name: str) -> str:
    """Return the form of a region's name that compares: lower case, no spaces."""
    return name.replace(" ", "").lower()


_BY_KEY = {region_key(name): name for name in _DISPLAY_NAMES}


def display_name(name: str) -> str | None:
    """Return the form in which Azure answers, None for a region that does not exist."""
    return _BY_KEY.get(region_key(name))
