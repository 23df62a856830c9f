"""The call behind GET /api/preflight: every check of one service or of many, and nothing started."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import azure.functions as func

from shared import http, roster, survey
from shared.core import preflight
from shared.core.errors import DrError, NotFoundError, RefusedError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.preflight_facts import Unseen
from shared.threads import in_thread, in_threads

SERVICES_MAX = 50
"""For one answer: 350 calls of Azure Resource Manager, well inside the 230 s that an answer may take."""

SERVICES_AT_ONCE = 4


async def show_preflight(req: func.HttpRequest, ports: Ports) -> func.HttpResponse:
    """Answer the checks of one service, or of those that this app backs up, by name and page by page."""
    try:
        shown = await in_thread(_answer, req, ports)
    except DrError as err:
        return http.failure(err)
    return http.answer(200, shown)


def _answer(req: func.HttpRequest, ports: Ports) -> dict[str, Any]:
    wanted = req.params.get("service")
    if wanted is not None:
        service = roster.find(ports, wanted)
        if service is None:
            raise NotFoundError(f"the plan names no service {wanted}", code="ServiceNotFound")
        if service.region != ports.plan.region:
            message = f"{wanted} is in {service.region}, and this is {ports.plan.region}'s app"
            hint = "Ask the app of that region: what is checked are the rights of the app that backs it up."
            raise RefusedError(message, hint=hint, code="OtherRegion")
        return {"value": [_shown(service, ports)]}
    after = req.params.get("after", "")
    services = sorted(roster.own_primaries(ports), key=lambda service: service.name)
    rest = [service for service in services if service.name > after]
    value = in_threads(lambda service: _shown(service, ports), rest[:SERVICES_MAX], at_once=SERVICES_AT_ONCE)
    if len(rest) <= SERVICES_MAX:
        return {"value": value}
    # without the rest of the query: a function key in it must not come back in an answer
    return {"value": value, "nextLink": f"{req.url.split('?', 1)[0]}?after={quote(value[-1]['service'])}"}


def _shown(service: ProtectedService, ports: Ports) -> dict[str, Any]:
    resource: dict[str, Any] | Unseen
    try:
        resource = survey.read_service(ports.arm, service.ref)
    except DrError as err:
        resource = survey.unseen(err, "Microsoft.ApiManagement/service/read")
    checks = preflight.judge(survey.take(ports, service.name, service.ref, service.storage, resource))
    return {
        "service": service.name,
        "target": service.ref.name,
        "verdict": preflight.worst(checks),
        "checks": [check.to_json() for check in checks],
    }
