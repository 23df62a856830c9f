"""Blob containers and run records against Azurite, and the errors of storage."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import tracemalloc

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from shared.adapters.blobs import BlobContainer
from shared.adapters.runs import RunStore
from shared.adapters.translate import from_storage
from shared.core.errors import (
    AccessError,
    ConflictError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)
from shared.core.runs import RunPhase, RunRecord, advance
from shared.core.services import ServiceRef
from tests.azurite import StorageToken
from tests.fakes.clock import START
from tests.fakes.ports import resource_id

_numbers = itertools.count(1)


@pytest.fixture
def container(azurite, monkeypatch):
    """A container of the test's own, reached with a token."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azurite.ca))
    name = f"records{next(_numbers)}"
    azurite.service("drprimary").create_container(name)
    return BlobContainer(azurite.url("drprimary"), "drprimary", name, StorageToken())


@pytest.fixture
def missing(azurite, monkeypatch):
    """A container that is not there."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(azurite.ca))
    return BlobContainer(azurite.url("drprimary"), "drprimary", "missing", StorageToken())


def put_large(azurite, container, key, content):
    """Write a blob as something else than this app would."""
    azurite.service("drprimary").get_blob_client(container.container, key).upload_blob(content)


def test_a_blob_of_several_chunks_is_measured_as_it_is(azurite, container):
    """Size and digest of a blob of 40 MB are those of its bytes."""
    content = b"".join(hashlib.sha256(bytes([n])).digest() * 131_072 for n in range(10))
    put_large(azurite, container, "large", content)

    facts = container.measure("large")

    assert facts.size_bytes == len(content) == 41_943_040
    assert facts.sha256 == hashlib.sha256(content).hexdigest()


def test_a_blob_five_times_as_large_takes_no_more_memory(azurite, container):
    """What measuring holds at once does not grow with the blob."""
    peaks = []
    for megabytes in (20, 100):
        put_large(azurite, container, f"{megabytes}", b"\x01" * (megabytes * 1024 * 1024))
        tracemalloc.start()
        try:
            container.measure(f"{megabytes}")
            peaks.append(tracemalloc.get_traced_memory()[1] / 1024 / 1024)
        finally:
            tracemalloc.stop()

    assert peaks[1] < min(64, peaks[0] * 1.5)


def test_an_empty_blob_has_size_zero(azurite, container):
    """An empty blob is measured, not an error."""
    put_large(azurite, container, "empty", b"")

    facts = container.measure("empty")

    assert (facts.size_bytes, facts.sha256) == (0, hashlib.sha256(b"").hexdigest())


def test_a_record_that_is_too_large_is_refused(azurite, container, monkeypatch):
    """None of our documents is of that size: it is not read into memory."""
    monkeypatch.setattr("shared.adapters.blobs.DOCUMENT_LENGTH_MAX", 10)
    container.put("record", b"x" * 11)

    with pytest.raises(ProtocolError):
        container.read("record")


def test_keys_come_in_order_and_over_pages(container):
    """Names are listed in their order, which is that of time, whatever the order of writing."""
    for number in (3, 1, 2):
        container.put(f"runs/{number}.json", b"{}")
    container.put("other/4.json", b"{}")

    assert list(container.keys("runs/")) == ["runs/1.json", "runs/2.json", "runs/3.json"]


def test_a_leased_blob_is_a_conflict_and_stays(azurite, container):
    """Somebody holds a lease on it: it is not deleted, with its ETag or without."""
    container.put("leased", b"x")
    etag = container.look("leased").etag
    azurite.service("drprimary").get_blob_client(container.container, "leased").acquire_lease()

    for condition in (None, etag):
        with pytest.raises(ConflictError):
            container.delete("leased", etag=condition)
    assert container.exists("leased")


def test_a_missing_container_is_not_there(missing):
    """Whether a container is there is an answer, not an error."""
    assert not missing.container_exists()
    assert not missing.exists("a")


@pytest.mark.parametrize(
    "call",
    [
        lambda blobs: blobs.read("a"),
        lambda blobs: blobs.measure("a"),
        lambda blobs: blobs.create("a", b""),
        lambda blobs: blobs.put("a", b""),
        lambda blobs: list(blobs.keys("")),
    ],
    ids=["read", "measure", "create", "put", "keys"],
)
def test_a_missing_container_is_named(missing, call):
    """Every use of a container that is not there says which one."""
    with pytest.raises(NotFoundError, match="drprimary/missing"):
        call(missing)


def test_documents_are_stored_as_json(azurite, container):
    """The stored Content-Type lets a person open a record in the portal."""
    container.create("record", b"{}")

    blob = azurite.service("drprimary").get_blob_client(container.container, "record")
    assert blob.get_blob_properties().content_settings.content_type == "application/json"


def test_a_token_that_is_refused_is_an_access_error(azurite, container):
    """A token of another audience: AccessError, with the role that is needed."""

    class Other(StorageToken):
        def get_token(self, *_scopes, **_options):
            return super().get_token()._replace(token="e30.e30.e30")

    refused = BlobContainer(azurite.url("drprimary"), "drprimary", container.container, Other())

    with pytest.raises(AccessError) as caught:
        refused.read("record")

    assert "Storage Blob Data Contributor" in caught.value.hint


@pytest.mark.parametrize(
    ("err", "kind"),
    [
        (ResourceNotFoundError("x"), NotFoundError),
        (ResourceExistsError("x"), ConflictError),
        (ResourceModifiedError("x"), ConflictError),
        (ClientAuthenticationError("x"), AccessError),
        (ServiceRequestError("x"), UnavailableError),
        (ServiceResponseError("x"), UnavailableError),
        (HttpResponseError("x"), UnavailableError),
    ],
)
def test_each_error_of_storage_has_its_own(err, kind):
    """The table from the SDK's errors to ours."""
    assert type(from_storage(err, "a record")) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, AccessError),
        (412, ConflictError),
        (429, UnavailableError),
        (500, UnavailableError),
        (503, UnavailableError),
        (400, ProtocolError),
    ],
)
def test_each_status_of_storage_has_its_error(status, kind):
    """The table from statuses to our errors."""
    err = HttpResponseError("x")
    err.status_code = status

    assert type(from_storage(err, "a record")) is kind


def test_an_error_holds_no_url():
    """What storage said may hold a URL with a signature; only its code is kept."""
    err = ResourceNotFoundError("https://x.blob.core.windows.net/c/k?sig=secret")

    assert "sig" not in str(from_storage(err, "a record"))


def test_a_storage_that_cannot_be_reached_is_unavailable(monkeypatch):
    """Nobody listens: temporary, after the SDK's own tries."""
    blobs = BlobContainer("https://127.0.0.1:1/drprimary", "drprimary", "apim-dr", StorageToken())
    blobs._client._config.retry_policy.total_retries = 0
    monkeypatch.setattr("azure.storage.blob._shared.policies.StorageRetryPolicy.sleep", lambda *_: None)

    with pytest.raises(UnavailableError):
        blobs.read("a")


def run_of(number: int) -> RunRecord:
    """Return a run as it is first written."""
    at = START + dt.timedelta(seconds=number)
    return RunRecord(
        run_id=f"{at:%Y%m%dT%H%M%SZ}-backup-contoso",
        kind="backup",
        service="contoso",
        subject=ServiceRef(resource_id=resource_id("contoso-weu"), region="westeurope"),
        instance_id="svc-1",
        trigger="timer",
        requested_at=at,
        phase_at=at,
    )


def test_runs_come_back_as_they_were_written(container):
    """A run record survives storage unchanged."""
    runs = RunStore(container)
    runs.create(run_of(1))

    assert runs.read(run_of(1).run_id)[0] == run_of(1)


def test_the_newest_runs_come_first(container):
    """Of many runs the newest few are read, newest first."""
    runs = RunStore(container)
    for number in (2, 4, 1, 3):
        runs.create(run_of(number))

    assert [run.run_id for run in runs.newest(3, START)] == [run_of(n).run_id for n in (4, 3, 2)]


def test_two_writers_of_a_run_do_not_overwrite_each_other(container):
    """Both read, both write: the second is told, and the first one's word stays."""
    runs = RunStore(container)
    runs.create(run_of(1))
    run, etag = runs.read(run_of(1).run_id)
    runs.replace(advance(run, RunPhase.SUBMITTING, START), etag)

    with pytest.raises(ConflictError):
        runs.replace(advance(run, RunPhase.ENDED, START), etag)

    assert runs.read(run.run_id)[0].phase is RunPhase.SUBMITTING


def test_etags_can_be_chained(container):
    """The ETag that a write returns is good for the next one."""
    runs = RunStore(container)
    runs.create(run_of(1))
    run, etag = runs.read(run_of(1).run_id)
    for phase in (RunPhase.SUBMITTING, RunPhase.ENDED):
        run = advance(run, phase, START)
        etag = runs.replace(run, etag)

    assert runs.read(run.run_id) == (run, etag)
