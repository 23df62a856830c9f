"""
Regions that are lost: what is asked about a resource in one of them comes to nothing.

Azure Resource Manager itself stays up, as it does: lists of a subscription, tokens, and everything in other
regions are answered. Operations of a lost region go on unseen, as far as storage lets them; nobody is told.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator import regions
from simulator.faults import Fault
from simulator.ids import STORAGE, Target
from simulator.services import Services
from simulator.storage_accounts import StorageAccounts

UNREACHABLE = "unreachable"
UNAVAILABLE = "unavailable"
UP = "up"
STATES = (UNREACHABLE, UNAVAILABLE, UP)
"""The connection is cut; 503 is answered; all is well."""

_BODY = {"error": {"code": "ServiceUnavailable", "message": "The service is unavailable in this region."}}


class Outages:
    """Which regions are lost, and what that does to a call."""

    def __init__(self, services: Services, accounts: StorageAccounts) -> None:
        self._services = services
        self._accounts = accounts
        self._lost: dict[str, str] = {}

    def set(self, region: str, state: str) -> None:
        """Lose a region, or bring it back with UP."""
        self._lost.pop(regions.region_key(region), None)
        if state != UP:
            self._lost[regions.region_key(region)] = state

    def to_json(self) -> Mapping[str, str]:
        """Return the lost regions, each with how it is lost."""
        return dict(self._lost)

    def fault(self, target: Target | None) -> Fault | None:
        """Return what becomes of a call about that target; None if it is not lost."""
        state = self._lost.get(self._region(target)) if target else None
        if state is None:
            return None
        return Fault(drop="before") if state == UNREACHABLE else Fault(status=503, body=_BODY)

    def has_lost_account(self, name: str) -> bool:
        """Tell whether a storage account is out of reach; one that was never put is nowhere."""
        account = self._accounts.named(name)
        return account is not None and regions.region_key(account.location) in self._lost

    def _region(self, target: Target) -> str:
        """Return where the resource of a target is, "" if it is nowhere."""
        if target.service is not None:
            service = self._services.get(target.service)
            return regions.region_key(service.location) if service else ""
        account_id = "/".join((target.extended or target.scope()).split("/")[:9])
        if f"/providers/{STORAGE}/".lower() not in account_id.lower():
            return regions.region_key(target.location)
        account = self._accounts.get(account_id)
        return regions.region_key(account.location) if account else ""
