"""A message that cannot be handled is written down, named by the night, and forgotten once it is handled."""

from __future__ import annotations

import asyncio
import json

import pytest

from shared import unhandled
from shared.core import layout
from shared.core.errors import AccessError, ProtocolError, UnavailableError
from shared.unhandled import Unhandled
from tests.fakes import FakePorts

QUEUE = "apim-dr-events"
ID = "0f3a5b7c-1111-2222-3333-444455556666"
BROKEN = ProtocolError("the message is not JSON")


class Message:
    """A message as the host gives it."""

    def __init__(self, tries, body=b"{}", message_id=ID):
        self.id, self.dequeue_count, self._body = message_id, tries, body

    def get_body(self):
        """Return its content."""
        return self._body


@pytest.fixture
def ports():
    """The primary's app."""
    return FakePorts()


def deliver(ports, message, error=None):
    """Deliver a message to a function that fails with an error, or works; return what it was given."""
    given = []

    async def receive(text, client, its_ports):
        given.append((text, noted(ports)))
        if error is not None:
            raise error

    try:
        asyncio.run(unhandled.handle(QUEUE, message, receive, None, ports))
    except Exception as err:  # noqa: BLE001 - the very error is what the host is to see
        assert err is error or error is None
    return given


def noted(ports, message_id=ID):
    """Return what is noted of a message, or None."""
    key = layout.unhandled_key(QUEUE, message_id)
    records = ports.records()
    return Unhandled.from_bytes(records.read(key)[0]) if records.exists(key) else None


def test_a_message_that_is_handled_at_once_costs_no_storage(ports):
    """Nothing is read, written or deleted for it."""
    for method in ("read", "put", "delete", "exists"):
        ports.records().faults[method].append(AssertionError(method))

    assert asyncio.run(unhandled.handle(QUEUE, Message(1), _works, None, ports)) is None


async def _works(text, client, ports):
    """Handle any message."""


def test_a_failed_try_is_noted_with_its_cause_and_the_host_sees_the_error(ports):
    """Queue, tries, times, code and text; the error passes, so that the host counts it."""
    with pytest.raises(ProtocolError):
        asyncio.run(unhandled.handle(QUEUE, Message(1), _fails, None, ports))

    found = noted(ports)
    assert (found.queue, found.tries, found.code, found.message) == (
        QUEUE, 1, BROKEN.code, "the message is not JSON"
    )  # fmt: skip
    assert found.first_at == found.last_at == ports.clock.now()


async def _fails(text, client, ports):
    """Handle no message."""
    raise BROKEN


def test_a_worker_that_died_is_noted_by_the_next_try_before_it_begins(ports):
    """The first try left nothing; the second writes that down and then begins."""
    ((_, at_its_beginning),) = deliver(ports, Message(2))

    assert (at_its_beginning.tries, at_its_beginning.code) == (2, "TryLost")


def test_the_next_try_keeps_the_cause_of_the_one_before(ports):
    """What failed is known; that another try begins says nothing new."""
    deliver(ports, Message(1), BROKEN)

    ((_, at_its_beginning),) = deliver(ports, Message(2))

    assert (at_its_beginning.tries, at_its_beginning.message) == (2, "the message is not JSON")


def test_since_when_stays_and_the_newest_cause_counts(ports):
    """Three tries: the first time, the last cause."""
    began_at = ports.clock.now()
    deliver(ports, Message(1), BROKEN)
    ports.clock.advance(600)
    deliver(ports, Message(2), UnavailableError("durable: ServerBusy", code="ServerBusy"))

    found = noted(ports)
    assert (found.first_at, found.last_at, found.code) == (began_at, ports.clock.now(), "ServerBusy")


def test_a_message_that_is_handled_later_is_forgotten(ports):
    """The note goes, and no night names it."""
    deliver(ports, Message(1), BROKEN)
    deliver(ports, Message(2))

    assert noted(ports) is None
    assert unhandled.warnings(ports) == []


def test_a_message_that_is_no_text_is_noted_as_well(ports):
    """Bytes that nobody can read fail like any other message, and their kind is named."""
    with pytest.raises(UnicodeDecodeError):
        asyncio.run(unhandled.handle(QUEUE, Message(1, b"\xff\xfe"), _works, None, ports))

    assert noted(ports).code == "UnicodeDecodeError"


def test_what_is_kept_of_a_message_is_cut_and_has_no_queries(ports):
    """A URL with a signature in it is stored without the signature."""
    body = json.dumps({"url": "https://x.example/a?sv=1&sig=SECRET", "more": "x" * 2000}).encode()
    deliver(ports, Message(1, body), BROKEN)

    assert "SECRET" not in ports.storage.everything_written()
    assert len(noted(ports).content) <= unhandled.CONTENT_LENGTH_MAX + 1


def test_the_text_of_a_foreign_error_is_not_kept(ports):
    """What is none of our errors may hold anything: only its kind is stored."""
    deliver(ports, Message(1), RuntimeError("token=SECRET"))

    assert noted(ports).code == "RuntimeError"
    assert "SECRET" not in ports.storage.everything_written()


@pytest.mark.parametrize("message_id", [None, "../roster", "a/b", ""])
def test_a_message_without_an_id_of_storage_is_handled_and_not_noted(ports, message_id):
    """One that was typed by hand is in no queue; no foreign text becomes the name of a blob."""
    given = deliver(ports, Message(2, message_id=message_id), BROKEN)

    assert len(given) == 1
    assert list(ports.records().keys("")) == []


@pytest.mark.parametrize("error", [AccessError("records: 403"), UnavailableError("records: ServerBusy")])
def test_a_note_that_cannot_be_written_keeps_no_message_from_being_handled(ports, error):
    """Handling it is what counts."""
    ports.records().faults["put"].append(error)

    assert len(deliver(ports, Message(2))) == 1


def test_a_failure_is_an_event(ports, caplog):
    """Alerts see queue, message and cause at once, not only at night."""
    deliver(ports, Message(3), BROKEN)

    (line,) = [one for one in caplog.messages if one.startswith("message.unhandled")]
    assert f"queue={QUEUE}" in line
    assert "tries=3" in line


def test_a_night_names_each_message(ports):
    """Queue, since when, tries and cause, in one line each."""
    deliver(ports, Message(5), BROKEN)

    (line,) = unhandled.warnings(ports)
    assert line == (
        f"queue {QUEUE}: message {ID} is not handled since 2026-11-23 02:00 UTC, after 5 tries: "
        "ProtocolViolation: the message is not JSON"
    )


def test_a_night_names_some_and_counts_the_rest(ports):
    """A hundred broken messages do not make a record of a hundred lines."""
    for number in range(100):
        deliver(ports, Message(1, message_id=f"{number:03d}-{ID}"), BROKEN)

    lines = unhandled.warnings(ports)

    assert len(lines) == unhandled.WARNINGS_MAX + 1
    assert lines[-1].startswith("80 more messages")


def test_a_list_that_may_not_be_read_is_a_line_of_its_own(ports):
    """The night goes on, and says that it does not know."""
    ports.records().faults["keys"].append(AccessError("records: 403"))

    assert unhandled.warnings(ports) == [
        "whether any message of a queue is not handled could not be told: records: 403"
    ]
