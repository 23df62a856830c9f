"""Services that were deleted and can still be brought back: the list, one, and purging it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from simulator import errors, regions
from simulator.ids import PROVIDER, Noun, Target
from simulator.services import DeletedService
from simulator.wire import Answer, Call, paged
from simulator.world import World


class DeletedServiceRoutes:
    """Answers calls about soft-deleted services."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, target: Target) -> Answer:
        """Answer one call."""
        found = [
            one
            for one in self._world.services.deleted(self._world.clock.now())
            if one.service.id.subscription.lower() == target.subscription.lower()
        ]
        if target.noun is Noun.DELETED_SERVICES:
            if call.method != "GET":
                raise errors.method_not_allowed(call.method, call.path)
            return paged(call, [_shown(one) for one in found], size=self._world.page_size)
        wanted = (regions.region_key(target.location), target.name.lower())
        one = next((one for one in found if _key(one) == wanted), None)
        match call.method:
            case "GET" if one is not None:
                return Answer(status=200, content=_shown(one))
            case "DELETE" if one is not None:
                self._world.services.purge(one)
                return Answer(status=200)
            case "DELETE":
                return Answer(status=204)
            case "GET":
                name = f"{PROVIDER}/locations/{target.location}/deletedservices/{target.name}"
                raise errors.resource_not_found(name, "")
            case _:
                raise errors.method_not_allowed(call.method, call.path)


def _key(one: DeletedService) -> tuple[str, str]:
    return regions.region_key(one.service.location), one.service.id.name.lower()


def _shown(one: DeletedService) -> dict[str, Any]:
    location, name = _key(one)[0], one.service.id.name
    return {
        "id": f"/subscriptions/{one.service.id.subscription}/providers/{PROVIDER}"
        f"/locations/{location}/deletedservices/{name}",
        "name": name,
        "type": f"{PROVIDER}/deletedservices",
        "location": one.service.location,
        "properties": {
            "serviceId": str(one.service.id),
            "scheduledPurgeDate": _moment(one.purged_at),
            "deletionDate": _moment(one.deleted_at),
        },
    }


def _moment(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
