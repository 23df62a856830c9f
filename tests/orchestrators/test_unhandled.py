"""Messages that cannot be handled, through the functions that the queues trigger, to the night's record."""

from __future__ import annotations

import pytest
from azure.functions import meta

from devhost.invoke import FunctionFailure
from shared.core import layout

ID = "0f3a5b7c-1111-2222-3333-444455556666"
QUEUES = {"replicate_event": "apim-dr-events", "change_event": "apim-dr-changes"}


def deliver(stage, function, text, tries):
    """Give a queue's message to its function, as the host does."""
    invoker = stage.host._workers.app._invoker
    metadata = {"Id": meta.Datum(ID, "string"), "DequeueCount": meta.Datum(tries, "int")}
    trigger = meta.Datum(text, "string") if isinstance(text, str) else meta.Datum(text, "bytes")
    stage.host._runner.run(invoker.invoke(invoker._functions[function], trigger, metadata))


@pytest.mark.parametrize("function", QUEUES)
@pytest.mark.parametrize("text", ["no JSON", "[]", b"\xff\xfe"], ids=["no JSON", "no event", "no text"])
def test_an_unreadable_message_fails_and_is_in_the_nights_record(stage, function, text):
    """The host sees a failure each time, and the next night names queue, message and tries."""
    for tries in (1, 2, 3, 4, 5):
        with pytest.raises(FunctionFailure):
            deliver(stage, function, text, tries)

    record, _ = stage.fleet()

    (line,) = [one for one in record.warnings if ID in one]
    assert line.startswith(f"queue {QUEUES[function]}: ")
    assert "after 5 tries" in line
    status, shown = stage.ask("GET", "get_night", night_id=record.night)
    assert (status, line in shown["warnings"]) == (200, True)


@pytest.mark.parametrize("function", QUEUES)
def test_a_message_that_is_none_of_ours_is_handled(stage, function):
    """Another kind of event is ignored: no failure, and nothing to report."""
    deliver(stage, function, '{"eventType": "Microsoft.Storage.BlobDeleted"}', 2)

    record, _ = stage.fleet()

    assert record.warnings == ()
    assert list(stage.ports.records().keys(layout.UNHANDLED)) == []
