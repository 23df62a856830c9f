"""The HTTP call that backs up now: read, start, answer."""

from __future__ import annotations

import uuid

import azure.functions as func

from backup_http.request import read_request
from shared import http
from shared.core.errors import ConflictError, DrError, UnavailableError
from shared.core.ports import Ports
from shared.findings import FindingsError
from shared.instances import DurableClient
from shared.nights import begin_night, forget_night
from shared.threads import in_thread


async def start_backups(
    req: func.HttpRequest, client: DurableClient, ports: Ports, request_id: str | None = None
) -> func.HttpResponse:
    """
    Answer 202 with the night's Location, or an error that names every fault; then nothing was started.

    Args:
        req: the call.
        client: Durable's client.
        ports: everything.
        request_id: for tests; a new one by default.
    """
    try:
        content = req.get_body()
        wish, services = await in_thread(read_request, content, request_id or uuid.uuid4().hex, ports)
        try:
            has_begun = await begin_night(client, ports, wish)
        except UnavailableError as err:
            await in_thread(_take_back, ports, wish.night, err)
            raise
        if not has_begun:
            raise ConflictError(f"there is a night {wish.night} already; ask again")
    except FindingsError as err:
        return http.refusal(err)
    except DrError as err:
        return http.failure(err)
    headers = {"Location": http.night_url(req.url, wish.night), "Retry-After": str(http.RETRY_AFTER_S)}
    return http.answer(202, {"nightId": wish.night, "services": list(services)}, headers)


def _take_back(ports: Ports, night: str, err: UnavailableError) -> None:
    """
    Take back the mark: the caller is told that nothing was started, so nothing may begin by itself later.

    Raises:
        UnavailableError: that was not possible either; it says what may come of it.
    """
    try:
        forget_night(ports, night)
    except DrError as also:
        raise UnavailableError(
            f"night {night} was not started now ({err.message}), but it may begin by itself within a day: "
            f"its mark could not be taken back ({also.message}); GET /api/nights/{night} shows it",
            hint="Look at that night before you ask again, or the same services are backed up twice.",
            code="MayStartLater",
        ) from err
