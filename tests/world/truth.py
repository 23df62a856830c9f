"""
The simulator's own account of a night, in the app's words, and what disagrees with it.

Nothing here reads what the app wrote about itself, nor which misfortune was planted where: the words are
derived from the operations that the simulator accepted, how they ended, what it wrote, and what it answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.core.reports import NightRecord
from shared.core.restore_points import RestorePoint
from shared.core.runs import Outcome
from shared.core.services import ServiceRef
from simulator.testing import OperationAccount
from tests.world.azure import Azure, WrittenBlob

REFUSALS = {401, 403}
VERDICTS = {200, 400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What happened to one service, as the simulator tells it."""

    state: str
    """The provisioningState now; "" if there is no such service."""
    operations: tuple[OperationAccount, ...]
    """Those that were accepted from the app, oldest first."""
    polls: tuple[dict[str, Any], ...]
    """Calls to operation results, with the status that was answered and whether it was a scripted fault."""
    usable: frozenset[str]
    """Names of the blobs that were written and are not empty."""

    def word(self) -> Outcome:
        """Return the word that an honest app must come to at the night's end."""
        if not self.operations:
            return Outcome.REFUSED
        last = self.operations[-1]
        if last.state == "Running":
            return Outcome.OUTCOME_UNKNOWN
        polls = [one for one in self.polls if one["time"] >= last.started_at]
        answers = {one["status"] for one in polls}
        was_told = any(one["status"] in VERDICTS and not one["faulted"] for one in polls)
        if polls and not was_told:
            return Outcome.POLL_DENIED if answers <= REFUSALS else Outcome.OUTCOME_UNKNOWN
        # a service that is left at Failed is Azure Resource Manager's way to say that its operation failed
        is_good = last.state == self.state == "Succeeded" and last.blob in self.usable
        return Outcome.SUCCEEDED if is_good else Outcome.FAILED


def tell(azure: Azure, services: Mapping[str, ServiceRef]) -> dict[str, Truth]:
    """Return what happened to each service, by name."""
    accounts = {name.lower(): account for name, account in azure.simulator.account().items()}
    empty = hashlib.sha256(b"").hexdigest()
    usable = frozenset(one.name for one in azure.vault.written if one.sha256 != empty)
    truths = {}
    for name, service in services.items():
        account = accounts.get(service.resource_id.lower())
        truths[name] = Truth(
            state=account.state if account else "",
            operations=tuple(azure.own(account.operations)) if account else (),
            polls=tuple(azure.polls(service)),
            usable=usable,
        )
    return truths


def disagreements(
    night: NightRecord,
    points: Iterable[RestorePoint],
    truths: Mapping[str, Truth],
    written: Iterable[WrittenBlob],
) -> list[str]:
    """
    Return every statement of the app that the simulator's account does not bear out.

    Args:
        night: the app's record of the night.
        points: all restore points that are on record.
        truths: the simulator's account, by service.
        written: every blob that the simulator wrote.
    """
    found = [f"{name}: no word at all" for name in truths.keys() - {one.service for one in night.services}]
    known = {(one.account, one.container, one.name): one.sha256 for one in written}
    recorded = {}
    for point in points:
        recorded[point.service, point.name] = point
        if known.get((point.account, point.container, point.name)) != point.sha256:
            found.append(f"{point.service}: the record {point.name} names a blob that was never written so")
    for told in night.services:
        truth = truths[told.service]
        if told.outcome is not truth.word():
            found.append(f"{told.service}: told {told.outcome}, but it was {truth.word()}")
        if (told.outcome is Outcome.SUCCEEDED) != (told.restore_point is not None):
            found.append(f"{told.service}: told {told.outcome} with restore point {told.restore_point}")
        if told.restore_point and (told.service, told.restore_point) not in recorded:
            found.append(f"{told.service}: {told.restore_point} is not on record")
        if told.restore_point and told.restore_point not in {one.blob for one in truth.operations}:
            found.append(f"{told.service}: {told.restore_point} is the blob of no operation")
        if len(truth.operations) > len(told.run_ids):
            found.append(f"{told.service}: {len(truth.operations)} operations in {len(told.run_ids)} runs")
    return found
