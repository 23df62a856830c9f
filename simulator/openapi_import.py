"""
Reading an OpenAPI document into an API and its operations, as an import does.

Names of operations follow
https://learn.microsoft.com/azure/api-management/api-management-api-import-restrictions: the operationId in
lower case, every run of other characters a dash, cut at 76, duplicates numbered. Schemas are not imported.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FORMATS = ("openapi+json",)

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

_NAME_MAX = 76

_DISPLAY_NAME_MAX = 300


class UnreadableApiError(Exception):
    """The document cannot be imported; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedOperation:
    """One operation: the name of its resource and its properties."""

    name: str
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedApi:
    """What a document says about the API itself, and its operations."""

    properties: dict[str, Any]
    operations: tuple[ImportedOperation, ...]


def read_openapi(text: object, *, file_format: object) -> ImportedApi:
    """
    Read an OpenAPI 3 document.

    Raises:
        UnreadableApiError: another format, not JSON, no OpenAPI 3, no title, or two operations of one method
            and path.
    """
    if file_format not in FORMATS:
        raise UnreadableApiError(f"format {file_format!r} is not simulated; known is {', '.join(FORMATS)}")
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except ValueError as err:
        raise UnreadableApiError(f"value is not JSON: {err}") from err
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise UnreadableApiError("value is not an OpenAPI 3 document")
    info = document.get("info") or {}
    if not info.get("title"):
        raise UnreadableApiError("the document has no info.title")
    servers = document.get("servers") or []
    properties = {
        "displayName": info["title"],
        "description": info.get("description"),
        "serviceUrl": servers[0].get("url") if servers else None,
    }
    return ImportedApi(
        properties={name: value for name, value in properties.items() if value is not None},
        operations=tuple(_operations(document)),
    )


def operation_name(operation_id: str, *, taken: set[str]) -> str:
    """Return the name of an operation's resource, numbered if it is taken; adds it to `taken`."""
    name = re.sub(r"[^a-z0-9]+", "-", operation_id.lower()).strip("-")[:_NAME_MAX]
    number, unique = 0, name
    while unique in taken:
        number += 1
        unique = f"{name}-{number}"
    taken.add(unique)
    return unique


def _operations(document: Mapping[str, Any]) -> Iterator[ImportedOperation]:
    taken: set[str] = set()
    for template, item in (document.get("paths") or {}).items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is None:
                continue
            operation_id = operation.get("operationId") or f"{method}-{template}"
            display = (
                operation.get("summary") or operation.get("operationId") or f"{method.upper()} - {template}"
            )
            parameters = [
                _resolved(one, document)
                for one in (*item.get("parameters", ()), *operation.get("parameters", ()))
            ]
            properties = {
                "displayName": display[:_DISPLAY_NAME_MAX],
                "method": method.upper(),
                "urlTemplate": template,
                "templateParameters": [_parameter(one) for one in parameters if one.get("in") == "path"],
                "description": operation.get("description"),
                "request": {
                    "queryParameters": [_parameter(one) for one in parameters if one.get("in") == "query"],
                    "headers": [_parameter(one) for one in parameters if one.get("in") == "header"],
                    "representations": [],
                },
                "responses": [
                    {"statusCode": int(status), "description": response.get("description")}
                    for status, response in (operation.get("responses") or {}).items()
                    if str(status).isdecimal()
                ],
            }
            yield ImportedOperation(name=operation_name(operation_id, taken=taken), properties=properties)


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter.get("name"),
        "description": parameter.get("description"),
        "type": (parameter.get("schema") or {}).get("type", "string"),
        "required": parameter.get("in") == "path" or bool(parameter.get("required")),
    }


def _resolved(parameter: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow one reference into the document's own components."""
    reference = parameter.get("$ref")
    if not isinstance(reference, str):
        return parameter
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}
