"""Everything the simulator knows, in one place: the state that handlers read and change."""

from __future__ import annotations

from simulator.clock import SpeedClock
from simulator.faults import FaultQueue
from simulator.journal import Journal
from simulator.operations import Operation, Progressions
from simulator.principals import Principals
from simulator.services import Services
from simulator.tokens import TokenAuthority

TENANT = "5d9a1c2e-0f5b-4d51-9a8e-7c1d2b3a4f60"
SUBSCRIPTION = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"


class World:
    """State only; what happens to it stands in `arm`, `control` and `runner`."""

    def __init__(self, *, clock: SpeedClock, tenant: str = TENANT) -> None:
        self.clock = clock
        self.tokens = TokenAuthority(tenant)
        self.principals = Principals()
        self.services = Services()
        self.operations: dict[str, Operation] = {}
        self.progressions = Progressions(speed=clock.speed)
        self.faults = FaultQueue()
        self.journal = Journal()
        self.subscriptions: set[str] = {SUBSCRIPTION}
        self.https_url = ""
        self.http_url = ""
        """Both without a slash at the end; set when the ports are known."""

    def arm_audiences(self) -> tuple[str, ...]:
        """
        Return the audiences for which Azure Resource Manager takes tokens, in lower case, no slash at the
        end.
        """
        own = (self.https_url, self.https_url.replace("127.0.0.1", "localhost"), self.http_url)
        return (*own, "https://management.azure.com", "https://management.core.windows.net")
