"""The programs `az` and `azd`, as far as a deployment needs them. No shell, no tokens, nothing is logged."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from deploy.faults import DeployFault

INSTALL_AZ = "install the Azure CLI: https://learn.microsoft.com/cli/azure/install-azure-cli"
SIGN_IN = "sign in first: az login (a hook of azd uses the sign-in of az, not that of azd)"
SAID_LINES_MAX = 12

_SIGNED_OUT = re.compile(
    r"az login|AADSTS(?:50173|700082|70043|50078)|refresh token has expired", re.IGNORECASE
)
_ABSENT = re.compile(
    r"ResourceNotFound|ResourceGroupNotFound|DeploymentNotFound|was not found|could not be found"
    r"|SubscriptionNotFound|NotFound\b"
)
_FORBIDDEN = re.compile(
    r"AuthorizationFailed|LinkedAuthorizationFailed|does not have authorization|Forbidden"
)


class AzFault(DeployFault):
    """A call of `az` failed; `said` is the end of what it printed."""

    def __init__(self, doing: str, said: str) -> None:
        lines = [line.rstrip() for line in said.splitlines() if line.strip()]
        self.said = "\n".join(lines)
        shown = "".join(f"\n    {line[:400]}" for line in lines[-SAID_LINES_MAX:])
        super().__init__(f"{doing} failed; az says:{shown or ' nothing'}")

    @property
    def is_absent(self) -> bool:
        """Whether the thing is not there, or this account may not see it."""
        return _ABSENT.search(self.said) is not None

    @property
    def is_forbidden(self) -> bool:
        """Whether a right is missing."""
        return _FORBIDDEN.search(self.said) is not None


class Az:
    """Calls of `az` in one subscription by default; each is made once and answers JSON."""

    def __init__(self, subscription: str) -> None:
        self._subscription = subscription

    def json(self, doing: str, arguments: Sequence[str], *, subscription: str = "") -> Any:
        """
        Return what a command answers, None for an empty answer.

        Args:
            doing: what it is for, for the error's text.
            arguments: the command without `az`.
            subscription: another one than that of the deployment.

        Raises:
            DeployFault: there is no `az`, nobody is signed in, or it answers no JSON.
            AzFault: the command failed.
        """
        command = [*arguments, "--subscription", subscription or self._subscription]
        done = _run("az", [*command, "--output", "json", "--only-show-errors"], INSTALL_AZ)
        if done.returncode:
            if _SIGNED_OUT.search(done.stderr):
                raise DeployFault(f"{doing}: nobody is signed in to az, or not any more; {SIGN_IN}")
            raise AzFault(doing, done.stderr or done.stdout)
        try:
            return json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError as err:
            raise DeployFault(
                f"{doing}: az answered something that is not JSON; does az work? (az version)"
            ) from err

    def found(self, doing: str, arguments: Sequence[str], *, subscription: str = "") -> Any:
        """Return what a command answers, None if the thing is not there; raises as `json` does."""
        try:
            return self.json(doing, arguments, subscription=subscription)
        except AzFault as fault:
            if fault.is_absent:
                return None
            raise


def store(environment: str, values: dict[str, str]) -> bool:
    """
    Store values in azd's environment; False where there is no azd.

    Raises:
        DeployFault: azd refused one of them.
    """
    if shutil.which("azd") is None:
        return False
    for name, value in values.items():
        done = _run("azd", ["env", "set", name, value, "--environment", environment], "install azd")
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-400:]
            raise DeployFault(f"azd env set {name} failed; azd says: {said or 'nothing'}")
    return True


def _run(program: str, arguments: Sequence[str], remedy: str) -> subprocess.CompletedProcess[str]:
    # on Windows `az` is a batch file, which only its full path finds
    path = shutil.which(program)
    if path is None:
        raise DeployFault(f"there is no '{program}' on this machine: {remedy}")
    return subprocess.run(
        [path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
