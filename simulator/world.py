"""Everything the simulator knows, in one place: the state that handlers read and change."""

from __future__ import annotations

from simulator.clock import Clock
from simulator.extensions import Extensions
from simulator.faults import FaultQueue
from simulator.journal import Journal
from simulator.operations import Operation, Progressions, new_operation_id
from simulator.outages import Outages
from simulator.outcomes import OutcomeQueues
from simulator.principals import Principals
from simulator.services import Services
from simulator.storage_accounts import StorageAccounts
from simulator.tokens import TokenAuthority

TENANT = "5d9a1c2e-0f5b-4d51-9a8e-7c1d2b3a4f60"
PAGE_SIZE = 50
"""Services or storage accounts on one page of a list; Azure's pages are larger, and clients must not care."""

SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"


class World:
    """State only; what happens to it stands in `arm`, `control` and `runner`."""

    def __init__(self, *, clock: Clock, tenant: str = TENANT) -> None:
        self.clock = clock
        self.tokens = TokenAuthority(tenant)
        self.principals = Principals()
        self.services = Services()
        self.storage_accounts = StorageAccounts()
        self.extensions = Extensions()
        self.operations: dict[str, Operation] = {}
        self.results: dict[str, Operation] = {}
        """By what stands behind operationresults/ now; see `rotate_result`."""
        self.progressions = Progressions(speed=clock.speed)
        self.outcomes = OutcomeQueues()
        self.outages = Outages(self.services, self.storage_accounts)
        self.faults = FaultQueue()
        self.journal = Journal()
        self.subscriptions: set[str] = {SUBSCRIPTION}
        self.page_size = PAGE_SIZE
        self.https_url = ""
        self.http_url = ""
        """Both without a slash at the end; set when the ports are known."""

    def rotate_result(self, location: str) -> str:
        """Give the operation of a Location a new one, and return it; the old one is not found any more."""
        head, _, tail = location.partition("/operationresults/")
        result_id, _, query = tail.partition("?")
        operation = self.results.pop(result_id)
        operation.result_id = new_operation_id(operation.kind, operation.service)
        self.results[operation.result_id] = operation
        return f"{head}/operationresults/{operation.result_id}?{query}"

    def arm_audiences(self) -> tuple[str, ...]:
        """
        Return the audiences for which Azure Resource Manager takes tokens, in lower case, no slash at the
        end.
        """
        own = (self.https_url, self.https_url.replace("127.0.0.1", "localhost"), self.http_url)
        return (*own, "https://management.azure.com", "https://management.core.windows.net")
