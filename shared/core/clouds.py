"""Azure's clouds as a table, and explicit endpoints. Source: docs/azure-facts.md, "Clouds"."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from shared.core.documents import Value
from shared.core.locations import same_origin


def _https_origin(text: str) -> str:
    if not _is_https(text) or urlsplit(text)[2:] not in {("", "", ""), ("/", "", "")}:
        raise ValueError("must be an https origin such as https://management.azure.com")
    return text.rstrip("/")


def _account_url(text: str) -> str:
    filled = text.replace("{account}", "account")
    if text.count("{account}") != 1 or not _is_https(filled) or any(urlsplit(filled)[3:]):
        raise ValueError("must be an https URL that contains {account} once")
    return text.rstrip("/")


def _is_https(text: str) -> bool:
    """Tell whether a text is an https URL without user information, spaces or anything else in disguise."""
    return text.startswith("https://") and " " not in text and same_origin(text, text)


Origin = Annotated[str, AfterValidator(_https_origin)]


class Cloud(Value):
    """Where one Azure cloud is. `audience` differs from the endpoint's host in US Government."""

    resource_manager: Origin
    audience: Origin
    authority: Origin
    blob_endpoint: Annotated[str, AfterValidator(_account_url)]

    @property
    def arm_scope(self) -> str:
        """The scope of tokens for Azure Resource Manager."""
        return f"{self.audience}/.default"

    def blob_url(self, account: str) -> str:
        """
        Return the blob endpoint of a storage account, without a trailing slash.

        Raises:
            ValueError: not the name of an account; a token must not follow it to another host.
        """
        if not re.fullmatch(r"[a-z0-9]{3,24}", account):
            raise ValueError("not the name of a storage account")
        return self.blob_endpoint.replace("{account}", account)


CLOUDS: dict[str, Cloud] = {
    "public": Cloud(
        resource_manager="https://management.azure.com",
        audience="https://management.azure.com",
        authority="https://login.microsoftonline.com",
        blob_endpoint="https://{account}.blob.core.windows.net",
    ),
    "usgovernment": Cloud(
        resource_manager="https://management.usgovcloudapi.net",
        audience="https://management.core.usgovcloudapi.net",
        authority="https://login.microsoftonline.us",
        blob_endpoint="https://{account}.blob.core.usgovcloudapi.net",
    ),
    "china": Cloud(
        resource_manager="https://management.chinacloudapi.cn",
        audience="https://management.chinacloudapi.cn",
        authority="https://login.chinacloudapi.cn",
        blob_endpoint="https://{account}.blob.core.chinacloudapi.cn",
    ),
}
