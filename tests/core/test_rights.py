"""Wildcards of permissions and scopes of role assignments."""

from __future__ import annotations

import pytest

from shared.core.rights import BLOB_WRITERS, NO_BLOB_WRITERS, allows, covers

ACTION = "Microsoft.ApiManagement/service/backup/action"


@pytest.mark.parametrize(
    ("actions", "not_actions", "expected"),
    [
        (["*"], [], True),
        (["*/action"], [], True),
        (["Microsoft.ApiManagement/*"], [], True),
        (["Microsoft.ApiManagement/service/*/action"], [], True),
        (["MICROSOFT.APIMANAGEMENT/SERVICE/BACKUP/ACTION"], [], True),
        (["Microsoft.ApiManagement/service/restore/action"], [], False),
        (["*/read"], [], False),
        (["Microsoft.ApiManagement/service/backup"], [], False),
        (["Microsoft-ApiManagement/service/backup/action"], [], False),
        (["*"], ["*/action"], False),
        (["*"], ["Microsoft.Storage/*"], True),
        (["[*"], [], False),
        ([], [], False),
    ],
)
def test_a_star_stands_for_any_text(actions: list[str], not_actions: list[str], expected: bool) -> None:
    """Slashes included, case ignored, and nothing else is special."""
    assert allows([{"actions": actions, "notActions": not_actions}], ACTION) is expected


def test_what_one_role_leaves_out_another_may_give() -> None:
    """`notActions` is a gap in one role, and no ban."""
    roles = [{"actions": ["*"], "notActions": [ACTION]}, {"actions": [ACTION], "notActions": []}]

    assert allows(roles, ACTION) is True


@pytest.mark.parametrize("broken", [{"actions": "*"}, {"actions": ["*"], "notActions": "x"}])
def test_a_permission_of_another_shape_is_no_permission(broken: dict[str, object]) -> None:
    """A text is no list, although it can be looped over."""
    with pytest.raises(TypeError):
        allows([broken], ACTION)


RESOURCE = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/dr"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (RESOURCE, True),
        (RESOURCE.upper() + "/", True),
        ("/subscriptions/s/resourcegroups/RG", True),
        ("/subscriptions/s", True),
        ("/", True),
        ("", True),
        ("/providers/Microsoft.Management/managementGroups/mg", True),
        (RESOURCE + "2", False),
        (RESOURCE + "/blobServices/default/containers/x", False),
        ("/subscriptions/s2", False),
        ("/subscriptions/s/resourceGroups/r", False),
    ],
)
def test_a_right_holds_at_its_scope_and_below(scope: str, expected: bool) -> None:
    """Whole segments only: a resource group's name may be the beginning of another's."""
    assert covers(scope, RESOURCE) is expected


def test_no_role_both_writes_and_does_not() -> None:
    """The two tables are apart, and hold GUIDs in lower case."""
    ids = [*BLOB_WRITERS, *NO_BLOB_WRITERS]

    assert len(set(ids)) == len(ids)
    assert all(len(one) == 36 and one == one.lower() for one in ids)
