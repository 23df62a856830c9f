"""The base of everything that is stored or sent."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from pydantic import ValidationError

from shared.core.documents import Document, Utc, Value, faults_of, json_path
from shared.core.errors import ProtocolError


class Inner(Value):
    """A part."""

    deep_name: int


class Sample(Document):
    """A document with a time and a part."""

    taken_at: Utc
    inner: Inner | None = None
    texts: tuple[str, ...] = ()


SAMPLE = Sample(taken_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), inner=Inner(deep_name=1), texts=("é",))


def test_json_has_camel_case_names_and_times_with_z() -> None:
    """Other programs read it."""
    assert SAMPLE.to_json() == {
        "v": 1,
        "takenAt": "2026-01-01T00:00:00Z",
        "inner": {"deepName": 1},
        "texts": ["é"],
    }


def test_the_stored_form_is_readable_and_ends_in_a_line() -> None:
    """UTF-8, two spaces, the model's order, a final newline."""
    text = SAMPLE.to_bytes().decode()

    assert text.startswith('{\n  "v": 1,\n  "takenAt"')
    assert text.endswith("}\n")
    assert '"é"' in text


def test_what_was_written_is_what_is_read() -> None:
    """As bytes and as JSON."""
    assert Sample.from_bytes(SAMPLE.to_bytes()) == Sample.from_json(SAMPLE.to_json()) == SAMPLE


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2026-01-01T02:00:00+02:00", 0), ("2026-01-01T02:00:00Z", 2), ("2026-01-01T02:00:00-05:00", 7)],
)
def test_times_of_other_zones_become_utc(text: str, hour: int) -> None:
    """Durable timers mishandle other zones, so none gets further."""
    taken_at = Sample.from_json({"takenAt": text}).taken_at

    assert (taken_at.hour, taken_at.tzinfo) == (hour, dt.UTC)


UNREADABLE = {
    "another version": {"v": 2, "takenAt": "2026-01-01T00:00:00Z"},
    "no version at all": {"v": None, "takenAt": "2026-01-01T00:00:00Z"},
    "a naive time": {"takenAt": "2026-01-01T00:00:00"},
    "a time before all": {"takenAt": "0001-01-01T00:00:00+14:00"},
    "a time after all": {"takenAt": "9999-12-31T23:59:59-12:00"},
    "no time": {"v": 1},
    "a field that is not known": {"takenAt": "2026-01-01T00:00:00Z", "extra": 1},
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_a_document_of_another_shape_is_refused(data: object) -> None:
    """Never a guess, and always a ProtocolError that names the kind of document."""
    with pytest.raises(ProtocolError, match="stored Sample is not readable"):
        Sample.from_json(data)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 200_000], ids=["empty", "cut", "binary", "deep"]
)
def test_bytes_that_are_no_json_are_refused(content: bytes) -> None:
    """Half a blob is never half a document."""
    with pytest.raises(ProtocolError, match="stored Sample is not JSON"):
        Sample.from_bytes(content)


def test_a_value_cannot_be_changed() -> None:
    """Steps hand on values, and nobody changes them on the way."""
    with pytest.raises(ValidationError):
        SAMPLE.texts = ()  # type: ignore[misc]


def test_every_fault_is_listed_once_with_its_path() -> None:
    """As an operator writes a path."""
    data = {"v": 3, "inner": {"deepName": "x"}, "texts": [1], "odd": 1}
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(data)

    faults = faults_of(caught.value, data)

    assert [where for where, _ in faults] == ["$.v", "$.takenAt", "$.inner.deepName", "$.texts[0]", "$.odd"]
    assert dict(faults)["$.takenAt"] == "is missing"
    assert dict(faults)["$.odd"] == "is not known here"


def test_a_fault_never_repeats_the_value() -> None:
    """What stands in the wrong place may be a secret."""
    with pytest.raises(ProtocolError) as caught:
        Sample.from_json({"takenAt": "hunter2", "inner": {"deepName": "hunter2"}, "v": "hunter2"})

    assert "hunter2" not in json.dumps([str(caught.value), caught.value.hint])


def test_a_path_is_written_as_it_is_read() -> None:
    """Names after dots, numbers in brackets."""
    assert json_path(["services", 0, "name"]) == "$.services[0].name"
    assert json_path([]) == "$"
