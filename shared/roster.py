"""The services that this app knows: those that the plan names, and those that discovery found last."""

from __future__ import annotations

import functools
import logging

from shared import telemetry
from shared.core import layout, roster
from shared.core.errors import ConflictError, DrError, NotFoundError, ProtocolError
from shared.core.plan import ProtectedService
from shared.core.ports import Ports
from shared.core.roster import Found, Lists, Roster, Sighting
from shared.threads import in_threads

LISTS_AT_ONCE = 8
TRIES_MAX = 5
"""Two nights that refresh at the same time are rare, and each of them only once."""


def members(ports: Ports) -> tuple[ProtectedService, ...]:
    """
    Return all services: the plan's in its order, then what discovery found last, by name.

    Costs one blob read if the plan discovers, and nothing otherwise.

    Raises:
        ProtocolError: the stored roster cannot be read; the next refresh writes it anew.
        AccessError, TemporaryError: of storage.
    """
    plan = ports.plan
    if plan.discover is None:
        return plan.services
    return plan.services + roster.filled_in(plan, _stored(ports))


def find(ports: Ports, name: str) -> ProtectedService | None:
    """Return the service of that name, or None; raises as `members` does, unless the plan names it."""
    plan = ports.plan
    named = plan.service(name)
    if named is not None or plan.discover is None:
        return named
    entries = (entry for found, entry in roster.members(plan, _stored(ports)) if found == name)
    entry = next(entries, None)
    return plan.fill_in(entry) if entry else None


def find_resource(ports: Ports, resource_id: str) -> ProtectedService | None:
    """Return the service of that ARM id, or None; raises as `members` does, unless the plan names it."""
    wanted, plan = resource_id.lower(), ports.plan
    named = next((one for one in plan.services if one.resource_id.lower() == wanted), None)
    if named is not None or plan.discover is None:
        return named
    entries = (entry for _, entry in roster.members(plan, _stored(ports)))
    entry = next((entry for entry in entries if entry.resource_id.lower() == wanted), None)
    return plan.fill_in(entry) if entry else None


def own_primaries(ports: Ports) -> tuple[ProtectedService, ...]:
    """Return the services that this app backs up: those of its region."""
    return tuple(service for service in members(ports) if service.region == ports.plan.region)


def primaries(ports: Ports) -> frozenset[str]:
    """
    Return the ARM ids, in lower case, of all that plan or discovery call a primary.

    Also of what has the tags and is a standby or a drill target of the plan: it is not backed up, but
    whoever gave it the tags wants it kept. Raises as `members` does.
    """
    plan = ports.plan
    stored = _stored(ports) if plan.discover else None
    ids = [service.resource_id for service in plan.services]
    if stored is not None:
        ids += [found.resource_id for found in stored.services]
        ids += [outsider.resource_id for outsider in stored.left_out]
    return frozenset(resource_id.lower() for resource_id in ids)


def refresh(ports: Ports) -> Roster:
    """
    Search for services, and keep what was found.

    A subscription that cannot be read keeps its former members and is named in the roster. Without
    `discover` in the plan nothing is asked and nothing is written.

    Raises:
        AccessError, TemporaryError, ConflictError: the roster could not be written; the former one stays.
    """
    if ports.plan.discover is None:
        return Roster(taken_at=ports.clock.now())
    lists = _ask(ports)
    sightings: dict[str, Sighting] = {}
    for _ in range(TRIES_MAX):
        former, etag = _former(ports)
        for found in roster.vanished(ports.plan, former, lists):
            if found.resource_id.lower() not in sightings:
                sightings[found.resource_id.lower()] = _look(found, ports)
        fresh = roster.assemble(ports.plan, former, lists, sightings, ports.clock.now())
        try:
            if etag is None:
                ports.records().create(layout.ROSTER, fresh.to_bytes())
            else:
                ports.records().replace(layout.ROSTER, fresh.to_bytes(), etag)
        except ConflictError:
            continue  # another refresh was faster: what it found is the former roster now
        _log(fresh)
        return fresh
    raise ConflictError(f"{layout.ROSTER} was changed {TRIES_MAX} times while it was written")


def _stored(ports: Ports) -> Roster:
    try:
        content, _ = ports.records().read(layout.ROSTER)
    except NotFoundError:
        return Roster(taken_at=ports.clock.now())
    try:
        return _parsed(content)
    except ProtocolError as err:
        hint = "The next night writes it anew; services that the plan names by ARM id are not concerned."
        raise ProtocolError(f"{layout.ROSTER}: {err.message}", hint=hint) from err


@functools.lru_cache(maxsize=2)
def _parsed(content: bytes) -> Roster:
    """Read a roster; a night finds its services one by one, and the same bytes are the same roster."""
    return Roster.from_bytes(content)


def _former(ports: Ports) -> tuple[Roster, str | None]:
    """Return the roster before and its ETag; one that cannot be read counts as empty, and is replaced."""
    empty = Roster(taken_at=ports.clock.now())
    try:
        content, etag = ports.records().read(layout.ROSTER)
    except NotFoundError:
        return empty, None
    try:
        return _parsed(content), etag
    except ProtocolError as err:
        telemetry.log(telemetry.Event.RECORD_UNREADABLE, level=logging.ERROR, message=err.message)
        return empty, etag


def _ask(ports: Ports) -> Lists:
    """List the services of every subscription, some at a time; a subscription fails alone."""

    def ask(subscription: str) -> list[object] | str:
        path = f"/subscriptions/{subscription}/providers/Microsoft.ApiManagement/service"
        try:
            return list(ports.arm.read_all(path, what=f"the services of subscription {subscription}"))
        except DrError as err:
            return err.message

    names = roster.subscriptions(ports.plan)
    answers = dict(zip(names, in_threads(ask, names, at_once=LISTS_AT_ONCE), strict=True))
    return Lists(
        resources={name: answer for name, answer in answers.items() if not isinstance(answer, str)},
        unread={name: answer for name, answer in answers.items() if isinstance(answer, str)},
    )


def _look(found: Found, ports: Ports) -> Sighting:
    try:
        return Sighting(resource=ports.arm.read(found.resource_id, what=f"service {found.name}"))
    except NotFoundError:
        return Sighting()
    except DrError as err:
        return Sighting(reason=err.message)


def _log(fresh: Roster) -> None:
    telemetry.log(telemetry.Event.ROSTER_REFRESHED, services=len(fresh.services))
    for unread in fresh.not_read:
        what = f"{unread.subscription}: {unread.reason}"
        telemetry.log(telemetry.Event.ROSTER_NOT_READ, level=logging.WARNING, message=what)
    for event, outsiders in (
        (telemetry.Event.ROSTER_LEFT_OUT, fresh.left_out),
        (telemetry.Event.ROSTER_LEFT, fresh.left),
    ):
        for outsider in outsiders:
            telemetry.log(event, level=logging.WARNING, service=outsider.resource_id, reason=outsider.reason)
