"""The guards of a restore: each refuses, each lets pass, all are heard, none is silent about a gap."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from shared.core import names
from shared.core.preflight_facts import Unseen
from shared.core.restore_guards import GUARDS, judge, pending
from tests.core import facts, make
from tests.core.restore_cases import (
    CUSTOM,
    DRILL,
    HOME,
    MEANT,
    NO_RIGHT,
    OUTAGE,
    OWN,
    PASSES,
    PRIMARY,
    REFUSED,
)
from tests.core.restore_scene import TARGET, check, fine, resource, verdicts


@pytest.mark.parametrize(("name", "scene"), REFUSED.items(), ids=REFUSED)
def test_each_guard_refuses(name: str, scene: dict[str, Any]) -> None:
    """One thing is wrong: its guard says no, why, and what to do."""
    found = check(name, fine(**scene))

    assert found.verdict == "refusal"
    assert found.cause
    assert found.command
    assert found.link.startswith("https://")


@pytest.mark.parametrize(("name", "scene", "verdict"), PASSES.values(), ids=PASSES)
def test_each_guard_lets_pass(name: str, scene: dict[str, Any], verdict: str) -> None:
    """What is right, or meant, or cannot be seen without harm, is no refusal."""
    assert check(name, fine(**scene)).verdict == verdict


WARNS = {"SourceAsPlanned"}
"""What never refuses: a point of a former primary may be meant."""


def test_there_is_a_case_of_both_kinds_for_each_guard() -> None:
    """None is left out of the two tables."""
    names_of_all = {row.name for row in GUARDS}

    assert set(REFUSED) == names_of_all - WARNS
    assert {name for name, _, _ in PASSES.values()} == names_of_all


@pytest.mark.parametrize("kind", ["restore", "replicate", "drill"])
def test_where_nothing_is_wrong_every_guard_is_ok(kind: str) -> None:
    """For all kinds; those of drills are asked for drills alone."""
    found = verdicts(fine(wish={"kind": kind}))

    assert set(found.values()) == {"ok"}
    assert ("NoCustomHostName" in found) == (kind == "drill")


def test_no_guard_hides_another() -> None:
    """Everything that can be wrong at once is said at once."""
    found = verdicts(
        fine(
            around={
                "resource": resource("Failed", tier="Premium", hostnameConfigurations=CUSTOM),
                "locks": [facts.lock("ReadOnly")],
                "permissions": [],
                "role_assignments": [],
                "workspace_links": [facts.workspace_link("one")],
            },
            wish=DRILL,
            record=None,
            is_going=True,
            blob=None,
            calls=7,
            **PRIMARY,
        )
    )

    assert {name for name, verdict in found.items() if verdict == "refusal"} == {
        "ServiceUsable", "NoWorkspaceGateways", "TargetUnlocked", "RestoreAllowed", "ResultReadable",
        "NoTraffic", "TargetIsNoPrimary", "NoCustomHostName", "TierEqual", "PointRecorded", "PointNotPruned",
        "BlobAsRecorded", "IdentityMayRead",
    }  # fmt: skip


UNSEEN = {
    "permissions": {"RestoreAllowed", "ResultReadable"},
    "locks": {"TargetUnlocked"},
    "workspace_links": {"NoWorkspaceGateways"},
    "account": {"FirewallLetsIn"},
    "role_assignments": {"IdentityMayRead"},
}


@pytest.mark.parametrize(("fact", "guards"), UNSEEN.items(), ids=UNSEEN)
def test_what_azure_itself_refuses_may_be_unseen(fact: str, guards: set[str]) -> None:
    """Not checked, with the missing right and the line that gives it; never ok, and no refusal."""
    found = fine(around={fact: NO_RIGHT, "storage": facts.storage(resource_id=facts.ACCOUNT_ID)})

    assert {name for name, verdict in verdicts(found).items() if verdict != "ok"} == guards
    for name in guards:
        assert check(name, found).verdict == "notChecked"
        assert "the app needs" in check(name, found).cause
        assert "--scope /x" in check(name, found).command


MUST_BE_SEEN: dict[str, dict[str, Any]] = {
    "TargetExists": {"around": {"resource": NO_RIGHT}},
    "BlobAsRecorded": {"blob": NO_RIGHT},
    "NoTraffic": {"calls": NO_RIGHT},
    "TargetIsNoPrimary": {"primaries": NO_RIGHT},
    "NoCustomHostName": {"wish": DRILL, "around": {"resource": resource(hostnameConfigurations={})}},
}


@pytest.mark.parametrize(("name", "scene"), MUST_BE_SEEN.items(), ids=MUST_BE_SEEN)
def test_what_nobody_else_would_stop_must_be_seen(name: str, scene: dict[str, Any]) -> None:
    """A guard that cannot be asked refuses where Azure would restore all the same."""
    assert check(name, fine(**scene)).verdict == "refusal"


@pytest.mark.parametrize("shape", [{}, {"id": 1}, {"id": TARGET.resource_id, "location": "x"}])
def test_a_target_of_unknown_shape_is_no_target(shape: dict[str, Any]) -> None:
    """What cannot be understood cannot be guarded."""
    found = verdicts(fine(around={"resource": shape}))

    assert found["TargetExists"] == "refusal"
    assert found["TierEqual"] == "notChecked"


def test_a_drill_never_goes_into_a_source_or_a_primary_nor_over_traffic() -> None:
    """Whatever the request says."""
    for kind in ("drill", "replicate"):
        wish = {"overwrite_source": True, "despite_traffic": True, "kind": kind}
        assert check("TargetIsNotSource", fine(wish={**wish, **OWN})).verdict == "refusal"
        assert check("NoTraffic", fine(wish=wish, calls=1)).verdict == "refusal"
        for primaries in (PRIMARY["primaries"], NO_RIGHT):
            assert check("TargetIsNoPrimary", fine(wish=wish, primaries=primaries)).verdict == "refusal"


def test_a_safety_backup_of_a_primary_goes_home_only_if_that_is_said() -> None:
    """It would replace what serves, as any other point would."""
    home = {"point": HOME}

    assert check("TargetIsNoPrimary", fine(wish=home, **PRIMARY)).verdict == "refusal"
    assert check("TargetIsNoPrimary", fine(wish={**home, **MEANT}, **PRIMARY)).verdict == "warning"


def test_calls_that_cannot_be_counted_stop_every_kind() -> None:
    """With the right that is missing; the way out is offered only to whoever has it."""
    right = Unseen(reason="may not be read: the app needs Microsoft.ApiManagement/service/reports/read")
    for kind in ("restore", "replicate", "drill"):
        for calls in (right, OUTAGE):
            found = check("NoTraffic", fine(wish={"kind": kind}, calls=calls))

            assert (found.verdict, calls.reason in found.cause) == ("refusal", True)
            assert ("despiteTraffic" in found.command) == (kind == "restore")
    standby = fine(wish={"kind": "replicate", "despite_traffic": True}, calls=right)
    assert check("NoTraffic", standby).verdict == "refusal"


def test_the_plan_may_have_a_standby_replicated_whose_calls_nobody_can_count() -> None:
    """The usage reports are announced to end; calls that were counted refuse all the same."""
    wish = {"kind": "replicate", "traffic_may_be_uncounted": True}

    assert check("NoTraffic", fine(wish=wish, calls=OUTAGE)).verdict == "warning"
    assert check("NoTraffic", fine(wish=wish, calls=1)).verdict == "refusal"


def test_a_safety_backup_goes_home_only() -> None:
    """That of another service is like any other backup of it."""
    point = make.restore_point(service=names.safety_service("contoso"), source=make.service("other"))
    own = {"point": point, "target": make.service("other")}
    plain = {"point": make.restore_point(source=TARGET)}

    assert check("TargetIsNotSource", fine(wish={"point": point})).verdict == "ok"
    assert check("TargetIsNotSource", fine(wish=own)).verdict == "ok"
    assert check("TargetIsNotSource", fine(wish=plain)).verdict == "refusal"


def test_a_soft_deleted_target_is_said_to_be_one() -> None:
    """Until when Azure keeps it, and the lines that bring it back or purge it."""
    kept = {"properties": {"scheduledPurgeDate": "2026-11-25T02:00:00Z"}}
    gone = {"is_missing": True, "around": {"resource": Unseen(reason="does not exist")}}
    found = check("TargetExists", fine(**gone, deleted=kept))

    assert "was deleted" in found.cause
    assert "2026-11-25T02:00:00Z" in found.cause
    assert '"restore":true' in found.command
    assert "az apim deletedservice purge --service-name contoso-neu --location northeurope" in found.command
    unseen = check("TargetExists", fine(**gone, deleted=NO_RIGHT))
    assert "does not exist in Azure; whether it was deleted lately could not be told" in unseen.cause


def test_a_missing_target_says_nothing_of_its_surroundings() -> None:
    """Its own guards are not checked, those of the point are."""
    gone = {"is_missing": True, "around": {"resource": Unseen(reason="does not exist")}}
    found = verdicts(fine(**gone, calls=NO_RIGHT, blob=None))

    assert {name for name, said in found.items() if said == "refusal"} == {"TargetExists", "BlobAsRecorded"}


def test_custom_host_names_are_told_from_default_ones() -> None:
    """Of all clouds, in any case, and only those of the service itself."""
    cases = {
        "contoso-neu.azure-api.net": "ok", "CONTOSO-NEU.Portal.Azure-API.net": "ok",
        "contoso-neu.management.azure-api.cn": "ok", "contoso-neu.azure-api.us": "ok",
        "api.contoso.example": "refusal", "other.azure-api.net": "refusal",
        "my-contoso-neu.azure-api.net": "refusal", "contoso-neu.azure-api.net.example": "refusal",
    }  # fmt: skip
    for name, verdict in cases.items():
        assert _of_host_names([{"hostName": name}]) == verdict, name
    assert _of_host_names(["?"]) == "refusal"
    assert {_of_host_names(None), _of_host_names([])} == {"ok"}


def _of_host_names(found: Any) -> str:
    target = resource(hostnameConfigurations=found)
    return check("NoCustomHostName", fine(wish=DRILL, around={"resource": target})).verdict.value


@pytest.mark.parametrize("field", ["source", "tier", "account", "container", "size_bytes", "sha256"])
def test_a_record_that_changed_is_no_record_of_the_point(field: str) -> None:
    """What the restore was chosen by must still be what is recorded."""
    other = {"source": TARGET, "size_bytes": 43}.get(field, "drother")
    point = make.restore_point().model_copy(update={field: other})

    found = check("PointRecorded", fine(record=point))

    assert (found.verdict, field in found.cause) == ("refusal", True)


def test_a_refusal_of_the_moment_is_pending_alone() -> None:
    """What the next try may read is no answer by itself, and one beside a certain no."""
    outage = fine(blob=OUTAGE, calls=OUTAGE)
    certain = dataclasses.replace(outage, record=None)

    assert "BlobAsRecorded: could not be read" in pending(outage, judge(outage))
    assert "NoTraffic" in pending(outage, judge(outage))
    assert pending(certain, judge(certain)) == ""
    assert pending(fine(), judge(fine())) == ""
    right = fine(blob=NO_RIGHT)
    assert pending(right, judge(right)) == ""
