"""
The gateways of the services, as far as this: whether they serve.

Documented is the path of the status and that a healthy gateway answers it with 200; every other path is 404
here, because no traffic goes through. A service's gatewayUrl leads to this server, so that whoever reads it
can ask it: a name of azure-api.net would lead out of this machine. In an internal virtual network, and in a
region that is lost, nobody is answered.
"""

from __future__ import annotations

from simulator.faults import Fault
from simulator.ids import Noun, Target
from simulator.services import Service, Services
from simulator.wire import Answer, Call

STATUS = "status-0123456789abcdef"

_FOLDER = "gateways"


def gateway_url(service: Service, origin: str) -> str:
    """Return where the gateway of a service answers; `origin` is this server's."""
    return f"{origin}/{_FOLDER}/{service.id.name}"


class Gateways:
    """Answers what is asked of gateways; no token is wanted."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def target(self, call: Call) -> Target | None:
        """Return what stands behind a gateway's URL, None for any other call."""
        service = self._service(call)
        return Target(noun=Noun.BELOW, service=service.id) if service else None

    def fault(self, call: Call) -> Fault | None:
        """Return that nobody is answered, if the service is in an internal virtual network."""
        service = self._service(call)
        is_internal = service is not None and service.properties.get("virtualNetworkType") == "Internal"
        return Fault(drop="before") if is_internal else None

    def answer(self, call: Call) -> Answer | None:
        """Answer one call of a gateway, None for any other call."""
        if call.segments[:1] != (_FOLDER,):
            return None
        service = self._service(call)
        if service is None or call.method != "GET" or call.segments[2:] != (STATUS,):
            return Answer(status=404, content={"statusCode": 404, "message": "Resource not found"})
        if service.properties.get("disableGateway"):
            return Answer(status=503)
        return Answer(status=200)

    def _service(self, call: Call) -> Service | None:
        if call.segments[:1] != (_FOLDER,) or len(call.segments) < 2:
            return None
        name = call.segments[1].lower()
        return next((one for one in self._services if one.id.name.lower() == name), None)
