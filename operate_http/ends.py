"""Reading the two services of a takeover as Azure shows them, and what no restore brings along."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from shared import beside, survey, target_survey
from shared.core import names, preflight, restore_guards, role_swap
from shared.core.ends import End
from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.fix_up_scene import Scene, without_parts
from shared.core.fix_ups import fix_ups
from shared.core.plan import PlannedService, ProtectedService
from shared.core.ports import Ports
from shared.core.preflight_facts import Check, Unseen
from shared.core.reports import FixUp, GatewayProbe
from shared.core.requests import RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.services import ServiceRef, ServiceState
from shared.core.sidecar import Sidecar


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One service as Azure shows it. `guards` are those of a restore of the newest point into it."""

    ref: ServiceRef
    resource: dict[str, Any] | Unseen
    is_missing: bool = False
    calls: int | Unseen
    guards: tuple[Check, ...] = ()

    @property
    def state(self) -> ServiceState | None:
        """Its state, None if it could not be read."""
        try:
            return None if isinstance(self.resource, Unseen) else ServiceState.from_resource(self.resource)
        except ProtocolError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The settings of both ends, the relative ids of what the source holds, and what could not be read."""

    scene: Scene | Unseen
    entities: Collection[str] | None = None
    not_read: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[FixUp, ...]:
        """What no restore brings, and what has to be looked at; nothing where there is nothing to do."""
        if isinstance(self.scene, Unseen):
            return ()
        found = fix_ups(
            self.scene.point,
            self.scene.target,
            sidecar=self.scene.source,
            settings=self.scene.now,
            entities=self.entities,
            gateway_url=self.scene.gateway_url,
        )
        return tuple(fix_up for fix_up in found if fix_up.is_needed is not False)


def read_target(service: ProtectedService, end: End, point: RestorePoint | None, ports: Ports) -> Shown:
    """Read a service with all that the guards of a restore need; without a point they have no question."""
    if point is None:
        return read_alone(end.ref, ports)
    now = ports.clock.now()
    request = RestoreRequest(
        run_id=names.run_id("restore", service.name, now, because="readiness"),
        kind="restore",
        service=service.name,
        target=end.ref,
        access=end.access,
        point=point,
        trigger="http",
        requested_at=now,
        deadline_at=now,
    )
    facts = target_survey.take(ports, request, read_through=False)
    resource = facts.around.resource
    return Shown(
        ref=end.ref,
        resource=resource if isinstance(resource, Unseen) else dict(resource),
        is_missing=facts.is_missing,
        calls=facts.calls,
        guards=restore_guards.judge(facts),
    )


def read_alone(service: ServiceRef, ports: Ports) -> Shown:
    """Read a service, and nothing else of it."""
    resource: dict[str, Any] | Unseen
    is_missing = False
    try:
        resource = survey.read_service(ports.arm, service)
    except NotFoundError:
        is_missing, resource = True, Unseen(reason="does not exist")
    except DrError as err:
        resource = survey.unseen(err, "Microsoft.ApiManagement/service/read", service.resource_id)
    calls = Unseen(reason="its reports were not asked")
    return Shown(ref=service, resource=resource, is_missing=is_missing, calls=calls)


def compare_with_point(point: RestorePoint | None, target: Shown, ports: Ports) -> Comparison:
    """Return what the source of a restore point was like, and what the target is like."""
    if point is None:
        return Comparison(scene=Unseen(reason="there is no restore point whose sidecar could be compared"))
    sidecar = pair = None
    not_read: tuple[str, ...] = ()
    try:
        sidecar = beside.sidecar_of(point, ports)
        pair = beside.expected_inventories(point, ports)
    except DrError as err:
        not_read = (f"what stands beside {point.name}: {err.message}",)
    return Comparison(
        scene=_scene(point, sidecar, target, ports),
        entities=(pair.after or pair.before).entities if pair else None,
        not_read=not_read,
    )


def compare_with_service(
    point: RestorePoint | None, serving: Shown, target: Shown, ports: Ports
) -> Comparison:
    """
    Return what a service is like now, and what the target is like.

    Args:
        point: any of the service; a backup of `serving` would be one like it.
        serving: the source.
        target: what is compared with it.
        ports: for the diagnostic settings.
    """
    if point is None:
        return Comparison(scene=Unseen(reason="there is no restore point of it at all"))
    like = point.model_copy(update={"source": serving.ref})
    return Comparison(scene=_scene(like, _settings(like, serving, ports), target, ports))


def probe(target: Shown, ports: Ports) -> GatewayProbe | Unseen:
    """Ask the target's gateway whether it serves."""
    if target.state is None:
        return Unseen(reason=f"{target.ref.name} could not be read")
    if not target.state.gateway_url:
        return Unseen(reason=f"Azure shows no gateway of {target.ref.name}")
    return ports.probe_gateway(target.state.gateway_url)


def protection(service: ProtectedService, serving: Shown, ports: Ports) -> tuple[Check, ...]:
    """Return what preflight says of the standby as a primary; nothing where the plan cannot be swapped."""
    if role_swap.faults_of_swap(ports.plan, service):
        return ()
    entry = PlannedService.model_validate(role_swap.swapped_entry(ports.plan, service))
    swapped = ports.plan.fill_in(entry)
    return preflight.judge(survey.take(ports, swapped.name, swapped.ref, swapped.storage, serving.resource))


def _scene(point: RestorePoint, source: Sidecar | None, target: Shown, ports: Ports) -> Scene:
    state = target.state
    return Scene(
        point=point,
        target=target.ref,
        source=source or without_parts(point, point.source),
        now=_settings(point, target, ports) or without_parts(point, target.ref),
        gateway_url=state.gateway_url if state else None,
    )


def _settings(point: RestorePoint, shown: Shown, ports: Ports) -> Sidecar | None:
    state = shown.state
    if state is None or isinstance(shown.resource, Unseen):
        return None
    return beside.settings_now(point, shown.ref, shown.resource, state, ports)
