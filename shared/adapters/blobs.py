"""Blob containers over azure-storage-blob. Reads stream in constant memory; writes are conditional."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from azure.core import MatchConditions
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobBlock, ContainerClient, ContentSettings

from shared.adapters.translate import from_storage
from shared.core.errors import ConflictError, NotFoundError, ProtocolError, UnavailableError
from shared.core.ports import BACKUP_TYPE, JSON_TYPE, BlobFacts, BlobLook

_T = TypeVar("_T")

DOCUMENT_LENGTH_MAX = 64 * 1024 * 1024
"""Our records are kilobytes and an inventory of 10,000 entities is one megabyte."""

CHUNK_LENGTH = 4 * 1024 * 1024
"""Read at once. The SDK's own first piece is 32 MB, of which it holds several copies."""

CONNECT_PATIENCE_S = 10
ANSWER_PATIENCE_S = 20
RETRIES_MAX = 2
"""
A region that is lost costs about a minute, and not the several that the SDK would try by default; our steps
try again by themselves.
"""


class BlobContainer:
    """The port Blobs, for one container."""

    def __init__(self, account_url: str, account: str, container: str, credential: TokenCredential) -> None:
        self._account = account
        self._client = ContainerClient(
            account_url,
            container,
            credential=credential,
            connection_timeout=CONNECT_PATIENCE_S,
            read_timeout=ANSWER_PATIENCE_S,
            retry_total=RETRIES_MAX,
            initial_backoff=1,  # 1 + 2 to the number of the retry, one more or less: 10 s at most in all
            increment_base=2,
            random_jitter_range=1,
            max_single_get_size=CHUNK_LENGTH,
            max_chunk_get_size=CHUNK_LENGTH,
        )

    @property
    def account(self) -> str:
        """The storage account's name."""
        return self._account

    @property
    def container(self) -> str:
        """The container's name."""
        return str(self._client.container_name)

    def container_exists(self) -> bool:
        """
        Tell whether the container is there, and whether its blobs may be read.

        By listing one: the properties of a container may be read with rights that do not reach its blobs.
        """
        with contextlib.suppress(NotFoundError):
            self._asked(
                lambda: next(iter(self._client.list_blob_names(results_per_page=1)), None), "the container"
            )
            return True
        return False

    def exists(self, key: str) -> bool:
        """Tell whether a blob is there."""
        return self._asked(self._client.get_blob_client(key).exists, key)

    def look(self, key: str) -> BlobLook | None:
        """Return what a blob's properties show; None if it, or its container, is not there."""
        try:
            found = self._asked(self._client.get_blob_client(key).get_blob_properties, key)
        except NotFoundError:
            return None
        return BlobLook(
            size_bytes=found.size, etag=str(found.etag).strip('"'), modified_at=found.last_modified
        )

    def measure(self, key: str) -> BlobFacts:
        """Read a blob through and say what it is; a blob replaced meanwhile fails as a conflict."""

        def read() -> BlobFacts:
            download = self._client.get_blob_client(key).download_blob(max_concurrency=1)
            digest = hashlib.sha256()
            size = 0
            for chunk in download.chunks():
                digest.update(chunk)
                size += len(chunk)
            return BlobFacts(
                size_bytes=size, etag=str(download.properties.etag).strip('"'), sha256=digest.hexdigest()
            )

        return self._asked(read, key)

    def read(self, key: str) -> tuple[bytes, str]:
        """Return content and ETag of one of our documents."""

        def read() -> tuple[bytes, str]:
            download = self._client.get_blob_client(key).download_blob(max_concurrency=1)
            if download.size > DOCUMENT_LENGTH_MAX:
                raise ProtocolError(f"{key} has {download.size} bytes, which none of our documents has")
            return download.readall(), str(download.properties.etag)

        return self._asked(read, key)

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the content of a blob, piece by piece; a blob replaced meanwhile fails as a conflict."""
        try:
            download = self._client.get_blob_client(key).download_blob(max_concurrency=1)
            yield from download.chunks()
        except AzureError as err:
            raise self._translated(err, key) from err

    def create_container(self) -> None:
        """Create the container without public access; one that is there is left as it is."""
        try:
            self._asked(self._client.create_container, "the container")
        except ConflictError as err:
            if err.code != "ContainerAlreadyExists":  # one that is being deleted is not there
                raise UnavailableError(err.message, code=err.code) from err

    def create(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must not exist; return its ETag."""
        return self._write(key, content, content_type, overwrite=False)

    def create_from(self, key: str, chunks: Iterable[bytes], *, content_type: str = BACKUP_TYPE) -> str:
        """
        Write a blob that must not exist from pieces; return its ETag.

        Blocks are staged one by one and become a blob only when the list of them is committed, so one
        that fails leaves nothing that can be read.
        """
        blob = self._client.get_blob_client(key)
        names: list[BlobBlock] = []
        for content in chunks:
            name = uuid.uuid4().hex
            self._asked(functools.partial(blob.stage_block, name, content), key)
            names.append(BlobBlock(name))
        answer = self._asked(
            lambda: blob.commit_block_list(
                names,
                content_settings=ContentSettings(content_type=content_type),
                match_condition=MatchConditions.IfMissing,
            ),
            key,
        )
        return str(answer["etag"])

    def put(self, key: str, content: bytes, *, content_type: str = JSON_TYPE) -> None:
        """Write a blob whether it exists or not."""
        self._write(key, content, content_type, overwrite=True)

    def delete(self, key: str, *, etag: str | None = None) -> bool:
        """Delete a blob, with snapshots if it has any, and only if it has this ETag; False if not there."""
        condition: dict[str, Any] = {}
        if etag is not None:
            unchanged = MatchConditions.IfNotModified
            condition = {"etag": f'"{etag.strip(chr(34))}"', "match_condition": unchanged}
        try:
            self._asked(
                lambda: self._client.get_blob_client(key).delete_blob(
                    delete_snapshots="include", **condition
                ),
                key,
            )
        except NotFoundError:
            return False
        except ConflictError:
            # a condition on a blob that is gone fails as a condition, at least in the emulator
            if etag is not None and not self.exists(key):
                return False
            raise
        return True

    def replace(self, key: str, content: bytes, etag: str, *, content_type: str = JSON_TYPE) -> str:
        """Write a blob that must still have this ETag; return the new one."""
        answer = self._asked(
            lambda: self._client.get_blob_client(key).upload_blob(
                content,
                overwrite=True,
                content_settings=ContentSettings(content_type=content_type),
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
            ),
            key,
        )
        return str(answer["etag"])

    def keys(self, prefix: str) -> Iterator[str]:
        """List names in order."""
        try:
            yield from self._client.list_blob_names(name_starts_with=prefix)
        except AzureError as err:
            raise self._translated(err, f"the list {prefix}") from err

    def _write(self, key: str, content: bytes, content_type: str, *, overwrite: bool) -> str:
        settings = ContentSettings(content_type=content_type)
        answer = self._asked(
            lambda: self._client.get_blob_client(key).upload_blob(
                content, overwrite=overwrite, content_settings=settings
            ),
            key,
        )
        return str(answer["etag"])

    def _asked(self, call: Callable[[], _T], what: str) -> _T:
        try:
            return call()
        except AzureError as err:
            raise self._translated(err, what) from err

    def _translated(self, err: AzureError, what: str) -> Exception:
        return from_storage(err, f"{what} in {self._account}/{self.container}")
