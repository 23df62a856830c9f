"""Deploying the foundation: after a deployment of its name that is at work, and again where Azure lags."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from time import sleep  # noqa: TID251 - on the machine of whoever deploys nothing is durable
from typing import Any

from deploy.az import Az, AzFault

PAUSES_SECONDS = (30, 60)
"""Before a second and a third try."""

_LAGS = re.compile(
    r"RoleDefinitionDoesNotExist|PrincipalNotFound|Managed Identity Authorization Error"
    r"|[Mm]anaged identity for event subscription does not have authorization"
)
"""What Azure says of a role, an identity or a right that is new, and that it does not know everywhere."""

Say = Callable[[str], None]


def deploy(az: Az, name: str, command: Sequence[str], say: Say) -> Any:
    """
    Deploy to the subscription, and return what Azure shows of the deployment.

    Args:
        az: of the subscription.
        name: of the deployment; Azure refuses a second one of that name while the first is at work.
        command: the rest of `az deployment sub create`.
        say: tells what is waited for.

    Raises:
        AzFault: it failed; where it may succeed a little later, it was tried three times.
    """
    _wait_for_the_former(az, name, say)
    for pause in (*PAUSES_SECONDS, None):
        try:
            return az.json(
                "deploying the foundation", ["deployment", "sub", "create", "--name", name, *command]
            )
        except AzFault as fault:
            if pause is None or not is_lag(fault):
                raise
            say(f"Azure does not know everywhere yet what it has made; trying again in {pause} seconds …")
            sleep(pause)
    raise AssertionError("the last try returns or raises")


def is_lag(fault: AzFault) -> bool:
    """Whether the same may succeed a little later."""
    return _LAGS.search(fault.said) is not None


def _wait_for_the_former(az: Az, name: str, say: Say) -> None:
    """Wait for a deployment of that name that Azure is still at, for instance after Ctrl-C."""
    shown = az.found("looking for a former deployment", ["deployment", "sub", "show", "--name", name])
    if _state(shown) != "Running":
        return
    say(f"Azure is still at an earlier deployment {name}; waiting for it (Ctrl-C leaves it) …")
    waiting = ["deployment", "sub", "wait", "--name", name]
    try:
        az.json("waiting for it", [*waiting, "--custom", "properties.provisioningState!='Running'"])
    except AzFault:
        # that it has failed is no fault of the next one; that it is not at its end is
        shown = az.found("looking for a former deployment", ["deployment", "sub", "show", "--name", name])
        if _state(shown) == "Running":
            raise


def _state(deployment: Any) -> str:
    return str(((deployment or {}).get("properties") or {}).get("provisioningState") or "")
