"""Answers of our HTTP routes: JSON, and errors in the envelope that Azure Resource Manager uses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import azure.functions as func

from shared.core.errors import DrError, FaultsError, TemporaryError
from shared.core.runs import Outcome
from shared.findings import FindingsError

RETRY_AFTER_S = 5
"""How soon a caller may ask again for a run; a look costs one blob read."""

STATUS_OF_OUTCOME = {
    Outcome.SUCCEEDED: 200,
    Outcome.FAILED: 422,
    Outcome.REFUSED: 409,
    Outcome.POLL_DENIED: 424,
    Outcome.OUTCOME_UNKNOWN: 424,
}
"""What a caller that follows the Location gets at the end. No 5xx: generic clients repeat those."""


def answer(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Return JSON with a status."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        headers=dict(headers or {}),
        mimetype="application/json",
    )


def envelope(
    code: str, message: str, details: Sequence[Mapping[str, Any]] = (), **more: Any
) -> dict[str, Any]:
    """Return {"error": {"code", "message", "details"}}."""
    return {"error": {"code": code, "message": message, "details": list(details), **more}}


def failure(err: DrError) -> func.HttpResponse:
    """Return one of our errors as an answer; every fault it lists is one of the details."""
    details = []
    message = err.message
    if isinstance(err, FaultsError):
        details = [{"code": err.code, "target": where, "message": what} for where, what in err.faults]
        message += ": " + "; ".join(f"{where} {what}" for where, what in err.faults)
    text = f"{message}. {err.hint}" if err.hint else message
    headers = {}
    if isinstance(err, TemporaryError):
        headers["Retry-After"] = str(err.retry_after_s or RETRY_AFTER_S)
    return answer(err.http_status, envelope(err.code, text, details), headers)


def refusal(err: FindingsError) -> func.HttpResponse:
    """Return a call that was not accepted as an answer, with each of its faults."""
    details = [
        {"code": finding.code, "target": finding.target, "message": finding.message}
        for finding in err.findings
    ]
    message = f"{err.message}: " + "; ".join(finding.message for finding in err.findings)
    message += f". {err.hint}" if err.hint else ""
    return answer(err.http_status, envelope(err.code, message, details))


def run_url(request_url: str, run_id: str) -> str:
    """
    Return the absolute URL of a run, at the origin that the caller used.

    The caller's query is left out: a function key in it must not come back in a header that is logged.
    """
    return _url(request_url, f"runs/{run_id}")


def night_url(request_url: str, night: str) -> str:
    """Return the absolute URL of a night, as run_url does of a run."""
    return _url(request_url, f"nights/{night}")


def drill_url(request_url: str, drill_id: str) -> str:
    """Return the absolute URL of a drill, as run_url does of a run."""
    return _url(request_url, f"drills/{drill_id}")


def service_url(request_url: str, service: str) -> str:
    """Return the absolute URL of a service, as run_url does of a run."""
    return _url(request_url, f"services/{service}")


def rebuild_url(request_url: str, rebuild_id: str) -> str:
    """Return the absolute URL of a rebuild of the catalogue, as run_url does of a run."""
    return _url(request_url, f"catalog/rebuilds/{rebuild_id}")


def _url(request_url: str, rest: str) -> str:
    base = request_url.split("?", 1)[0]
    prefix = base[: base.rindex("/api/")] if "/api/" in base else base.rsplit("/", 1)[0]
    return f"{prefix}/api/{rest}"
