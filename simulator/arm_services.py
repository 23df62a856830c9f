"""Services, and the few routes about subscriptions that official clients ask besides."""

from __future__ import annotations

from typing import Any

from simulator import errors, service_resource
from simulator.ids import PROVIDER, Noun, Target
from simulator.services import Service
from simulator.wire import Answer, Call, paged
from simulator.world import World

_ACTIONS = (
    ("Microsoft.ApiManagement/service/read", "Read metadata for an API Management Service instance"),
    ("Microsoft.ApiManagement/service/write", "Create or update an API Management Service instance"),
    ("Microsoft.ApiManagement/service/delete", "Delete an API Management Service instance"),
    ("Microsoft.ApiManagement/service/backup/action", "Backup API Management Service to a storage account"),
    (
        "Microsoft.ApiManagement/service/restore/action",
        "Restore API Management Service from a storage account",
    ),
    (
        "Microsoft.ApiManagement/service/operationresults/read",
        "Gets current status of a long running operation",
    ),
)


def find_service(world: World, target: Target) -> Service:
    """
    Return the service a call is about.

    Raises:
        WireError: 404; a missing resource group or subscription is told the same way.
    """
    service = world.services.get(target.service) if target.service else None
    if service is None:
        name = target.service.name if target.service else ""
        raise errors.resource_not_found(f"{PROVIDER}/service/{name}", target.group)
    return service


class ServiceRoutes:
    """Answers calls about services, subscriptions and the provider."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, target: Target) -> Answer:
        """Answer one call."""
        if target.noun is Noun.SERVICE:
            return self._service(call, target)
        if call.method != "GET":
            raise errors.method_not_allowed(call.method, call.path)
        match target.noun:
            case Noun.SERVICES:
                return paged(call, self._list(target), size=self._world.page_size)
            case Noun.SUBSCRIPTIONS:
                found = [self._subscription(one) for one in sorted(self._subscriptions())]
                return Answer(status=200, content={"value": found, "count": _count(found)})
            case Noun.SUBSCRIPTION:
                if target.subscription.lower() not in self._subscriptions():
                    raise errors.subscription_not_found(target.subscription)
                return Answer(status=200, content=self._subscription(target.subscription.lower()))
            case Noun.TENANTS:
                tenant = self._world.tokens.tenant
                return Answer(
                    status=200, content={"value": [{"id": f"/tenants/{tenant}", "tenantId": tenant}]}
                )
            case _:
                return Answer(status=200, content=_provider_operations())

    def _service(self, call: Call, target: Target) -> Answer:
        match call.method:
            case "GET":
                return self._shown(find_service(self._world, target))
            case "PUT":
                return self._put(call, target)
            case "PATCH":
                service = self._unlocked(find_service(self._world, target))
                self._world.services.update(service, call.json_object())
                return self._shown(service)
            case "DELETE":
                return self._delete(target)
            case _:
                raise errors.method_not_allowed(call.method, call.path)

    def _put(self, call: Call, target: Target) -> Answer:
        service_id = target.service
        found = self._world.services.get(service_id) if service_id else None
        if service_id is None or found is not None:
            service = self._unlocked(find_service(self._world, target))
            self._world.services.update(service, call.json_object())
            return self._shown(service)
        created = self._world.services.create(service_id, call.json_object(), now=self._world.clock.now())
        return self._shown(created, status=201)

    def _delete(self, target: Target) -> Answer:
        if target.service is None or self._world.services.get(target.service) is None:
            return Answer(status=204)
        service = self._unlocked(find_service(self._world, target))
        self._world.services.delete(service.id, now=self._world.clock.now())
        # Documented: a result URL below a resource disappears with it.
        for one in [one for one in self._world.operations.values() if one.service is service]:
            del self._world.operations[one.id]
            del self._world.results[one.result_id]
        return Answer(status=200)

    def _list(self, target: Target) -> list[dict[str, Any]]:
        return [
            service_resource.shown(one, self._world.tokens.tenant, self._world.https_url)
            for one in self._world.services
            if one.id.subscription.lower() == target.subscription.lower()
            and target.group.lower() in ("", one.id.group.lower())
        ]

    def _shown(self, service: Service, *, status: int = 200) -> Answer:
        content = service_resource.shown(service, self._world.tokens.tenant, self._world.https_url)
        return Answer(status=status, content=content)

    def _unlocked(self, service: Service) -> Service:
        if service.operation_id is not None:
            raise errors.service_locked(service.id.name)
        return service

    def _subscriptions(self) -> set[str]:
        return self._world.subscriptions | {one.id.subscription.lower() for one in self._world.services}

    def _subscription(self, subscription: str) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{subscription}",
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": subscription,
            "tenantId": self._world.tokens.tenant,
            "displayName": "Simulated subscription",
            "state": "Enabled",
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "EnterpriseAgreement_2014-09-01",
                "spendingLimit": "Off",
            },
        }


def _count(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "Total", "value": len(found)}


def _provider_operations() -> dict[str, Any]:
    value = [
        {
            "name": name,
            "display": {
                "provider": "Microsoft API Management",
                "resource": "Service",
                "operation": description,
                "description": description,
            },
            "origin": "system",
        }
        for name, description in _ACTIONS
    ]
    return {"value": value}
