"""How nights are shown. Pure: what is known of a night in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared import http
from shared.core import glance
from shared.core.nights import NightWish
from shared.core.reports import NightRecord, ServiceNight
from shared.core.runs import Outcome
from shared.nights import Found, Standing

DETAILS_MAX = 50

_PHASES = {Standing.CUT_OFF: "CutOff", Standing.ENDED: "Ended"}


def under_way(night: str, found: Found, *, in_short: bool = False) -> dict[str, Any]:
    """Return a night without a record: its wish, and what its orchestration says of it."""
    status = found.instance.custom_status if isinstance(found.instance.custom_status, dict) else {}
    waiting = status.get("waitingFor")
    shown = {
        **_head(night, found.mark),
        "phase": _PHASES.get(found.standing, "UnderWay"),
        "outcome": None,
        "counts": status.get("counts", {}),
        "message": f"waiting: {waiting}" if waiting else _message(found),
    }
    if in_short:
        return shown
    return {**shown, "services": glance.services(status), "servicesNotShown": status.get("notShown", 0)}


def ended(record: NightRecord, *, in_short: bool = False) -> dict[str, Any]:
    """Return a night that has ended, with its services or without."""
    body = record.to_json()
    shown = {
        "nightId": record.night,
        "trigger": record.trigger,
        "reason": record.reason,
        "scheduledAt": body["scheduledAt"],
        "requestedAt": body["requestedAt"],
        "phase": "Ended",
        "outcome": record.worst,
        "endedAt": body["endedAt"],
        "durationS": round((record.ended_at - record.requested_at).total_seconds()),
        "words": record.words,
        "rpoMissed": list(record.rpo_missed),
        "caughtUp": record.caught_up,
    }
    if in_short:
        return shown
    return {**shown, "starts": record.starts, "warnings": body["warnings"], "services": body["services"]}


def status_of(record: NightRecord) -> int:
    """Return the HTTP status of a night: that of its worst word, as for a run; what is paused is left out."""
    return http.STATUS_OF_OUTCOME[record.worst]


def details(record: NightRecord) -> list[dict[str, str]]:
    """Return the services that did not succeed, as details of an error, the first 50."""
    bad = [told for told in record.services if told.outcome is not Outcome.SUCCEEDED and not told.is_paused]
    return [_detail(told) for told in bad[:DETAILS_MAX]]


def counted(words: Mapping[str, int]) -> str:
    """Return counts of words as text: 48 Succeeded, 2 Failed."""
    return ", ".join(f"{count} {word}" for word, count in words.items())


def _detail(told: ServiceNight) -> dict[str, str]:
    fault = told.fault
    why = f"{fault.code}: {fault.message}" + (f". {fault.hint}" if fault.hint else "") if fault else ""
    return {"code": told.outcome.value, "target": told.service, "message": why or told.outcome.value}


def _head(night: str, mark: NightWish | None) -> dict[str, Any]:
    wish = mark.to_json() if mark else {}
    known = ("trigger", "reason", "scheduledAt", "requestedAt", "caughtUp", "starts")
    return {"nightId": night, **{name: wish.get(name) for name in known}}


def _message(found: Found) -> str:
    if found.standing is Standing.CUT_OFF:
        return "nothing drives this night any more"
    return "backing up" if found.instance.custom_status else "finding out whom to back up"
