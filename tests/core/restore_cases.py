"""Cases of the guards of a restore: for each of them what makes it refuse, and what lets pass."""

from __future__ import annotations

from typing import Any

from shared.core import names
from shared.core.ports import BlobFacts
from shared.core.preflight_facts import Unseen
from tests.core import facts, make
from tests.core.restore_scene import TARGET, resource

NO_RIGHT = Unseen(reason="may not be read: the app needs a right", scope="/x")
OUTAGE = Unseen(reason="could not be read: 503", for_now=True)
DRILL = {"kind": "drill"}
CUSTOM = [{"type": "Proxy", "hostName": "api.contoso.example"}]
HOME = make.restore_point(service=names.safety_service("contoso"), source=TARGET)
OTHER_BLOB = BlobFacts(size_bytes=42, etag="0x1", sha256="1" * 64)
OWN = {"target": make.service()}
PRIMARY = {"primaries": frozenset({TARGET.resource_id.lower()})}
MEANT = {"overwrite_source": True}
EXPIRED = {"point": make.restore_point(age_days=30)}
KEY_GONE = {"access": facts.KEY, "around": {"key_fault": "is missing"}}
NO_SHARED_KEY = {"access": facts.KEY, "around": {"account": facts.account(allowSharedKeyAccess=False)}}
NO_CORNER = {"around": {"account": facts.firewall()}}

REFUSED: dict[str, dict[str, Any]] = {
    "TargetExists": {"is_missing": True, "around": {"resource": Unseen(reason="does not exist")}},
    "TierHasBackup": {"around": {"resource": resource(tier="StandardV2")}},
    "RegionAsPlanned": {"around": {"resource": {**resource(), "location": "East US"}}},
    "ApiVersionAllowed": {
        "around": {"resource": resource(apiVersionConstraint={"minApiVersion": "2030-01-01"})}
    },
    "ServiceUsable": {"around": {"resource": resource("Failed")}},
    "TargetNotInTransition": {"around": {"resource": resource("Updating")}},
    "NoWorkspaceGateways": {"around": {"workspace_links": [facts.workspace_link("one")]}},
    "TargetUnlocked": {"around": {"locks": [facts.lock("ReadOnly")]}},
    "RestoreAllowed": {"around": {"permissions": [facts.permission("*/read")]}},
    "ResultReadable": {"around": {"permissions": [facts.permission("*", but=("*/operationresults/read",))]}},
    "TargetIsNotSource": {"wish": OWN},
    "NoTraffic": {"calls": 1},
    "TargetIsNoPrimary": PRIMARY,
    "NoCustomHostName": {"wish": DRILL, "around": {"resource": resource(hostnameConfigurations=CUSTOM)}},
    "TierEqual": {"around": {"resource": resource(tier="Premium")}},
    "PointRecorded": {"record": None},
    "PointNotPruned": {"is_going": True},
    "PointNotExpired": {"wish": EXPIRED, "record": EXPIRED["point"]},
    "BlobAsRecorded": {"blob": OTHER_BLOB},
    "KeyPresent": KEY_GONE,
    "SharedKeyAllowed": NO_SHARED_KEY,
    "FirewallLetsIn": NO_CORNER,
    "IdentityEnabled": {"around": {"resource": {**resource(), "identity": {"type": "None"}}}},
    "IdentityMayRead": {"around": {"role_assignments": []}},
}
"""For each guard what makes it refuse."""

NEAR = make.restore_point(age_days=27.5)
DESPITE = {"despite_traffic": True}

PASSES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a target that is there": ("TargetExists", {}, "ok"),
    "every tier with backups": (
        "TierHasBackup",
        {"around": {"resource": resource(tier="Basic")}},
        "ok",
    ),
    "a region in its long form": ("RegionAsPlanned", {}, "ok"),
    "an older floor": (
        "ApiVersionAllowed",
        {"around": {"resource": resource(apiVersionConstraint={"minApiVersion": "2021-08-01"})}},
        "ok",
    ),
    "a state that is not broken": ("ServiceUsable", {"around": {"resource": resource("Created")}}, "ok"),
    "a target at rest": ("TargetNotInTransition", {}, "ok"),
    "a replication waits": (
        "TargetNotInTransition",
        {"wish": {"kind": "replicate"}, "around": {"resource": resource("Updating")}},
        "warning",
    ),
    "workspaces without gateways": ("NoWorkspaceGateways", {}, "ok"),
    "a lock against deletion": (
        "TargetUnlocked",
        {"around": {"locks": [facts.lock("CanNotDelete")]}},
        "ok",
    ),
    "the one right": (
        "RestoreAllowed",
        {"around": {"permissions": [facts.permission("Microsoft.ApiManagement/service/restore/action")]}},
        "ok",
    ),
    "the right to the result": (
        "ResultReadable",
        {"around": {"permissions": [facts.permission("*/operationresults/read")]}},
        "ok",
    ),
    "another service": ("TargetIsNotSource", {}, "ok"),
    "the source, on purpose": ("TargetIsNotSource", {"wish": {**OWN, **MEANT}}, "warning"),
    "a safety backup, back home": ("TargetIsNotSource", {"wish": {"point": HOME}, "record": HOME}, "ok"),
    "no calls": ("NoTraffic", {"calls": 0}, "ok"),
    "calls, on purpose": ("NoTraffic", {"calls": 9, "wish": DESPITE}, "warning"),
    "unread traffic, on purpose": ("NoTraffic", {"calls": NO_RIGHT, "wish": DESPITE}, "warning"),
    "no primary": ("TargetIsNoPrimary", {}, "ok"),
    "a primary, on purpose": ("TargetIsNoPrimary", {**PRIMARY, "wish": MEANT}, "warning"),
    "unread primaries, on purpose": ("TargetIsNoPrimary", {"primaries": NO_RIGHT, "wish": MEANT}, "warning"),
    "a point of the primary": ("SourceAsPlanned", {}, "ok"),
    "a point of the former primary": ("SourceAsPlanned", {"primary": make.service("other")}, "warning"),
    "a safety backup of the target": (
        "SourceAsPlanned",
        {"wish": {"point": HOME}, "record": HOME},
        "ok",
    ),
    "a service that left the plan": ("SourceAsPlanned", {"primary": None}, "notChecked"),
    "default host names": ("NoCustomHostName", {"wish": DRILL}, "ok"),
    "the same tier": ("TierEqual", {}, "ok"),
    "the same record": ("PointRecorded", {}, "ok"),
    "a record made anew": (
        "PointRecorded",
        {"record": make.restore_point(rebuilt_at=make.NOW, polls=0)},
        "ok",
    ),
    "a record out of reach": ("PointRecorded", {"record": OUTAGE}, "notChecked"),
    "a point that stays": ("PointNotPruned", {}, "ok"),
    "marks out of reach": ("PointNotPruned", {"is_going": OUTAGE}, "notChecked"),
    "a fresh point": ("PointNotExpired", {}, "ok"),
    "a point of the last days": ("PointNotExpired", {"wish": {"point": NEAR}, "record": NEAR}, "warning"),
    "the recorded blob": ("BlobAsRecorded", {}, "ok"),
    "a key that is there": ("KeyPresent", {"access": facts.KEY}, "ok"),
    "an account that takes keys": ("SharedKeyAllowed", {"access": facts.KEY}, "ok"),
    "a firewall with a door for trusted services": (
        "FirewallLetsIn",
        {"around": {"account": facts.firewall("AzureServices")}},
        "ok",
    ),
    "an identity": ("IdentityEnabled", {}, "ok"),
    "an identity of the user": ("IdentityEnabled", {"access": facts.USER}, "ok"),
    "a reader": (
        "IdentityMayRead",
        {"around": {"role_assignments": [facts.assignment("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1")]}},
        "ok",
    ),
    "a contributor": ("IdentityMayRead", {}, "ok"),
}
