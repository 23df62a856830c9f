"""
The control routes under `/_sim/`: how a test or a demo sets the scene and reads what happened.

Every body is checked in full before anything changes; a scenario that cannot be is refused with 400 and every
fault.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator import errors, outages, regions
from simulator.control_operations import OperationScenes, progression_json
from simulator.fault_reader import read_fault
from simulator.fields import FieldReader, raise_for
from simulator.operations import Operation
from simulator.runner import OperationRunner
from simulator.tokens import LIFETIME_MAX_S
from simulator.wire import Answer, Call, refused
from simulator.world import World

ADVANCE_S_MAX = 400 * 86_400
"""More than a year at once is a slip of the keyboard."""


class ControlRoutes:
    """Answers every call under `/_sim/`."""

    def __init__(self, world: World, runner: OperationRunner) -> None:
        self._world = world
        self._runner = runner
        self._routes: dict[tuple[str, str], Callable[[Call], Answer]] = {
            ("GET", "state"): self._state,
            ("GET", "calls"): self._calls,
            ("GET", "counts"): self._counts,
            ("GET", "principals"): self._principals,
            ("POST", "principals"): self._add_principal,
            **OperationScenes(world, runner).routes(),
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "rights"): self._set_rights,
            ("POST", "regions"): self._set_region,
            ("POST", "tokens"): self._set_tokens,
        }

    async def answer(self, call: Call) -> Answer:
        """Answer one control call."""
        key = (call.method, "/".join(call.segments[1:]))
        try:
            if key == ("POST", "clock"):
                return await self._advance_clock(call)
            if key not in self._routes:
                known = ", ".join(
                    f"{method} /_sim/{name}" for method, name in (*self._routes, ("POST", "clock"))
                )
                raise errors.impossible_scenario(
                    [errors.Fault(target=call.path, message=f"known are {known}")]
                )
            return self._routes[key](call)
        except errors.WireError as err:
            return refused(err)

    async def _advance_clock(self, call: Call) -> Answer:
        reader = FieldReader(call.json_object(), known=("advanceSeconds",))
        seconds = reader.number("advanceSeconds", low=0, high=ADVANCE_S_MAX)
        raise_for(reader)
        try:
            self._world.clock.advance(seconds)
        except ValueError as err:
            fault = errors.Fault(target="advanceSeconds", message=str(err))
            raise errors.impossible_scenario([fault]) from err
        await self._runner.settle()
        return Answer(status=200, content={"now": self._world.clock.now().isoformat()})

    def _add_fault(self, call: Call) -> Answer:
        fault = read_fault(call.json_object())
        self._world.faults.add(fault)
        return Answer(status=201, content=fault.to_json())

    def _clear_faults(self, _call: Call) -> Answer:
        self._world.faults.clear()
        return Answer(status=204)

    def _set_rights(self, call: Call) -> Answer:
        reader = FieldReader(call.json_object(), known=("principal", "deny"))
        found = self._world.principals.find(reader.text("principal"))
        deny = reader.raw("deny")
        if found is None:
            names = ", ".join(one.name for one in self._world.principals.all())
            reader.fault("principal", f"must be the name, object id or client id of one of {names}")
        if not isinstance(deny, list) or not all(isinstance(one, str) and "/" in one for one in deny):
            reader.fault("deny", "must be a list of actions such as Microsoft.ApiManagement/service/read")
        raise_for(reader)
        if found is not None and isinstance(deny, list):
            self._world.principals.deny(found.object_id, deny)
        return Answer(status=200, content={"principal": found.name if found else None, "deny": deny})

    def _set_region(self, call: Call) -> Answer:
        """Read `{"region", "state"}`: lost as unreachable or unavailable, or up again."""
        reader = FieldReader(call.json_object(), known=("region", "state"))
        region = reader.text("region")
        state = reader.choice("state", outages.STATES)
        if region and regions.display_name(region) is None:
            reader.fault("region", "must be an Azure region")
        raise_for(reader)
        self._world.outages.set(region, state)
        return Answer(status=200, content={"lostRegions": self._world.outages.to_json()})

    def _set_tokens(self, call: Call) -> Answer:
        reader = FieldReader(call.json_object(), known=("lifetimeSeconds",))
        lifetime_s = reader.integer("lifetimeSeconds", low=0, high=LIFETIME_MAX_S)
        raise_for(reader)
        self._world.tokens.lifetime_s = lifetime_s
        return Answer(status=200, content={"lifetimeSeconds": lifetime_s})

    def _principals(self, _call: Call) -> Answer:
        value = [
            {
                "name": one.name,
                "objectId": one.object_id,
                "clientId": one.client_id,
                "deny": list(self._world.principals.denied(one.object_id)),
            }
            for one in self._world.principals.all()
        ]
        return Answer(status=200, content={"value": value})

    def _add_principal(self, call: Call) -> Answer:
        """Register one more identity; its secrets are answered here and nowhere else."""
        reader = FieldReader(call.json_object(), known=("name", "clientId", "clientSecret"))
        name = reader.text("name")
        client_id = reader.text("clientId", required=False) or None
        client_secret = reader.text("clientSecret", required=False) or None
        raise_for(reader)
        try:
            made = self._world.principals.add(name, client_id=client_id, client_secret=client_secret)
        except ValueError as err:
            raise errors.impossible_scenario([errors.Fault(target="name", message=str(err))]) from err
        content = {
            "name": made.name,
            "objectId": made.object_id,
            "clientId": made.client_id,
            "clientSecret": made.client_secret,
            "identityHeader": made.identity_header,
        }
        return Answer(status=201, content=content)

    def _calls(self, call: Call) -> Answer:
        after = call.query.get("after", "0")
        if not after.isdecimal():
            raise errors.impossible_scenario([errors.Fault(target="after", message="must be a whole number")])
        entries = self._world.journal.entries(
            method=call.query.get("method", ""),
            contains=call.query.get("contains", ""),
            service=call.query.get("service", ""),
            after=int(after),
        )
        return Answer(status=200, content={"value": entries})

    def _counts(self, call: Call) -> Answer:
        return Answer(status=200, content=self._world.journal.counts(call.query.get("service", "")))

    def _state(self, _call: Call) -> Answer:
        world = self._world
        services = [
            {
                "id": str(one.id),
                "sku": one.tier,
                "provisioningState": "Updating" if one.operation_id else one.state,
                "operation": one.operation_id,
                "etag": one.etag,
                "entities": one.entities.counts(),
            }
            for one in world.services
        ]
        content = {
            "now": world.clock.now().isoformat(),
            "speed": world.clock.speed,
            "tokenLifetimeSeconds": world.tokens.lifetime_s,
            "services": services,
            "operations": [_operation_json(one) for one in world.operations.values()],
            "faults": world.faults.to_json(),
            "lostRegions": world.outages.to_json(),
        }
        return Answer(status=200, content=content)


def _operation_json(one: Operation) -> dict[str, Any]:
    return {
        "id": one.id,
        "operation": one.kind.value.lower(),
        "service": str(one.service.id),
        "state": one.state.value,
        "startedAt": one.started_at.isoformat(),
        "endedAt": one.ended_at.isoformat() if one.ended_at else None,
        "polls": one.polls,
        "progression": progression_json(one.progression),
        "storageAccount": one.request.account,
        "containerName": one.request.container,
        "backupName": one.request.blob,
        "blobBytes": one.blob_bytes,
        "error": {"code": one.failure.code, "message": one.failure.message} if one.failure else None,
    }
