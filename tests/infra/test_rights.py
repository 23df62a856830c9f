"""
The roles in the templates, the list of known rights, and docs/rights.md say the same.

That the roles are what the app needs, no less and no more, is shown by running it: test_rights_used.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import bicep
import check_rights
import pytest
import rights

from deploy.needs import ALL_ROLES
from shared.core.inventory import COLLECTIONS, Collection
from shared.core.preflight_service import BACKUP_ACTION, RESULT_ACTION
from shared.core.restore_target_guards import RESTORE_ACTION
from shared.core.rights import BLOB_READERS
from shared.target_survey import DELETED_RIGHT, REPORTS_RIGHT

KNOWN = json.loads((rights.ROOT / "tests/infra/known_rights.json").read_text(encoding="utf-8"))
PAGE = (rights.ROOT / "docs/rights.md").read_text(encoding="utf-8")
SERVICE = "Microsoft.ApiManagement/service"
COLUMNS = ("backupOperator", "restoreOperator", "usageReader", "preflightReader")

_GUID = re.compile(r"'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})'")
_ACTION = re.compile(r"'(Microsoft\.[A-Za-z./*]+/(?:read|action|write|delete|\*))'")


def lists(collections: Iterable[Collection], above: str = SERVICE) -> set[str]:
    """Return the right to read each list of an inventory, inner ones included."""
    found = set()
    for one in collections:
        found |= {f"{above}/{one.name}/read"} | lists(one.children, f"{above}/{one.name}")
    return found


def templates() -> dict[str, str]:
    """Return the text of every template by its name."""
    return {file.name: file.path.read_text(encoding="utf-8") for file in bicep.read(rights.ROOT).values()}


def test_the_roles_are_those_that_a_deployment_gives():
    """By the same names."""
    assert set(rights.roles()) == set(ALL_ROLES) == set(COLUMNS)


@pytest.mark.parametrize("name", ["backupOperator", "restoreOperator"])
def test_an_operator_has_its_action_the_result_and_the_lists_of_the_inventory(name):
    """What the inventory reads is written once, in the app; both operators compare what a service holds."""
    starts = {"backupOperator": BACKUP_ACTION, "restoreOperator": RESTORE_ACTION}[name]

    assert rights.actions(name) == {starts, RESULT_ACTION, f"{SERVICE}/read", *lists(COLLECTIONS)}


def test_the_usage_reader_reads_reports_and_nothing_else():
    """The one right that the app names when it is missing."""
    assert rights.actions("usageReader") == {REPORTS_RIGHT}


@pytest.mark.parametrize("name", COLUMNS)
def test_no_role_is_too_wide(name):
    """Every action is named in full, is on the list, and reads; but for the one that it is there for."""
    assert rights.faults(rights.roles()[name], KNOWN["actions"]) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    {
        f"'{SERVICE}/*/read'": "has a wildcard",
        f"'{SERVICE}/*'": "has a wildcard",
        "'*'": "has a wildcard",
        f"'{SERVICE}/write'": "is more than reading",
        f"'{SERVICE}/delete'": "is more than reading",
        f"'{SERVICE}/subscriptions/listSecrets/action'": "is more than reading",
        f"'{SERVICE}/users/keys/read'": "is not on the list",
    }.items(),
)
def test_a_role_that_is_too_wide_is_found(tmp_path, planted, said):
    """Planted in a copy of the templates."""
    text = (rights.ROOT / rights.ROLES_FILE).read_text(encoding="utf-8")
    place = f"'{SERVICE}/reports/read'"
    assert place in text
    file = tmp_path / rights.ROLES_FILE
    file.parent.mkdir(parents=True)
    file.write_text(text.replace(place, f"{place}\n      {planted}"), encoding="utf-8")

    found = rights.faults(rights.roles_of(tmp_path)["usageReader"], KNOWN["actions"])

    assert f"{planted.strip(chr(39))} {said}" in found


def test_a_role_with_rights_to_data_is_found():
    """Data comes with Azure's own roles, on containers; a custom role has none."""
    wide = {**rights.roles()["usageReader"], "dataActions": ["Microsoft.Storage/storageAccounts/x/read"]}

    assert rights.faults(wide, KNOWN["actions"]) == ["dataActions are not empty"]


def test_the_list_has_every_action_and_every_role_of_the_templates_and_no_other():
    """Each with where it is published."""
    text = "\n".join(templates().values())

    assert set(_ACTION.findall(text)) == set(KNOWN["actions"])
    assert set(_GUID.findall(text)) == set(KNOWN["roles"])
    everything = [*KNOWN["actions"].values(), *KNOWN["roles"].values()]
    assert all(one["source"].startswith("https://learn.microsoft.com/azure/") for one in everything)


def test_the_list_has_every_place_that_a_role_is_given_on_and_no_other(deployments):
    """Each with its reason; a place that nobody uses any more would let somebody use it unseen."""
    given = {(name, where) for one in deployments.values() for _, name, where in check_rights.given(one)}
    known = {one["name"]: one["scopes"] for one in KNOWN["roles"].values()}
    known |= {name: one["scopes"] for name, one in KNOWN["custom"].items()}

    assert given == {(name, where) for name, places in known.items() for where in places}
    assert all(reason for places in known.values() for reason in places.values())


def test_the_app_calls_the_roles_by_the_same_names():
    """What preflight looks for is what the templates assign."""
    shared = set(BLOB_READERS) & set(KNOWN["roles"])

    assert {one: KNOWN["roles"][one]["name"] for one in shared} == {one: BLOB_READERS[one] for one in shared}
    assert shared == set(BLOB_READERS)


def test_a_comment_beside_a_role_names_the_role():
    """Where there is one on the line of the GUID."""
    named = re.compile(_GUID.pattern + r" // (.+)$", re.M)
    found = [pair for text in templates().values() for pair in named.findall(text)]

    assert len(found) >= 7
    assert [(guid, name) for guid, name in found if KNOWN["roles"][guid]["name"] != name] == []


def test_the_page_has_a_row_for_every_action_with_the_roles_that_have_it():
    """And for none besides."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines()]
    table = [row for row in rows if len(row) == 6 and row[0].startswith("`Microsoft.")]
    told = {
        (action.strip("`"), column)
        for action, *marks, _ in table
        for column, mark in zip(COLUMNS, marks, strict=True)
        if mark == "yes"
    }

    assert told == {(action, name) for name in COLUMNS for action in rights.actions(name)}


def test_the_page_names_every_role_and_only_roles_that_are_given():
    """The built-in ones with their ids, the custom ones by their titles."""
    told = dict(re.findall(r"^\| [^|]*\| ([^|]+) `([0-9a-f-]{36})` \|", PAGE, re.M))

    assert {guid: name for name, guid in told.items()} == {
        guid: one["name"] for guid, one in KNOWN["roles"].items()
    }
    titles = {re.sub(r"[A-Z]", lambda found: f" {found[0].lower()}", name) for name in COLUMNS}
    assert set(re.findall(r"^\| [^|]*\| \*([^*|]+)\* \|", PAGE, re.M)) == titles


def test_the_page_tells_which_right_is_not_given():
    """The one that the app asks for and no role has."""
    assert DELETED_RIGHT not in set().union(*(rights.actions(name) for name in COLUMNS))
    assert f"`{DELETED_RIGHT}`" in PAGE
