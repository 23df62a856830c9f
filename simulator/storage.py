"""
The service's own contact with Blob Storage: with the account key of the request, or as the service's
identity.

Against the real storage emulator, so that a wrong key fails for the real reason. Calls block and run in
threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from simulator.backup_request import ACCESS_KEY, BackupRequest
from simulator.tokens import TokenAuthority

STORAGE_AUDIENCE = "https://storage.azure.com"

_TIMEOUT_S = 20
"""The emulator is on the same machine; a longer wait only hides that it is not there."""

_REASON_MAX = 200


class StorageRefusedError(Exception):
    """Storage did not do it; the message names the account and storage's own error code, never a key."""


class BackupMissingError(Exception):
    """The container or the blob to restore is not there."""


class Storage(Protocol):
    """What operations need of storage; `BackupStorage` is the real one."""

    async def check(self, request: BackupRequest, *, principal_id: str, create_container: bool) -> None:
        """Make sure that storage lets the service in. Raises StorageRefusedError."""

    async def write(self, request: BackupRequest, content: bytes, *, principal_id: str) -> None:
        """Commit the blob; one of the same name is replaced. Raises StorageRefusedError."""

    async def read(self, request: BackupRequest, *, principal_id: str) -> bytes:
        """Return the blob's content. Raises BackupMissingError, StorageRefusedError."""


class _ServiceIdentity:
    """A token credential for the managed identity of an API Management service."""

    def __init__(self, tokens: TokenAuthority, object_id: str, client_id: str) -> None:
        self._tokens = tokens
        self._object_id = object_id
        self._client_id = client_id

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        token = self._tokens.issue(
            object_id=self._object_id, client_id=self._client_id, audience=STORAGE_AUDIENCE
        )
        return AccessToken(token.text, token.expires_on_unix)


class BackupStorage:
    """Reads and writes backup blobs."""

    def __init__(
        self, *, endpoint: str, account_keys: Mapping[str, str], tokens: TokenAuthority, ca: Path
    ) -> None:
        """
        Remember where storage is; nothing is contacted.

        Args:
            endpoint: URL with `{account}` in it; "" if there is no storage, then every contact is refused.
            account_keys: account → key, of every account there is; empty if that is not known. The emulator
                takes tokens for any account, so that others are refused here. At an emulator on plain http,
                which takes no tokens, the key stands in for the identity.
            tokens: makes the identity's tokens.
            ca: what the emulator's certificate is checked against.
        """
        self._endpoint = endpoint
        self._account_keys = dict(account_keys)
        self._tokens = tokens
        self._ca = ca

    async def check(self, request: BackupRequest, *, principal_id: str, create_container: bool) -> None:
        """
        Make sure that storage lets the service in; create the container if that is wanted and it is missing.

        Raises:
            StorageRefusedError: wrong key, no such account, storage not reachable.
        """
        await asyncio.to_thread(self._check, request, principal_id, create_container)

    async def write(self, request: BackupRequest, content: bytes, *, principal_id: str) -> None:
        """
        Commit the blob in one piece; one of the same name is replaced.

        Raises:
            StorageRefusedError: storage did not take it.
        """
        await asyncio.to_thread(self._write, request, content, principal_id)

    async def read(self, request: BackupRequest, *, principal_id: str) -> bytes:
        """
        Return the blob's content.

        Raises:
            BackupMissingError: no such container or blob.
            StorageRefusedError: storage did not hand it out.
        """
        return await asyncio.to_thread(self._read, request, principal_id)

    def _check(self, request: BackupRequest, principal_id: str, create_container: bool) -> None:
        try:
            with self._client(request, principal_id) as client:
                container = client.get_container_client(request.container)
                if create_container:
                    container.create_container()
                else:
                    container.get_container_properties()
        except (ResourceExistsError, ResourceNotFoundError):
            return
        except AzureError as err:
            raise _refused(request, err) from err

    def _write(self, request: BackupRequest, content: bytes, principal_id: str) -> None:
        try:
            with self._client(request, principal_id) as client:
                client.get_blob_client(request.container, request.blob).upload_blob(content, overwrite=True)
        except AzureError as err:
            raise _refused(request, err) from err

    def _read(self, request: BackupRequest, principal_id: str) -> bytes:
        try:
            with self._client(request, principal_id) as client:
                return client.get_blob_client(request.container, request.blob).download_blob().readall()
        except ResourceNotFoundError as err:
            raise BackupMissingError(
                f"blob '{request.blob}' was not found in container '{request.container}'"
            ) from err
        except AzureError as err:
            raise _refused(request, err) from err

    def _client(self, request: BackupRequest, principal_id: str) -> BlobServiceClient:
        if not self._endpoint:
            raise StorageRefusedError("the simulator was started without --blob-endpoint")
        if self._account_keys and request.account not in self._account_keys:
            raise StorageRefusedError(
                f"storage account '{request.account}' refused access: "
                "there is no such account; the simulator was started with --account-key for others"
            )
        url = self._endpoint.replace("{account}", request.account)
        credential: Any
        if request.access_type == ACCESS_KEY:
            credential = {"account_name": request.account, "account_key": request.access_key}
        elif url.startswith("http://"):
            credential = {
                "account_name": request.account,
                "account_key": self._account_keys.get(request.account, ""),
            }
        else:
            credential = _ServiceIdentity(self._tokens, principal_id, request.client_id or principal_id)
        return BlobServiceClient(
            url,
            credential=credential,
            connection_verify=str(self._ca),
            connection_timeout=_TIMEOUT_S,
            read_timeout=_TIMEOUT_S,
            retry_total=0,
        )


def _refused(request: BackupRequest, err: AzureError) -> StorageRefusedError:
    if isinstance(err, HttpResponseError) and err.status_code:
        code = getattr(err, "error_code", None)
        reason = f"{err.status_code} {getattr(code, 'value', code) or ''}".strip()
    else:
        # Messages of the transport name hosts and ports, never credentials.
        reason = f"{type(err).__name__}: {err.message}"[:_REASON_MAX]
    return StorageRefusedError(f"storage account '{request.account}' refused access: {reason}")
