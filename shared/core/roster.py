"""
The roster: which services discovery has found, and everything that speaks for or against them.

Rules of the file:
1. A list that could not be read proves nothing: its services stay as they were, and it is named.
2. A service that a list no longer shows is looked at by itself before it is dropped, because a list
   leaves out what the app may not read.
3. Nothing that has the tags is left out without a reason.
4. Only what was found is kept. What the plan says of it is looked up in the plan of the moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shared.core.documents import Document, Utc, Value
from shared.core.fields import PlanName, Region, ResourceId
from shared.core.plan import Discovery, Plan, PlannedService, ProtectedService
from shared.core.services import canonical_region


class Found(Value):
    """One service that discovery found; its name is that of the Azure resource in lower case."""

    name: PlanName
    resource_id: ResourceId
    region: Region

    @property
    def subscription(self) -> str:
        """The subscription that it belongs to, in lower case."""
        return self.resource_id.split("/")[2].lower()


class Outsider(Value):
    """One service that is not protected, by its ARM id, and why."""

    resource_id: str
    reason: str


class Unread(Value):
    """One subscription that was not read, or not in full, and why."""

    subscription: str
    reason: str


class Roster(Document):
    """What discovery found last."""

    taken_at: Utc
    services: tuple[Found, ...] = ()
    not_read: tuple[Unread, ...] = ()
    left_out: tuple[Outsider, ...] = ()
    """They have the tags, and the plan cannot hold them."""
    left: tuple[Outsider, ...] = ()
    """They were on the roster before and no longer are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What the subscriptions answered, by their ids in lower case: resources, or why there are none."""

    resources: Mapping[str, Sequence[Any]]
    unread: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One service, looked at by itself: its resource, None if it is gone; or why it could not be read."""

    resource: Any = None
    reason: str = ""


def subscriptions(plan: Plan) -> tuple[str, ...]:
    """Return the subscriptions that are searched, each once and in lower case."""
    asked = plan.discover.subscriptions if plan.discover else ()
    return tuple(dict.fromkeys(subscription.lower() for subscription in asked))


def members(plan: Plan, roster: Roster) -> Iterator[tuple[str, PlannedService]]:
    """Yield name and entry of what was found before, as far as it fits the plan of the moment."""
    asked = frozenset(subscriptions(plan))
    parts = _Parts(plan)
    for found in roster.services:
        if found.subscription in asked and not parts.is_named(found) and not parts.why_not(found):
            yield found.name, _entry(found)


def filled_in(plan: Plan, roster: Roster) -> tuple[ProtectedService, ...]:
    """Return the services that discovery adds to the plan, with everything filled in."""
    return tuple(plan.fill_in(entry) for _, entry in members(plan, roster))


def vanished(plan: Plan, former: Roster, lists: Lists) -> tuple[Found, ...]:
    """Return former members that their subscription's list does not show with the tags."""
    shown = {found.resource_id.lower() for found in _shown(plan, lists)[0]}
    return tuple(
        found
        for found in former.services
        if found.subscription in lists.resources and found.resource_id.lower() not in shown
    )


def assemble(
    plan: Plan, former: Roster, lists: Lists, sightings: Mapping[str, Sighting], taken_at: Utc
) -> Roster:
    """
    Return the new roster.

    Args:
        plan: has `discover`.
        former: the roster before; an empty one at first.
        lists: what the subscriptions answered.
        sightings: for each of `vanished`, by ARM id in lower case.
        taken_at: now.
    """
    candidates, left_out = _shown(plan, lists)
    unread = [Unread(subscription=name, reason=reason) for name, reason in lists.unread.items()]
    left: list[Outsider] = []
    for found in former.services:
        if found.subscription in lists.unread:
            candidates.append(found)
        elif found.subscription not in lists.resources:
            left.append(_outsider(found, "its subscription is no longer searched"))
    for found in vanished(plan, former, lists):
        kept, note = _judge(plan, found, sightings[found.resource_id.lower()])
        if not kept:
            left.append(_outsider(found, note))
            continue
        candidates.append(found)
        if note:
            unread.append(Unread(subscription=found.subscription, reason=note))
    services, unfit = _fitting(plan, candidates)
    return Roster(
        taken_at=taken_at,
        services=services,
        not_read=tuple(unread),
        left_out=(*left_out, *unfit),
        left=tuple(left),
    )


def _shown(plan: Plan, lists: Lists) -> tuple[list[Found], list[Outsider]]:
    """Return what the lists show with the tags, and of it what cannot be read."""
    found: list[Found] = []
    unusable: list[Outsider] = []
    for resources in lists.resources.values():
        for resource in resources:
            if plan.discover and _has_tags(resource, plan.discover):
                try:
                    found.append(_read(resource))
                except (KeyError, TypeError, AttributeError, ValidationError):
                    reason = "its resource has no id or location that could be read"
                    unusable.append(Outsider(resource_id=str(resource.get("id", "?"))[:300], reason=reason))
    return found, unusable


def _read(resource: Mapping[str, Any]) -> Found:
    return Found(
        name=resource["id"].rsplit("/", 1)[-1].lower(),
        resource_id=resource["id"],
        region=canonical_region(resource["location"]),
    )


def _has_tags(resource: Any, discovery: Discovery) -> bool:
    """Compare names without regard to case and values exactly, as Azure does."""
    tags = resource.get("tags") if isinstance(resource, Mapping) else None
    if not isinstance(tags, Mapping):
        return False
    there = {str(name).lower(): value for name, value in tags.items()}
    return all(there.get(name.lower()) == value for name, value in discovery.tag.items())


def _judge(plan: Plan, found: Found, sighting: Sighting) -> tuple[bool, str]:
    """Return whether a service that a list no longer shows is kept, and what there is to say of it."""
    if sighting.reason:
        return True, f"{found.name} is not in the list, and cannot be read by itself: {sighting.reason}"
    if sighting.resource is None:
        return False, "it no longer exists"
    if plan.discover and _has_tags(sighting.resource, plan.discover):
        return True, f"{found.name} is not in the list, although it is there and has the tags"
    return False, "it no longer has the tags"


def _fitting(plan: Plan, candidates: Sequence[Found]) -> tuple[tuple[Found, ...], list[Outsider]]:
    """Return the candidates that the plan can hold, by name, and the others with their reasons."""
    parts = _Parts(plan)
    services: dict[str, Found] = {}
    unfit: list[Outsider] = []
    seen: set[str] = set()
    for found in sorted(candidates, key=lambda one: (one.name, one.resource_id.lower())):
        if found.resource_id.lower() in seen or parts.is_named(found):
            continue
        seen.add(found.resource_id.lower())
        reason = parts.why_not(found)
        if not reason and found.name in services:
            reason = f"its name is that of {services[found.name].resource_id}"
        if reason:
            unfit.append(_outsider(found, reason))
        else:
            services[found.name] = found
    return tuple(services.values()), unfit


class _Parts:
    """What the plan itself names, for looking up."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._names = {entry.name for entry in plan.entries}
        self._primaries = {entry.resource_id.lower() for entry in plan.entries}
        others = [other for entry in plan.entries for other in (entry.standby, entry.drill_target)]
        self._others = {other.resource_id.lower() for other in others if other is not None}

    def is_named(self, found: Found) -> bool:
        """Whether the plan names the service itself, and then with settings of its own."""
        return found.resource_id.lower() in self._primaries

    def why_not(self, found: Found) -> str:
        """Return why the plan cannot hold a service, or an empty string."""
        if found.resource_id.lower() in self._others:
            return "it is a standby or a drill target of the plan"
        if found.region not in self._plan.regions:
            return f"its region {found.region} has no entry in the plan"
        if self._plan.storage_of(_entry(found)) is None:
            return f"neither its region {found.region} nor the plan's defaults name a storage"
        if found.name in self._names:
            return f"the plan gives the name {found.name} to another service"
        return ""


def _entry(found: Found) -> PlannedService:
    return PlannedService(name=found.name, resource_id=found.resource_id, region=found.region)


def _outsider(found: Found, reason: str) -> Outsider:
    return Outsider(resource_id=found.resource_id, reason=reason)
