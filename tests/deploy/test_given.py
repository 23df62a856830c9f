"""What is there already: rights that somebody gave by hand, roles of a newer release."""

from __future__ import annotations

import re
from typing import Any

from deploy.given import ROLE_IDS, ROLES
from tests.deploy.conftest import SUBSCRIPTION, Clone

SCOPE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-apim-dr-contoso-weu-keep/providers/Microsoft.Storage"
    "/storageAccounts/contosodrweu/blobServices/default/containers/apim-backups"
)
OWN_NAME = "d6148333-8a05-5fca-bacf-91bacd2c6051"


def assignment(**changes: Any) -> dict[str, Any]:
    """Return the right of the service on its container, as `az` shows it."""
    role = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
    return {
        "name": "11111111-1111-1111-1111-111111111111",
        "scope": SCOPE.replace("resourceGroups/rg", "resourcegroups/RG"),
        "principalId": "principal-of-contoso-weu",
        "roleDefinitionId": f"{role}/{ROLE_IDS['contributor']}",
        **changes,
    }


def granted(clone: Clone) -> list[tuple[str, str]]:
    """Return who gets something on which container."""
    return [(one["principalId"], one["container"]) for one in clone.parameters()["containerAccess"]]


def prepared(clone: Clone, *assignments: dict[str, Any]) -> str:
    """Deploy with these assignments there, and return what was said."""
    clone.example("smallest")
    clone.state["services"][0]["identity"]["principalId"] = "service-weu"
    clone.state["assignments"] = list(assignments)
    done = clone.run("foundation")
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_a_right_that_was_given_by_hand_is_left_as_it_is(clone: Clone) -> None:
    """Azure refuses a second assignment of the same role, whatever its name: RoleAssignmentExists."""
    said = prepared(clone, assignment(principalId="service-weu"))

    assert granted(clone) == [("", "apim-dr"), ("", "apim-backups")]
    assert "contoso-weu has Storage Blob Data Contributor on contosodrweu/apim-backups already" in said


def test_that_of_the_app_is_found_through_its_identity(clone: Clone) -> None:
    """As soon as there is one."""
    prepared(clone)
    said = prepared(clone, assignment())

    assert granted(clone) == [("", "apim-dr"), ("service-weu", "apim-backups")]
    assert "the app has Storage Blob Data Contributor on contosodrweu/apim-backups already" in said


def test_a_right_of_an_earlier_deployment_is_deployed_again(clone: Clone) -> None:
    """It has the name that the template gives it."""
    prepared(clone)
    before = granted(clone)
    said = prepared(clone, assignment(principalId="service-weu", name=OWN_NAME, scope=SCOPE))

    assert granted(clone) == before
    assert "made by hand" not in said


def test_another_role_another_scope_and_another_principal_count_for_nothing(clone: Clone) -> None:
    """All three have to be the same."""
    reader = assignment()["roleDefinitionId"].replace(ROLE_IDS["contributor"], ROLE_IDS["reader"])
    service: dict[str, Any] = {"principalId": "service-weu"}
    prepared(
        clone,
        assignment(**service, roleDefinitionId=reader),
        assignment(**service, scope=SCOPE.rpartition("/blobServices")[0]),
        assignment(principalId="somebody"),
    )

    assert ("service-weu", "apim-backups") in granted(clone)


def test_the_ids_of_the_roles_are_those_of_the_template(clone: Clone) -> None:
    """Named beside each other there."""
    text = (clone.folder / "infra/foundation/container-access.bicep").read_text()

    assert dict(re.findall(r"^  (\w+): '([0-9a-f-]{36})'", text, re.M)) == ROLE_IDS


def role(*actions: str, mark: str = SUBSCRIPTION[:8]) -> dict[str, Any]:
    """Return a custom role as `az role definition list` shows it."""
    return {"roleName": f"apim-dr backup operator ({mark})", "permissions": [{"actions": list(actions)}]}


def test_roles_of_a_newer_release_are_warned_of(clone: Clone) -> None:
    """This deployment would take from that release's app what it needs."""
    clone.example("smallest")
    known = re.findall(r"'(Microsoft\.[\w./]+)'", ROLES.read_text())
    clone.state["roles"] = [role(*known, "Microsoft.ApiManagement/service/newThings/read")]

    done = clone.run("foundation")

    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stderr
    assert "(microsoft.apimanagement/service/newthings/read), so a newer release was deployed there" in said


def test_roles_of_this_release_and_of_others_are_not(clone: Clone) -> None:
    """An older one has fewer actions; a role of another subscription or of somebody else is none of ours."""
    clone.example("smallest")
    clone.state["roles"] = [
        role("Microsoft.ApiManagement/service/read"),
        role("Microsoft.Compute/virtualMachines/read", mark="12345678"),
        {"roleName": "Operators", "permissions": [{"actions": ["*"]}]},
    ]

    assert "  ! " not in clone.run("foundation").stdout
