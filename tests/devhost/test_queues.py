"""Queue triggers against a real Azurite."""

import base64
import json

import pytest
from azure.storage.queue import QueueClient


@pytest.fixture
def host(start_devhost):
    """A devhost without keys."""
    return start_devhost()


@pytest.fixture
def put(azurite, host):
    """A function that puts a text on the queue to which the devhost listens."""
    host.wait_for_line(f"listens to queue '{host.queue}'")
    with QueueClient.from_connection_string(azurite.connection, host.queue) as client:
        yield client.send_message


def count_messages(azurite, queue):
    """Return how many messages a queue holds, hidden ones included."""
    with QueueClient.from_connection_string(azurite.connection, queue) as client:
        return client.get_queue_properties().approximate_message_count


def encode(value):
    """Write a message as host.json of the sample app says."""
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_a_message_reaches_the_function_once_and_is_deleted(azurite, host, put, notes):
    """The body is decoded, id, delivery count and insertion time are there, and the queue is empty after."""
    put(encode({"id": 1}))
    host.wait_for_line("on_message: succeeded")
    host.interrupt()

    (line,) = notes.read_text().splitlines()
    assert line.startswith("message 1 of ")
    assert line.endswith(" delivery 1 fresh True")
    assert count_messages(azurite, host.queue) == 0


def test_a_message_that_always_fails_ends_in_the_poison_queue(azurite, host, put, notes):
    """After maxDequeueCount failures the very same text is in <queue>-poison and gone from the queue."""
    text = encode({"id": 2, "fails": True})
    put(text)
    host.wait_for_line(f"is now in '{host.queue}-poison'")

    with QueueClient.from_connection_string(azurite.connection, f"{host.queue}-poison") as poison:
        assert [message.content for message in poison.peek_messages()] == [text]
    deliveries = [line.split(" delivery ")[1] for line in notes.read_text().splitlines()]
    assert deliveries == ["1 fresh True", "2 fresh True"]
    assert count_messages(azurite, host.queue) == 0


def test_a_message_that_is_no_base64_is_poisoned_without_running(host, put, notes):
    """What cannot be decoded never reaches the function."""
    put("not base64!")
    host.wait_for_line(f"is now in '{host.queue}-poison'")

    assert notes.read_text() == ""


def test_messages_put_while_the_host_is_down_are_handled_later(azurite, start_devhost, host, put, notes):
    """The queue is the memory: a killed host finds them at its next start."""
    host.kill()
    put(encode({"id": 3}))
    start_devhost().wait_for_line("on_message: succeeded")

    assert notes.read_text().startswith("message 3 ")
