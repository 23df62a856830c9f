"""
The breaker: what keeps a restore point from its standby until an operator says so. Pure.

Every sentence says what is wrong, and the last one how the point is let through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.core.replication_survey import Candidate, Survey

COUNTED_FROM = 10
"""Of fewer entities of one kind, the loss of a few is everyday work."""

BY_HAND = "POST /api/restores brings it, if it is really wanted"

OF_THE_POINT = frozenset(
    {"TierEqual", "PointRecorded", "PointNotPruned", "PointNotExpired", "BlobAsRecorded"}
)
"""Guards whose no says nothing against another point; every other one's no stops them all."""


def objections(point: Candidate, survey: Survey) -> Iterator[str]:
    """Say why a point is not replicated, and how an operator lets it through; nothing: it is good."""
    if point.digest is None:
        yield f"{point.name} has no inventory, so its restore could never be proven; {BY_HAND}"
        return
    found = () if point.approved_at else tuple(_doubts(point, survey))
    if found:
        yield from found
        yield lets_through(survey.service, point.name)


def lets_through(service: str, name: str) -> str:
    """Return the call by which an operator lets a point through."""
    body = f'{{"restorePoint": "{name}", "reason": "<why>", "confirm": "REPLICATE {service}"}}'
    return f"POST /api/services/{service}/replicate with {body} lets it through"


def shrinkage(held: Mapping[str, int], new: Mapping[str, int], percent_max: int) -> Iterator[str]:
    """
    Say by how much a point has fewer entities than what the standby holds, where that is too much.

    Args:
        held: entities of each kind that the standby holds; empty: not known, and then nothing is said.
        new: those of the point.
        percent_max: how large a share may be missing, of all entities or of a kind with at least ten.
    """
    kinds = [(kind, held[kind], new.get(kind, 0)) for kind in sorted(held) if held[kind] >= COUNTED_FROM]
    for what, had, has in [("entities", sum(held.values()), sum(new.values())), *kinds]:
        lost = had - has
        if lost * 100 > had * percent_max:
            yield f"{lost} of {had} {what} are gone ({lost * 100 // had} %, allowed are {percent_max} %)"


def _doubts(point: Candidate, survey: Survey) -> Iterator[str]:
    if survey.has_own_content:
        yield (
            f"{survey.target.name} has, or may have, content of its own that this app has not brought there; "
            f"{point.name} would replace all of it, and what is in no restore point would be lost but for "
            "the safety backup that is made first"
        )
    if point.is_rebuilt:
        yield f"the record of {point.name} was made anew by a rebuild, and not by a backup"
    if survey.held is not None:
        losses = ", ".join(shrinkage(survey.held.counts, point.counts, survey.shrink_percent_max))
        if losses:
            yield f"{point.name} is much smaller than what the standby holds: {losses}"
