"""The checks of a service: for each a case that passes, one that refuses, and one that was not made."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core.preflight_facts import Unseen
from tests.core import make
from tests.core.facts import UNSEEN, check, fine, lock, permission, resource, storage, workspace_link

READ = "Microsoft.ApiManagement/service/operationresults/read"
BACKUP = "Microsoft.ApiManagement/service/backup/action"


def _said(name: str, **facts: Any) -> tuple[str, str]:
    found = check(name, fine(**facts))
    return found.verdict.value, f"{found.cause} | {found.command}"


@pytest.mark.parametrize(
    ("fact", "verdict"),
    [
        (resource(), "ok"),
        (UNSEEN, "refusal"),
        (Unseen(reason="could not be read: 503", for_now=True), "notChecked"),
    ],
    ids=["read", "no right", "outage"],
)
def test_service_readable(fact: Any, verdict: str) -> None:
    """A service that may not be read cannot be backed up; one that cannot be read just now may."""
    assert _said("ServiceReadable", resource=fact)[0] == verdict


@pytest.mark.parametrize(
    ("tier", "verdict"),
    [
        *[(tier, "ok") for tier in ("Developer", "Basic", "Standard", "Premium")],
        *[
            (tier, "refusal")
            for tier in ("Consumption", "BasicV2", "StandardV2", "PremiumV2", "Isolated", "premium", "")
        ],
    ],
)
def test_tier_has_backup(tier: str, verdict: str) -> None:
    """The four classic tiers, compared exactly as the service does."""
    assert _said("TierHasBackup", resource=resource(tier=tier))[0] == verdict


def test_a_tier_that_was_not_read_is_not_checked() -> None:
    """Without the service nothing is known of its tier."""
    assert _said("TierHasBackup", resource=UNSEEN)[0] == "notChecked"


@pytest.mark.parametrize(
    ("location", "verdict"),
    [("West Europe", "ok"), ("westeurope", "ok"), ("France Central", "refusal")],
)
def test_region_as_planned(location: str, verdict: str) -> None:
    """The region decides which app looks after a service; display names are understood."""
    word, text = _said("RegionAsPlanned", resource={**resource(), "location": location})

    assert word == verdict
    assert verdict == "ok" or '"region": "francecentral" for contoso' in text


@pytest.mark.parametrize(
    ("floor", "verdict"),
    [
        (None, "ok"),
        ("", "ok"),
        ("2021-08-01", "ok"),
        ("2024-05-01", "ok"),
        ("2024-06-01-preview", "refusal"),
        ("2024-05-01-preview", "ok"),
        ("2025-01-01", "refusal"),
    ],
)
def test_api_version_allowed(floor: str | None, verdict: str) -> None:
    """A service may demand a minimum; the boundary itself passes."""
    found = resource(apiVersionConstraint={"minApiVersion": floor})

    assert _said("ApiVersionAllowed", resource=found)[0] == verdict


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        *[(state, "ok") for state in ("Succeeded", None)],
        *[(state, "warning") for state in ("Updating", "Activating", "SomethingNew")],
        *[
            (state, "refusal")
            for state in (
                "Failed",
                "Stopped",
                "Deleted",
                "Terminating",
                "TerminationFailed",
                "Canceled",
                "Created",
            )
        ],
    ],
)
def test_service_usable(state: str | None, verdict: str) -> None:
    """What a broken service would back up nobody can say; a transition is waited for."""
    assert _said("ServiceUsable", resource=resource(state=state))[0] == verdict


@pytest.mark.parametrize(
    ("links", "verdict"),
    [
        ([], "ok"),
        ([workspace_link()], "ok"),
        ([workspace_link(), workspace_link("/gateways/one")], "refusal"),
        (UNSEEN, "notChecked"),
    ],
    ids=["none", "workspace without gateway", "with gateway", "not read"],
)
def test_no_workspace_gateways(links: Any, verdict: str) -> None:
    """Workspaces alone do no harm; one gateway of theirs does."""
    word, text = _said("NoWorkspaceGateways", workspace_links=links)

    assert word == verdict
    assert verdict != "refusal" or "payments" in text


@pytest.mark.parametrize("name", ["BackupAllowed", "ResultReadable"])
@pytest.mark.parametrize(
    ("permissions", "verdict"),
    [
        ([permission("*")], "ok"),
        ([permission("microsoft.apimanagement/SERVICE/*")], "ok"),
        ([permission("Microsoft.ApiManagement/*/action", "Microsoft.ApiManagement/service/*/read")], "ok"),
        ([permission(BACKUP), permission(READ)], "ok"),
        ([permission("*/read")], "half"),
        ([permission("*", but=(BACKUP,))], "half"),
        ([permission("*", but=(BACKUP,)), permission(BACKUP)], "ok"),
        ([permission("*", but=("Microsoft.ApiManagement/service/*",))], "refusal"),
        ([permission("Microsoft.ApiManagement/service/backup/action/more")], "refusal"),
        ([permission("Microsoft.ApiManagement/service")], "refusal"),
        ([{"actions": None, "notActions": None}], "refusal"),
        ([], "refusal"),
        (UNSEEN, "notChecked"),
    ],
)
def test_own_rights(name: str, permissions: Any, verdict: str) -> None:
    """Starting and reading the end are two rights; `half` is a reader, who lacks only the first."""
    expected = {"half": "refusal" if name == "BackupAllowed" else "ok"}.get(verdict, verdict)

    assert _said(name, permissions=permissions)[0] == expected


def test_a_right_that_is_missing_is_named_with_its_role() -> None:
    """The cause names the action, the command a role that has it, at the service alone."""
    _, text = _said("ResultReadable", permissions=[permission(BACKUP)])

    assert READ in text
    assert f"--scope {make.service().resource_id}" in text


@pytest.mark.parametrize(
    ("locks", "verdict"),
    [
        ([], "ok"),
        ([lock("CanNotDelete")], "ok"),
        ([lock("CanNotDelete"), lock("ReadOnly", "freeze")], "refusal"),
        (UNSEEN, "notChecked"),
    ],
    ids=["none", "delete", "read-only", "not read"],
)
def test_no_read_only_lock(locks: Any, verdict: str) -> None:
    """A read-only lock stops every POST; a lock against deletion does not."""
    word, text = _said("NoReadOnlyLock", locks=locks)

    assert word == verdict
    assert verdict != "refusal" or text.endswith("/locks/freeze")


def test_many_locks_are_counted_and_not_all_named() -> None:
    """A cause stays one line."""
    _, text = _said("NoReadOnlyLock", locks=[lock("ReadOnly", f"l{number}") for number in range(9)])

    assert "and 6 more" in text


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, "ok"),
        ({"backup_name": "by-hand.zip"}, "refusal"),
        ({"storage": storage().model_copy(update={"container": "No_Name"})}, "refusal"),
        ({"storage": storage().model_copy(update={"account": "NO"})}, "refusal"),
    ],
    ids=["fine", "blob", "container", "account"],
)
def test_names_valid(facts: dict[str, Any], verdict: str) -> None:
    """Names that Azure Storage would refuse, and names of blobs that are not ours."""
    assert _said("NamesValid", **facts)[0] == verdict
