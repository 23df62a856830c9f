"""docs/restores.md says what the guards and the dry run do."""

import docpages

from restore_http.dry_run import EARLIER_MAX
from shared.core.restore_guards import GUARDS

PAGE = docpages.text("docs/restores.md")
API = docpages.text("docs/http-api.md")


def test_every_guard_has_a_row_and_every_row_a_guard():
    """In their order."""
    section = docpages.section(PAGE, "The guards")

    assert list(docpages.first_cells(section)) == [row.name for row in GUARDS]


def test_every_guard_of_a_call_has_its_code():
    """Those of drills alone never refuse a call."""
    codes = docpages.section(API, "Codes of a call that was not accepted")

    assert [row.name for row in GUARDS if "restore" in row.kinds and f"`{row.name}`" not in codes] == []


def test_the_pages_count_as_the_code_does():
    """So many guards there are, and so many earlier restores are named."""
    assert EARLIER_MAX == 5
    assert "the last five restores" in PAGE
    assert f"{len(GUARDS)} guards before a restore" in docpages.text("CHANGELOG.md")
