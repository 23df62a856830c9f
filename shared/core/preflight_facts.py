"""
What preflight is made of: the facts that were read, and the checks that are made of them.

A fact that could not be read is kept as `Unseen`, with the reason; a check that needs it says so and is
not made. Nothing here judges.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.core import names, shell_lines
from shared.core.access import BackupStorage
from shared.core.documents import Value
from shared.core.services import ServiceRef

_T = TypeVar("_T")
_F = TypeVar("_F")


class Verdict(enum.StrEnum):
    """What a check says."""

    OK = "ok"
    WARNING = "warning"
    """The backup may work; somebody should look."""
    REFUSAL = "refusal"
    """The backup cannot work, or could not be proven; nothing is sent."""
    NOT_CHECKED = "notChecked"
    """What the check needs could not be read."""


class Check(Value):
    """One check of one service, as an operator reads it."""

    name: str
    verdict: Verdict
    cause: str
    command: str = ""
    """What mends it: a line for a shell, or an edit of the plan; empty where there is nothing to mend."""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check comes to, before it has its name and link."""

    verdict: Verdict
    cause: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """
    A fact that could not be read.

    `for_now` if the next try may read it; `scope` is the ARM id at which the right to read it is missing,
    where that is known to be the cause.
    """

    reason: str
    for_now: bool = False
    scope: str = ""
    code: str = ""
    """The other side's own code for it, where it had one."""


class NotCheckedError(Exception):
    """Leaves a check whose facts are missing; never leaves preflight."""

    def __init__(self, reason: str, scope: str = "") -> None:
        super().__init__(reason)
        self.scope = scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was read of one service and of where its backup goes. Everything of Azure is as it came."""

    service: str
    """The service's name in the plan."""
    expected: ServiceRef
    storage: BackupStorage
    backup_name: str
    api_version: str
    resource: Mapping[str, Any] | Unseen
    workspace_links: Sequence[Mapping[str, Any]] | Unseen
    permissions: Sequence[Mapping[str, Any]] | Unseen
    """Of this app, on the service."""
    locks: Sequence[Mapping[str, Any]] | Unseen
    """On the service and above."""
    account: Mapping[str, Any] | Unseen
    blob_service: Mapping[str, Any] | Unseen
    role_assignments: Sequence[Mapping[str, Any]] | Unseen
    """Of the identity that writes the backup, on the storage account, above and below."""
    has_container: bool | Unseen
    key_fault: str = ""
    """What is wrong with the setting that holds the account key, where one is used."""

    @property
    def plan_name(self) -> str:
        """Whose entry in the plan is meant: of a safety backup, that of the service that is restored."""
        return names.secured_service(self.service) or self.service

    @property
    def place(self) -> str:
        """Where the plan says how the service reaches the account."""
        secured = names.secured_service(self.service)
        return (
            f"the target's entry (standby or drillTarget) of {secured}"
            if secured
            else f"storage of {self.service}"
        )


def seen(fact: _T | Unseen) -> _T:
    """
    Return a fact.

    Raises:
        NotCheckedError: it could not be read; says why.
    """
    if isinstance(fact, Unseen):
        raise NotCheckedError(fact.reason, fact.scope)
    return fact


def make(name: str, link: str, judge: Callable[[_F], Finding], facts: _F) -> Check:
    """Make one check, or say why it was not made; none that goes wrong hides another."""
    try:
        found = judge(facts)
    except NotCheckedError as err:
        command = shell_lines.give("Reader", err.scope) if err.scope else ""
        found = Finding(verdict=Verdict.NOT_CHECKED, cause=str(err), command=command)
    except (TypeError, KeyError, AttributeError, ValueError):
        # a resource of an unknown shape must not pass for a good one
        found = Finding(verdict=Verdict.NOT_CHECKED, cause="what was read is not of the documented shape")
    return Check(name=name, verdict=found.verdict, cause=found.cause, command=found.command, link=link)


def properties(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a resource's properties; none at all is an empty mapping. Raises TypeError for anything else."""
    found = resource.get("properties") or {}
    if not isinstance(found, Mapping):
        raise TypeError("properties is not an object")
    return found


def ok(cause: str) -> Finding:
    """Nothing speaks against it."""
    return Finding(verdict=Verdict.OK, cause=cause)


def warning(cause: str, command: str) -> Finding:
    """It may work."""
    return Finding(verdict=Verdict.WARNING, cause=cause, command=command)


def refusal(cause: str, command: str) -> Finding:
    """It cannot work."""
    return Finding(verdict=Verdict.REFUSAL, cause=cause, command=command)
