"""Reading the JSON body of a call: every fault at once, and never a value that is only one of two."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from shared.core.documents import Value, faults_of
from shared.core.errors import RequestError
from shared.core.plan_checks import JsonObject, written_twice


def read_object(
    content: bytes, kind: type[Value], hint: str, *, may_be_empty: bool = False
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """
    Return the fields of a body as they were sent, and (JSON path, what is wrong) of each fault in them.

    Args:
        content: the body.
        kind: what it must look like.
        hint: shows the caller a body that works.
        may_be_empty: whether no body at all is read as an empty object.

    Raises:
        RequestError: there is no body, or it is not a JSON object.
    """
    if not content.strip():
        if not may_be_empty:
            raise RequestError("the body is not usable", faults=[("$", "there is no body")], hint=hint)
        content = b"{}"
    try:
        data: Any = json.loads(content, object_pairs_hook=JsonObject)
    except (ValueError, RecursionError) as err:  # UnicodeDecodeError is a ValueError
        raise RequestError("the body is not JSON", faults=[("$", str(err))], hint=hint) from err
    faults: list[tuple[str, str]] = []
    try:
        kind.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as err:
        faults = faults_of(err, data)
        if not isinstance(data, dict):
            raise RequestError("the body is not usable", faults=faults, hint=hint) from err
    return data, [*faults, *written_twice(data)]
