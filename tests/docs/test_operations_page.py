"""docs/operations.md names every place in storage that shared/core/layout.py knows."""

import inspect
import re

import docpages
import pytest

from shared.core import layout

SECTION = docpages.section(docpages.text("docs/operations.md"), "Records in storage")
ROWS = [line for line in SECTION.splitlines() if line.startswith("| `")]
NAMED = {place for row in ROWS for place in re.findall(r"`([^`]+)`", row)}
PREFIXES = {name: value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str)}


class Day:
    """Stands for any day, however it is written."""

    def __format__(self, form):
        """Return what the page writes for it."""
        return "<day>"


SHOWN = {
    "service": "<service>",
    "target": "<target>",
    "name": "<backup>",
    "backup_name": "<backup>",
    "run_id": "<run id>",
    "night": "<night id>",
    "rebuild_id": "<id>",
    "report": "<report>",
    "queue": "<queue>",
    "message_id": "<message id>",
    "day": Day(),
    "key": "inventories/<service>/<backup>.json",
}
KEYS = {
    name: function(**{parameter: SHOWN[parameter] for parameter in inspect.signature(function).parameters})
    for name, function in vars(layout).items()
    if name.endswith("_key") and not name.startswith("parse_") and inspect.isfunction(function)
}


@pytest.mark.parametrize("name", KEYS)
def test_every_key_of_the_layout_is_in_the_table(name):
    """Who looks into the container finds out what each blob is."""
    assert KEYS[name] in NAMED


@pytest.mark.parametrize("name", PREFIXES)
def test_every_prefix_of_the_layout_begins_a_row(name):
    """Each folder, and the one blob that lies in none."""
    assert any(row.startswith(f"| `{PREFIXES[name]}") for row in ROWS)


def test_the_table_names_no_place_that_the_layout_does_not_know():
    """Where nothing is written any more, nobody needs to look."""
    places = {place for place in NAMED if place.endswith((".json", ".gz")) or "/<" in place}

    assert places - {"evidence/<run id>.part.json"} <= {*KEYS.values(), *PREFIXES.values()}
    assert len(KEYS) > len(PREFIXES) > 10
