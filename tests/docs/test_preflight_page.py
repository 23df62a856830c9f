"""docs/preflight.md and docs/restore-point.md say what the code does."""

import re

import docpages
import pytest

from shared.core import preflight, sizes
from shared.core.coverage import IN_SIDECAR
from shared.core.preflight_facts import Verdict
from shared.core.restore_points import RestorePoint
from shared.core.sidecar import PARTS, Sidecar

CHECKS = docpages.text("docs/preflight.md")
RECORD = docpages.text("docs/restore-point.md")


def camel(name):
    """Return a field's name as JSON has it."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def test_every_check_has_a_row_and_every_row_a_check():
    """In the tables under "The checks"."""
    section = docpages.section(CHECKS, "The checks")

    assert {row.name for row in preflight.CHECKS} == set(docpages.first_cells(section))


def test_every_verdict_is_explained():
    """The first table holds the four words."""
    before = CHECKS[: CHECKS.index("## Asking")]

    assert {verdict.value for verdict in Verdict} == set(docpages.first_cells(before))


def test_the_changelog_counts_the_checks():
    """The number is the code's."""
    assert f"{len(preflight.CHECKS)} checks before a backup" in docpages.text("CHANGELOG.md")


def test_every_field_of_a_record_is_described():
    """The table of docs/restore-point.md names them all, and none besides."""
    table = RECORD[: RECORD.index("## Warnings")]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

    assert named == {camel(name) for name in RestorePoint.model_fields}


def test_every_part_of_the_sidecar_is_described():
    """The table of parts is the model's."""
    rows = set(docpages.first_cells(docpages.section(RECORD, "The sidecar")))

    assert rows == {camel(name) for name in (*PARTS, "not_read", "remarks")}
    assert {name for name in Sidecar.model_fields if camel(name) in rows} >= set(IN_SIDECAR.values())


@pytest.mark.parametrize(
    "beginning",
    [
        "preflight: not checked:",
        "the configuration changed while the backup ran",
        "suspiciously small:",
        "azure's own verdict was not read",
        "what preflight found is lost",
    ],
)
def test_warnings_begin_as_the_page_says(beginning):
    """Who searches for a line of the page finds it in the code."""
    sources = [
        "shared/core/preflight.py", "shared/core/inventory.py", "shared/core/sizes.py",
        "backup_timer/after.py", "backup_timer/before.py",
    ]  # fmt: skip

    assert f"| `{beginning}` |" in RECORD
    assert any(beginning in docpages.text(source) for source in sources)


def test_what_is_suspicious_is_what_the_page_says():
    """Half of the middle of the last ten."""
    assert (sizes.SUSPICIOUS_SHARE, sizes.RECENT_MAX) == (0.5, 10)
    assert "less than half of the middle of the last ten" in RECORD
