"""The calls that show nights: those under way from what drives them, the others from their records."""

from __future__ import annotations

from typing import Any

import azure.functions as func

from operate_http import night_views
from shared import http
from shared.core import layout, names
from shared.core.errors import DrError, NotFoundError, ProtocolError
from shared.core.nights import STARTS_MAX
from shared.core.ports import Ports
from shared.core.reports import NightRecord
from shared.instances import DurableClient
from shared.nights import Found, Standing, find_night, open_nights, stored_night
from shared.records import newest, read_document
from shared.threads import in_thread

NIGHTS_SHOWN_MAX = 50


async def list_nights(client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer the newest nights in short, newest first; those under way among them."""
    try:
        records = await in_thread(newest, ports.records(), layout.NIGHTS, NightRecord, NIGHTS_SHOWN_MAX)
        shown = {record.night: night_views.ended(record, in_short=True) for record in records}
        for night in (await in_thread(open_nights, ports))[-NIGHTS_SHOWN_MAX:]:
            try:
                found = await _find(night, client, ports)
            except ProtocolError:
                continue  # a mark that cannot be read must not hide the others; the catch-up logs it
            if night not in shown and found.standing is not Standing.ENDED:
                shown[night] = night_views.under_way(night, found, in_short=True)
    except DrError as err:
        return http.failure(err)
    in_order = [shown[night] for night in sorted(shown, reverse=True)]
    return http.answer(200, {"value": in_order[:NIGHTS_SHOWN_MAX]})


async def get_night(req: func.HttpRequest, client: DurableClient, ports: Ports) -> func.HttpResponse:
    """Answer 202 while a night is under way, and at its end its record, with the status of its worst word."""
    night = req.route_params.get("night_id", "")
    try:
        if not names.is_night_id(night):
            raise NotFoundError("that is not the id of a night", hint=_HINT)
        found = await _find(night, client, ports)
        if found.standing is Standing.AT_WORK:
            headers = {"Location": http.night_url(req.url, night), "Retry-After": str(http.RETRY_AFTER_S)}
            return http.answer(202, night_views.under_way(night, found), headers)
        if found.standing is Standing.CUT_OFF:
            return _cut_off(night, found)
        record = await in_thread(_record, night, ports)
    except DrError as err:
        return http.failure(err)
    return _final(record)


_HINT = "GET /api/nights lists the newest nights."


async def _find(night: str, client: DurableClient, ports: Ports) -> Found:
    """Return how a night stands; from storage alone where Durable cannot be asked."""
    try:
        return await find_night(client, ports, night)
    except DrError:
        raise
    except Exception:  # noqa: BLE001 - Durable's client raises nothing more precise
        return await in_thread(stored_night, ports, night)


def _record(night: str, ports: Ports) -> NightRecord:
    try:
        return read_document(ports.records(), layout.night_key(night), NightRecord)[0]
    except NotFoundError as err:
        raise NotFoundError(f"night {night} is not known here", hint=_HINT, code="NightNotFound") from err


def _cut_off(night: str, found: Found) -> func.HttpResponse:
    shown: dict[str, Any] = night_views.under_way(night, found)
    message = (
        f"nothing drives night {night} any more, and it has no record: its orchestration failed or was ended "
        f"from outside. Backups that it has started go on, and GET /api/runs shows them. {_outlook(found)}"
    )
    return http.answer(424, http.envelope(code="NightCutOff", message=message, night=shown))


def _outlook(found: Found) -> str:
    if found.mark is not None and found.mark.starts >= STARTS_MAX:
        return "It was started again once already; look at the host's log, then fire it or ask again by hand"
    return (
        "It is started again by itself once, within 10 minutes; what it has backed up already is not backed "
        "up twice"
    )


def _final(record: NightRecord) -> func.HttpResponse:
    body = night_views.ended(record)
    status = night_views.status_of(record)
    if status == 200:
        return http.answer(200, body)
    details = night_views.details(record)
    message = f"night {record.night} ended with {night_views.counted(record.words)}"
    return http.answer(
        status, http.envelope(code="NotAllSucceeded", message=message, details=details, night=body)
    )
