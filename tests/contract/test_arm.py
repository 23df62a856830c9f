"""What every Arm does, the fake like the real client: steps are tested on the fake and trust it."""

from __future__ import annotations

import pytest

from shared.core.errors import NotFoundError, ProtocolError
from shared.core.lro import Operation, PollState, SubmissionState, read_poll, read_submission
from tests.contract.conftest import STORAGE
from tests.fakes.clock import START


def start(world, action="backup", service=None, name="a.apimbackup"):
    """Send a POST and read its answer as the app does."""
    service = service or world.service
    response = world.arm.start(service, action, STORAGE, name)
    return read_submission(response, request_url=world.arm.start_url(service, action), now=START)


def poll(world, operation):
    """Send a poll and read its answer as the app does."""
    response = world.arm.poll(operation.location_url, refresh_token=False)
    return read_poll(response, operation=operation, now=START)


def test_a_service_is_read(world):
    """Tier, region in canonical form, and at rest."""
    state = world.arm.service_state(world.service)

    assert (state.tier, state.region, state.is_in_transition) == ("Standard", "westeurope", False)
    assert state.resource_id.lower() == world.service.resource_id.lower()


def test_a_service_that_does_not_exist_is_not_found(world):
    """404 is NotFoundError."""
    with pytest.raises(NotFoundError):
        world.arm.service_state(world.missing)


def test_a_post_is_accepted_with_a_location(world):
    """202, a Location at the origin asked, and a time to come back."""
    submission = start(world)

    assert submission.state is SubmissionState.ACCEPTED
    assert "operationresults" in submission.operation.location_url
    assert submission.retry_after_s == 60


def test_a_service_with_an_operation_is_in_transition(world):
    """From the POST on the service says Updating."""
    start(world)

    assert world.arm.service_state(world.service).is_in_transition


def test_a_second_post_is_busy(world):
    """409 while the first operation runs."""
    start(world)

    assert start(world, name="b.apimbackup").state is SubmissionState.BUSY


def test_a_post_to_nobody_is_rejected(world):
    """A verdict, not a state to wait for."""
    assert start(world, service=world.missing).state is SubmissionState.REJECTED


def test_an_operation_runs_and_then_succeeds(world):
    """202 with the same Location while it runs; 200 at the end, and again when asked again."""
    operation = start(world).operation
    before = poll(world, operation)
    world.end_operations()
    after = [poll(world, operation).state for _ in range(2)]

    assert (before.state, before.operation.location_url) == (PollState.RUNNING, operation.location_url)
    assert after == [PollState.SUCCEEDED] * 2


def test_a_backup_leaves_its_blob(world):
    """At the end the blob is there under the name asked for, with a size."""
    operation = start(world, name="contract.apimbackup").operation
    world.end_operations()
    poll(world, operation)

    assert world.blobs.measure("contract.apimbackup").size_bytes > 0


def test_a_service_comes_to_rest_after_its_operation(world):
    """Settled again, and the next POST is accepted."""
    operation = start(world).operation
    world.end_operations()
    poll(world, operation)

    assert not world.arm.service_state(world.service).is_in_transition
    assert start(world, name="next.apimbackup").state is SubmissionState.ACCEPTED


def test_a_foreign_url_is_never_asked(world):
    """Another origin is refused before a token could be attached."""
    with pytest.raises(ProtocolError):
        world.arm.poll("https://evil.example/operationresults/1", refresh_token=False)


def test_an_operation_that_does_not_exist_is_not_found(world):
    """A Location that nobody gave out."""
    url = world.arm.start_url(world.service, "operationresults/bm9ib2R5")

    assert poll(world, Operation(location_url=url)).state is PollState.NOT_FOUND


def test_an_inventory_names_what_is_there(world):
    """Entities by their relative ids, everything readable."""
    inventory = world.take_inventory(world.service)

    assert "/tags/blue" in inventory.entities
    assert inventory.not_read == ()


def test_the_same_inventory_twice_is_equal(world):
    """Nothing changed: the digests agree."""
    digests = {world.take_inventory(world.service).digest for _ in range(2)}

    assert len(digests) == 1
