"""The queries of alerts and workbook, read as text: which events and fields they name, and how."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "infra/app/queries"

_EVENT = re.compile(r"'([a-z_]+\.[a-z_]+) ?'")
_EXTRACT = re.compile(r"extract\(@'([^']*)', 1, (\w+)\)")
_FIELD = re.compile(r"^ ([a-z_]+)=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query; `name` says where it stands."""

    name: str
    text: str

    @property
    def code(self) -> str:
        """The query without its comments."""
        return "\n".join(line for line in self.text.splitlines() if not line.startswith("//"))

    @property
    def events(self) -> set[str]:
        """Names of events, as it compares them."""
        return set(_EVENT.findall(self.code))

    @property
    def fields(self) -> set[str]:
        """Names of the fields that it cuts out of lines."""
        return {found[1] for pattern in self.patterns if (found := _FIELD.match(pattern))}

    @property
    def patterns(self) -> set[str]:
        """Expressions with which it cuts something out of a line."""
        return {pattern for pattern, column in _EXTRACT.findall(self.code) if column == "Message"}

    @property
    def columns(self) -> set[str]:
        """Names of the columns that come out, as its last `project` says."""
        (last,) = re.findall(r"\| project ([^|]*?)\s*\Z", self.code)
        return {column.split("=")[0].strip() for column in last.split(",")}

    @property
    def tables(self) -> set[str]:
        """Tables of the workspace that it reads."""
        return set(re.findall(r"\bApp[A-Z][A-Za-z]+\b", self.code))


def cut(pattern: str, line: str) -> str:
    """Do with a line what `trim('"', extract(pattern, 1, line))` does."""
    found = re.search(pattern, line)
    return found[1].removeprefix('"').removesuffix('"') if found else ""


def alerts() -> list[Query]:
    """Return the queries of the alert rules."""
    return [Query(name=path.stem, text=path.read_text(encoding="utf-8")) for path in sorted(FOLDER.iterdir())]


def workbook() -> list[Query]:
    """Return the queries of the workbook that ask the workspace."""
    items = json.loads((ROOT / "infra/app/workbook.json").read_text(encoding="utf-8"))["items"]
    asking = [item for item in items if item["type"] == 3 and item["content"]["queryType"] == 0]
    return [Query(name=f"workbook: {item['name']}", text=item["content"]["query"]) for item in asking]


def faults(query: Query, fields_of: dict[str, set[str]]) -> list[str]:
    """
    Say what a query names that is never logged.

    Args:
        query: of an alert or of the workbook.
        fields_of: for each event the fields that it may carry.
    """
    found = [f"{query.name}: there is no event {event}" for event in sorted(query.events - fields_of.keys())]
    known = [fields_of[event] for event in query.events & fields_of.keys()] or list(fields_of.values())
    carried = set().union(*known)
    return found + [
        f"{query.name}: no event of it has a field {field}" for field in sorted(query.fields - carried)
    ]
