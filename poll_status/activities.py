"""One poll."""

from __future__ import annotations

from typing import Any

from shared.core.errors import DrError
from shared.core.lro import Operation, OperationStatus, PollState, read_poll
from shared.core.ports import Ports
from shared.core.steps import fault_of


def poll_once(question: dict[str, Any], ports: Ports) -> dict[str, Any]:
    """
    Ask an operation's URL once. Idempotent: it only reads.

    Args:
        question: {"operation": Operation, "refreshToken": whether the last token was refused}.
        ports: Azure Resource Manager and the clock.

    Returns:
        OperationStatus. Whatever went wrong with the read is a FAULT in it: a poll never raises our errors.
    """
    operation = Operation.from_json(question["operation"])
    try:
        response = ports.arm.poll(operation.location_url, refresh_token=bool(question.get("refreshToken")))
        status = read_poll(response, operation=operation, now=ports.clock.now())
    except DrError as err:
        status = OperationStatus(state=PollState.FAULT, operation=operation, fault=fault_of(err))
    return status.to_json()
