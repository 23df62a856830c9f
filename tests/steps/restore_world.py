"""
A world in which a restore can be wrong in every known way, and an eye of its own that watches the POSTs.

`allowed` says from the raw state of the fakes whether a restore may be sent at this moment. It shares no
code with the guards.
"""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from restore_http import activities
from restore_http.call import start_restore
from shared.core import layout, names
from shared.core.errors import AccessError, UnavailableError
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.roster import Outsider, Roster
from shared.core.services import ServiceRef
from shared.core.steps import StepResult
from tests.fakes.arm import Accept, answered, error, lost_after, lost_before
from tests.fakes.clock import START
from tests.fakes.ports import FakePorts, plan_json, resource_id
from tests.fakes.surroundings import account_id
from tests.steps.conftest import FakeClient, put_point, request, run

NOT_READ = AccessError("403", code="AuthorizationFailed")
LOST = UnavailableError("the connection broke", code="ReadTimeout")
CALLS = [{"apiId": "/apis/orders", "callCountTotal": 2}, {"apiId": "/apis/stock", "callCountTotal": 0}]
LOCK = {"id": "/locks/x", "properties": {"level": "ReadOnly"}}
NOBODY = {"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}


@dataclass
class World:
    """One app, one target, one point; and what is wrong with them now."""

    kind: str = "restore"
    into_source: bool = False
    """Whether the target is the primary."""
    is_of_former: bool = False
    """Whether the point was taken from another service, as one of a former primary was."""
    flags: dict[str, bool] = field(default_factory=dict)
    posts: list[tuple[str, bool]] = field(default_factory=list)
    """Each POST of a restore: what was wrong when it was sent, and whether it was allowed."""

    def __post_init__(self) -> None:
        plan = plan_json(region="westeurope" if self.into_source else "northeurope")
        other = {**plan["services"][0], "name": "other", "resourceId": resource_id("other-weu")}
        plan["services"].append({key: other[key] for key in ("name", "resourceId", "region", "storage")})
        searched = plan["services"][0]["resourceId"].split("/")[2]
        plan["discover"] = {"subscriptions": [searched], "tag": {"dr": "on"}}
        self.ports = FakePorts(plan)
        self.point = put_point(self.ports)
        if self.is_of_former:
            former = ServiceRef(resource_id=resource_id("former-weu"), region="westeurope")
            self.point = self.point.model_copy(update={"source": former})
            self.records.put(self.record_key, self.point.to_bytes())
        end = self.ports.first if self.into_source else self.ports.first.standby
        assert end is not None
        self.target: ServiceRef = end.ref
        self.wrongs: frozenset[str] = frozenset()
        self._fake = self.ports.arm.service(self.target)
        self._clean = self._copy()
        self._start = self.ports.arm.start
        self.ports.arm.start = self._watched  # type: ignore[method-assign]
        self.request = self._wish()

    def _wish(self) -> RestoreRequest:
        at = self.ports.clock.now()
        return RestoreRequest(
            run_id=names.run_id(self.kind, "contoso", at, because="a test"),
            kind=self.kind,
            service="contoso",
            target=self.target,
            access=self.ports.first.storage.access,
            point=self.point,
            trigger="http",
            requested_at=at,
            deadline_at=at + dt.timedelta(hours=8),
            **self.flags,
        )

    def make_wrong(self, wrongs: frozenset[str]) -> None:
        """Set the world so that exactly this is wrong from now on."""
        self._restore()
        self.wrongs = wrongs
        for name in sorted(wrongs):
            WRONGS[name](self)

    def call(self) -> int:
        """Ask over HTTP; take over the wish that was started, if one was. Return the status."""
        body = {"service": "contoso", "restorePoint": self.point.name, "target": self.target.name}
        flags = {
            "overwriteSource": self.flags.get("overwrite_source", False),
            "despiteTraffic": self.flags.get("despite_traffic", False),
        }
        client = FakeClient()
        sent = request({**body, **flags, "confirm": f"RESTORE {self.target.name}"})
        status = run(start_restore(sent, client, self.ports, request_id="a test")).status_code
        if client.started:
            self.request = RestoreRequest.from_json(client.started[0][2])
        return int(status)

    def begin_run(self) -> None:
        """Write the run down, as whoever starts one does, without having asked any guard."""
        self.ports.runs.create(self.request.first_record())

    def resume(self) -> None:
        """Let the watch take the run up again."""
        record, etag = self.ports.runs.read(self.request.run_id)
        self.ports.runs.replace(record.model_copy(update={"resumes": record.resumes + 1}), etag)

    def check(self) -> StepResult:
        """Do the step of the guards."""
        return StepResult.from_json(activities.check_restore(self.request.to_json(), self.ports))

    def begin(self, fate: str = "accepted") -> StepResult:
        """Do the step of the POST; `fate` is what becomes of one that is sent."""
        self.ports.arm.on_post.clear()
        if fate in FATES:
            self.ports.arm.on_post.append(FATES[fate])
        return StepResult.from_json(activities.begin_restore(self.request.to_json(), self.ports))

    def _watched(self, service: ServiceRef, action: str, storage: Any, name: str) -> Any:
        if action == "restore":
            self.posts.append((", ".join(sorted(self.wrongs)), allowed(self)))
        return self._start(service, action, storage, name)

    def _copy(self) -> dict[str, Any]:
        names_of = ("tier", "region", "resting_state", "foreign_until", "identity", "properties")
        return {
            "service": {name: copy.deepcopy(getattr(self._fake, name)) for name in names_of},
            "resources": dict(self.ports.arm.resources),
            "blob": self.blob,
            "record": self.records.read(self.record_key)[0],
            "services": dict(self.ports.arm._services),
        }

    def _restore(self) -> None:
        self.ports.arm._services = dict(self._clean["services"])
        self.service(**copy.deepcopy(self._clean["service"]))
        self.ports.arm.resources = dict(self._clean["resources"])
        if self.blob != self._clean["blob"]:
            self.backups.put(self.point.name, self._clean["blob"])
        self.records.put(self.record_key, self._clean["record"])
        for key in self.marks:
            self.records.delete(key)
        self.ports.records().put(layout.ROSTER, Roster(taken_at=START).to_bytes())

    @property
    def records(self) -> Any:
        """The records of the primary's region."""
        return self.ports.records("westeurope")

    @property
    def backups(self) -> Any:
        """The container of the blob."""
        return self.ports.backups(self.point.account, self.point.container)

    @property
    def blob(self) -> bytes | None:
        """The blob's content now."""
        return self.backups.read(self.point.name)[0] if self.backups.exists(self.point.name) else None

    @property
    def record_key(self) -> str:
        """Where the point's record lies."""
        return layout.restore_point_key("contoso", self.point.name)

    @property
    def marks(self) -> tuple[str, str]:
        """Where it would say that the point is pruned."""
        name = self.point.name
        return layout.open_prune_key("contoso", name), layout.pruned_key("contoso", name)

    def under(self, path: str) -> str:
        """Return the key of a resource under the target."""
        return f"{self.target.resource_id}/{path}".lower()

    @property
    def account(self) -> str:
        """The key of the blob's storage account."""
        return account_id(self.target.resource_id.split("/")[2], self.point.account).lower()

    def service(self, **changes: Any) -> None:
        """Change the target."""
        for name, value in changes.items():
            setattr(self._fake, name, value)

    def put(self, path: str, answer: Any) -> None:
        """Change what is answered for a resource."""
        self.ports.arm.resources[path] = answer

    def record(self, **changes: Any) -> None:
        """Change the point's record."""
        self.records.put(self.record_key, self.point.model_copy(update=changes).to_bytes())


def _permissions(world: World, *missing: str) -> None:
    rights = [{"actions": ["*"], "notActions": [f"Microsoft.ApiManagement/service/{one}" for one in missing]}]
    world.put(world.under("providers/Microsoft.Authorization/permissions"), rights)


def _tags(world: World) -> None:
    """Have discovery find that the target has the tags of a primary."""
    tagged = Outsider(resource_id=world.target.resource_id.upper(), reason="it is a standby")
    world.ports.records().put(layout.ROSTER, Roster(taken_at=START, left_out=(tagged,)).to_bytes())


def _account(world: World) -> None:
    listed = f"{world.account.split('/resourcegroups/')[0]}/providers/microsoft.storage/storageaccounts"
    accounts = copy.deepcopy(world.ports.arm.resources[listed])
    for one in accounts:
        one["properties"] |= NOBODY
    world.put(listed, accounts)


FATES: dict[str, Callable[[Accept], Any]] = {
    "lost before": lost_before(LOST),
    "lost after": lost_after(LOST),
    "503": answered(error(503, "ServiceUnavailable", "try again"), takes_effect=False),
    "503 after": answered(error(503, "ServiceUnavailable", "try again"), takes_effect=True),
    "busy": answered(error(409, "ServiceLocked", "transitioning at this time"), takes_effect=False),
}

WRONGS: dict[str, Callable[[World], None]] = {
    "gone": lambda world: world.ports.arm._services.pop(world.target.resource_id.lower()) and None,
    "unreadable": lambda world: world.put(world.target.resource_id.lower(), NOT_READ),
    "v2": lambda world: world.service(tier="StandardV2"),
    "other tier": lambda world: world.service(tier="Premium"),
    "other region": lambda world: world.service(region="eastus"),
    "old api": lambda world: world.service(
        properties={"apiVersionConstraint": {"minApiVersion": "2030-01-01"}}
    ),
    "broken": lambda world: world.service(resting_state="Failed"),
    "in transition": lambda world: world.service(
        foreign_until=world.ports.clock.now() + dt.timedelta(days=365)
    ),
    "workspace gateway": lambda world: world.put(
        world.under("workspaceLinks"), [{"id": "/w", "properties": {"gateways": [{"id": "/g"}]}}]
    ),
    "locked": lambda world: world.put(world.under("providers/Microsoft.Authorization/locks"), [LOCK]),
    "no right": lambda world: _permissions(world, "restore/action"),
    "no result": lambda world: _permissions(world, "operationresults/read"),
    "traffic": lambda world: world.put(world.under("reports/byApi"), CALLS),
    "traffic unread": lambda world: world.put(world.under("reports/byApi"), NOT_READ),
    "tags of a primary": _tags,
    "primaries unread": lambda world: world.ports.records().put(layout.ROSTER, b"{"),
    "custom host": lambda world: world.service(
        properties={"hostnameConfigurations": [{"hostName": "api.contoso.example"}]}
    ),
    "no record": lambda world: world.records.delete(world.record_key) and None,
    "other record": lambda world: world.record(sha256="0" * 64),
    "pruning": lambda world: world.records.put(world.marks[0], b""),
    "pruned": lambda world: world.records.put(world.marks[1], b""),
    "blob gone": lambda world: world.backups.delete(world.point.name) and None,
    "other blob": lambda world: world.backups.put(world.point.name, b"{}"),
    "firewall": _account,
    "no identity": lambda world: world.service(identity={"type": "None"}),
    "no role": lambda world: world.put(
        f"{world.account}/providers/microsoft.authorization/roleassignments", []
    ),
}
"""What can be wrong; how each is brought about."""


def allowed(world: World) -> bool:
    """Tell from the raw state whether a restore may be sent now."""
    arm, request, wrongs = world.ports.arm, world.request, world.wrongs
    service = arm._services.get(world.target.resource_id.lower())
    if service is None or "unreadable" in wrongs:
        return False
    now = world.ports.clock.now()
    is_primary = world.target.resource_id == world.ports.first.resource_id
    is_source = world.target.resource_id == world.point.source.resource_id
    is_guarded = is_primary or is_source or bool({"tags of a primary", "primaries unread"} & wrongs)
    said_so = request.kind == "restore" and request.overwrite_source
    rows = arm.resources[world.under("reports/byApi")]
    is_unread = isinstance(rows, Exception)
    serves = not is_unread and any(row["callCountTotal"] for row in rows)
    hosts = service.properties.get("hostnameConfigurations", [])
    blob = world.blob
    record = RestorePoint.from_bytes(world.records.read(world.record_key)[0]) if _has_record(world) else None
    return all(
        (
            service.tier == world.point.tier == "Standard",
            service.region == world.target.region,
            service.resting_state == "Succeeded",
            service.foreign_until is None or service.foreign_until <= now,
            "old api" not in wrongs,
            not arm.resources[world.under("workspaceLinks")],
            not arm.resources[world.under("providers/Microsoft.Authorization/locks")],
            not {"no right", "no result"} & wrongs,
            not is_guarded or said_so,
            not serves or (request.kind == "restore" and request.despite_traffic),
            not is_unread or (request.kind != "replicate" and request.despite_traffic),
            request.kind != "drill" or not hosts,
            record is not None and record.sha256 == world.point.sha256,
            not any(world.records.exists(key) for key in world.marks),
            now < START - dt.timedelta(hours=1) + dt.timedelta(days=30),
            blob is not None and hashlib.sha256(blob).hexdigest() == world.point.sha256,
            not {"firewall", "no role"} & wrongs,
            service.identity["type"] == "SystemAssigned",
        )
    )


def _has_record(world: World) -> bool:
    return bool(world.records.exists(world.record_key))
