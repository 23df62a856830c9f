"""Azure's clouds, and endpoints of one's own."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.core.clouds import CLOUDS, Cloud

OWN = {
    "resource_manager": "https://127.0.0.1:8443",
    "audience": "https://127.0.0.1:8443",
    "authority": "https://127.0.0.1:8443",
    "blob_endpoint": "https://127.0.0.1:10000/{account}",
}


def test_the_clouds_of_the_plan_are_in_the_table() -> None:
    """Public, US Government and China."""
    assert list(CLOUDS) == ["public", "usgovernment", "china"]


def test_us_governments_audience_is_not_its_endpoint() -> None:
    """A token for the endpoint's own host would be refused there."""
    cloud = CLOUDS["usgovernment"]

    assert cloud.arm_scope == "https://management.core.usgovcloudapi.net/.default"
    assert cloud.resource_manager == "https://management.usgovcloudapi.net"


@pytest.mark.parametrize("name", CLOUDS)
def test_every_clouds_blob_url_names_the_account(name: str) -> None:
    """As a host, without a slash at the end."""
    url = CLOUDS[name].blob_url("drprimary")

    assert url.startswith("https://drprimary.blob.core.")
    assert not url.endswith("/")


def test_a_final_slash_is_taken_away() -> None:
    """Nothing is joined with two."""
    cloud = Cloud(
        **OWN | {"resource_manager": "https://127.0.0.1:8443/", "blob_endpoint": "https://h/{account}/"}
    )

    assert cloud.resource_manager == "https://127.0.0.1:8443"
    assert cloud.blob_url("abc") == "https://h/abc"


@pytest.mark.parametrize("account", ["evil.example/x?", "127.0.0.1:1/x?", "a", "Upper", "", "abc\n"])
def test_what_is_no_account_name_makes_no_url(account: str) -> None:
    """A token follows the URL, and an account's name may come from a stored record."""
    with pytest.raises(ValueError, match="storage account"):
        Cloud(**OWN).blob_url(account)


@pytest.mark.parametrize("origin", ["https://[::1]:8443", "https://arm.example", "https://127.0.0.1:1"])
def test_any_https_origin_is_accepted(origin: str) -> None:
    """A developer's machine, a private cloud, an IPv6 address."""
    assert Cloud(**OWN | {"resource_manager": origin}).resource_manager == origin


NO_ORIGINS = [
    "",
    "arm.example",
    "http://arm.example",
    "https://",
    "https://arm.example/path",
    "https://arm.example?x=1",
    "https://arm.example#x",
    "https://user@arm.example",
    "https://arm.example:99999",
    "https://arm.example:port",
    "https://[::1",
    "https://arm.example\n",
    "https://arm.example\\@evil.example",
    "https://arm .example",
]


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_what_is_no_https_origin_is_refused(origin: str) -> None:
    """Tokens are sent there, so it is read strictly."""
    with pytest.raises(ValidationError, match="must be an https origin"):
        Cloud(**OWN | {"resource_manager": origin})


NO_ENDPOINTS = [
    "https://drprimary.blob.core.windows.net",
    "http://{account}.blob.core.windows.net",
    "https://{account}/{account}",
    "https://h/{account}?sig=x",
    "https://user@h/{account}",
    "https://[::1/{account}",
    "{account}",
]


@pytest.mark.parametrize("endpoint", NO_ENDPOINTS)
def test_a_blob_endpoint_is_https_and_names_the_account_once(endpoint: str) -> None:
    """In the host or in the path, and without a signature."""
    with pytest.raises(ValidationError, match="account"):
        Cloud(**OWN | {"blob_endpoint": endpoint})
