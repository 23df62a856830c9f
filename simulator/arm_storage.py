"""Storage accounts and their blob services over Azure Resource Manager's routes."""

from __future__ import annotations

from simulator import errors, ids
from simulator.ids import Noun, Target
from simulator.storage_accounts import StorageAccount
from simulator.wire import Answer, Call, paged
from simulator.world import World


class StorageRoutes:
    """Answers calls about storage accounts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, call: Call, target: Target) -> Answer:
        """Answer one call."""
        match (call.method, target.noun):
            case ("GET", Noun.STORAGE_ACCOUNTS):
                return paged(call, self._list(target), size=self._world.page_size)
            case ("GET", Noun.STORAGE_ACCOUNT):
                return Answer(status=200, content=self._find(target).shown())
            case ("PUT", Noun.STORAGE_ACCOUNT):
                return self._put(call, target)
            case ("GET", Noun.BLOB_SERVICE):
                return Answer(status=200, content=self._find(target).shown_blob_service())
            case ("PUT", Noun.BLOB_SERVICE):
                account = self._find(target)
                account.blob_service = dict(call.json_object().get("properties") or {})
                return Answer(status=200, content=account.shown_blob_service())
            case _:
                raise errors.method_not_allowed(call.method, call.path)

    def _list(self, target: Target) -> list[dict[str, object]]:
        scope = target.scope().lower() + "/"
        return [one.shown() for one in self._world.storage_accounts if one.id.lower().startswith(scope)]

    def _put(self, call: Call, target: Target) -> Answer:
        """Create or replace an account at once; a new one answers 202 in Azure, and is there soon after."""
        account = self._world.storage_accounts.put(
            target.scope(), call.json_object(), now=self._world.clock.now()
        )
        return Answer(status=200, content=account.shown())

    def _find(self, target: Target) -> StorageAccount:
        found = self._world.storage_accounts.get(target.scope())
        if found is None:
            raise errors.resource_not_found(f"{ids.STORAGE}/storageAccounts/{target.account}", target.group)
        return found
