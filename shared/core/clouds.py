"""Azure's clouds as a table, and explicit endpoints. Source: docs/azure-facts.md, "Clouds"."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from shared.core.documents import Value


def _https_origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ValueError("must be an https origin such as https://management.azure.com")
    return text.rstrip("/")


def _account_url(text: str) -> str:
    if not text.startswith("https://") or text.count("{account}") != 1:
        raise ValueError("must start with https:// and contain {account} once")
    return text.rstrip("/")


Origin = Annotated[str, AfterValidator(_https_origin)]


class Cloud(Value):
    """Where one Azure cloud is. `audience` differs from the endpoint's host in US Government."""

    resource_manager: Origin
    audience: Origin
    authority: Origin
    blob_endpoint: Annotated[str, AfterValidator(_account_url)]
    storage_audience: Origin = "https://storage.azure.com"

    @property
    def arm_scope(self) -> str:
        """The scope of tokens for Azure Resource Manager."""
        return f"{self.audience}/.default"

    def blob_url(self, account: str) -> str:
        """Return the blob endpoint of a storage account, without a trailing slash."""
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
