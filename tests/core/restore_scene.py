"""Facts of a restore with which nothing is wrong: a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core import names
from shared.core.ports import BlobFacts
from shared.core.preflight_facts import Check
from shared.core.restore_facts import RestoreFacts
from shared.core.restore_guards import judge
from tests.core import facts, make

TARGET = make.service("contoso-neu", "northeurope")
ALIENS = frozenset({make.service().resource_id.lower()})


def resource(state: str = "Succeeded", *, tier: str = "Developer", **changes: Any) -> dict[str, Any]:
    """Return the target as Azure shows it; `changes` are properties."""
    default = {"type": "Proxy", "hostName": "contoso-neu.azure-api.net"}
    found = facts.resource(tier=tier, state=state, **{"hostnameConfigurations": [default], **changes})
    return {**found, "id": TARGET.resource_id, "name": TARGET.name, "location": "North Europe"}


def fine(
    *, access: Any = facts.SYSTEM, around: dict[str, Any] | None = None, wish: Any = None, **changes: Any
) -> RestoreFacts:
    """
    Return facts of which every guard is ok.

    Args:
        access: how the target reaches the blob.
        around: changes of what preflight would read.
        wish: changes of the request.
        changes: of the facts.
    """
    request = make.restore_request().model_copy(update={"access": access, **(wish or {})})
    point = request.point
    target = {"service": names.safety_service(request.service), "expected": request.target}
    surroundings = replace(facts.fine(access), **{**target, "resource": resource(), **(around or {})})
    found = RestoreFacts(
        request=request,
        now=make.NOW,
        around=surroundings,
        is_missing=False,
        deleted=None,
        record=point,
        is_going=False,
        blob=BlobFacts(size_bytes=point.size_bytes, etag=point.etag, sha256=point.sha256),
        calls=0,
        primaries=ALIENS,
        primary=request.point.source,
    )
    return replace(found, **changes)


def check(name: str, found: RestoreFacts) -> Check:
    """Return the verdict of one guard."""
    return next(one for one in judge(found) if one.name == name)


def verdicts(found: RestoreFacts) -> dict[str, str]:
    """Return every verdict by the guard's name."""
    return {one.name: one.verdict.value for one in judge(found)}
