"""
The base of every value that crosses a border: plan, HTTP body, record, payload.

One rule each: frozen, camelCase in JSON, unknown fields refused, times aware and in UTC, and a
version `v` that is refused when it is not known. Faults are collected, never reported one by one.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from shared.core.errors import ProtocolError


def _to_utc(value: dt.datetime) -> dt.datetime:
    try:
        return value.astimezone(dt.UTC)
    except OverflowError as err:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from err


Utc = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An aware datetime, converted to UTC. Durable timers mishandle other zones, so none gets further."""


class Value(BaseModel):
    """A frozen value with camelCase JSON names and no unknown fields."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def to_json(self) -> dict[str, Any]:
        """Return a dict ready for JSON, in camelCase, times as ISO 8601 with `Z`."""
        return self.model_dump(mode="json", by_alias=True)


class Document(Value):
    """A value that is stored or sent, and therefore carries its version."""

    v: Literal[1] = 1

    @classmethod
    def from_json(cls, data: object) -> Self:
        """
        Read what an earlier step or run of this app wrote.

        Raises:
            ProtocolError: not of this shape, or of a version that this release does not know.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as err:
            faults = "; ".join(f"{where}: {what}" for where, what in faults_of(err))
            raise ProtocolError(f"stored {cls.__name__} is not readable: {faults}") from err

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """
        Read a stored blob.

        Raises:
            ProtocolError: not JSON, not of this shape, or of an unknown version.
        """
        try:
            parsed = json.loads(data)
        except (ValueError, RecursionError) as err:
            raise ProtocolError(f"stored {cls.__name__} is not JSON") from err
        return cls.from_json(parsed)

    def to_bytes(self) -> bytes:
        """Return the stored form: JSON, two spaces, keys in the order of the model, a final newline."""
        return (json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n").encode()


def faults_of(err: ValidationError, data: object = None) -> list[tuple[str, str]]:
    """
    Turn pydantic's list into (JSON path, what is wrong), in document order.

    Args:
        err: what validation raised.
        data: the parsed JSON that was validated; with it, paths hold only what stands in the document,
            not the names of the alternatives that pydantic tried.
    """
    faults: list[tuple[str, str]] = []
    for item in err.errors(include_url=False):
        if item["type"] == "too_short" and item["input"]:
            continue  # a consequence: each entry that was not usable is listed by itself
        path = _path_in(data, item["loc"], item["type"]) if data is not None else item["loc"]
        fault = (json_path(path), _plain(item["msg"], item["type"], item.get("ctx", {})))
        if fault not in faults:
            faults.append(fault)
    return faults


def _path_in(data: object, location: Sequence[str | int], kind: str) -> list[str | int]:
    path: list[str | int] = []
    here: Any = data
    for part in location:
        is_there = (
            part in here if isinstance(here, dict) else isinstance(here, list) and isinstance(part, int)
        )
        if is_there:
            here = here[part]
        elif kind != "missing" or part != location[-1]:
            continue
        path.append(part)
    return path


def json_path(parts: Sequence[str | int]) -> str:
    """Write a path as an operator reads it: ("services", 0, "name") becomes $.services[0].name."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "model_type": "is not a JSON object",
    "model_attributes_type": "is not a JSON object",
    "dict_type": "is not a JSON object",
    "tuple_type": "is not a list",
    "list_type": "is not a list",
    "string_type": "is not a text",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "datetime_type": "is not a time such as 2027-01-04T00:00:00Z",
    "datetime_parsing": "is not a time such as 2027-01-04T00:00:00Z",
    "datetime_from_date_parsing": "is not a time such as 2027-01-04T00:00:00Z",
    "timezone_aware": "has no zone; a time with one looks like 2027-01-04T00:00:00Z",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must hold at least {min_length}",
    "too_long": "must hold at most {max_length}",
    "string_too_short": "is too short: {min_length} or more characters",
    "string_too_long": "is too long: {max_length} or fewer characters",
    "union_tag_invalid": "is not one of {expected_tags}",
    "union_tag_not_found": "has no {discriminator}",
}
"""Our own sentence for what pydantic calls a kind of fault, with what it says of the limit."""


def _plain(message: str, kind: str, limits: Mapping[str, Any]) -> str:
    if kind in _PLAIN:
        return _PLAIN[kind].format_map(limits)
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
