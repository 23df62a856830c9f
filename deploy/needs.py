"""
What the app of one region needs to be allowed, derived from the plan. Pure.

Rules of the file, each from what the code of the app does:
1. A service of this region is backed up and may be restored onto itself (`overwriteSource`), so the guards
   read its traffic: all four roles.
2. A standby or drill target of this region is restored into, and backed up first if it holds something: all
   four roles. A standby elsewhere is read for `GET …/failback`, with the place of its copies, which would
   take its backups then; a drill target elsewhere is not touched.
3. The app writes in the records of its own region and reads those of the others.
4. Where backups, copies or safety backups of this region go, the app writes manifests and prunes, and the
   service writes backups: both are contributors. Where copies are made from, the app is a reader.
5. A service that discovery finds later has no name yet. It is backed up with rights on its subscription;
   a right to restore is never given on a subscription.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared.core.access import Access
from shared.core.ends import End
from shared.core.plan import Plan, ProtectedService

BACKUP, RESTORE, USAGE, PREFLIGHT = "backupOperator", "restoreOperator", "usageReader", "preflightReader"
ALL_ROLES = (BACKUP, RESTORE, USAGE, PREFLIGHT)
READER, CONTRIBUTOR = "reader", "contributor"

Place = tuple[str, str]
"""Storage account and container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identity of an API Management service: its own, or the user-assigned one with that client id."""

    service: str
    client_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerNeed:
    """A role on a container for the app of `region`, or for a service's own identity."""

    account: str
    container: str
    role: str
    region: str
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """All that one app needs. Services are ARM ids, subscriptions ids in lower case, accounts names."""

    region: str
    services: dict[str, tuple[str, ...]]
    discovery: dict[str, tuple[str, ...]]
    containers: tuple[ContainerNeed, ...]
    accounts: tuple[str, ...]
    change_groups: tuple[tuple[str, str], ...]
    """(subscription, resource group) whose write events are wanted."""
    record_regions: tuple[str, ...]
    """Regions whose new records this app wants to hear of: those of services with their standby here."""
    key_uses: tuple[tuple[str, str], ...]
    """(setting, account): the settings that have to hold an account's key, and of which account."""

    @property
    def key_settings(self) -> tuple[str, ...]:
        """The settings that have to hold an account's key."""
        return tuple(sorted({setting for setting, _ in self.key_uses}))

    @property
    def role_subscriptions(self) -> tuple[str, ...]:
        """The subscriptions of services and discovery; those of the accounts Azure knows."""
        return tuple(
            sorted({service.split("/")[2].lower() for service in self.services} | set(self.discovery))
        )


def needs_of(plan: Plan, region: str, found: Iterable[ProtectedService] = ()) -> Needs:
    """
    Return what the app of a region needs.

    Args:
        plan: for any region.
        region: in canonical form.
        found: services that discovery finds today, filled in; their rights are those of their subscription.
    """
    discovered = tuple(found)
    everybody = (*plan.services, *discovered)
    primaries = [service for service in everybody if service.region == region]
    return Needs(
        region=region,
        services=_services(plan, region),
        discovery=_discovery(plan),
        containers=tuple(dict.fromkeys(_containers(plan, region, everybody))),
        accounts=_accounts(plan, region, everybody),
        change_groups=_groups(service for service in primaries if service.after_changes),
        record_regions=tuple(
            sorted({one.region for one in plan.services if one.standby and one.standby.region == region})
        ),
        key_uses=tuple(sorted(set(_key_uses(region, everybody)))),
    )


def ends_in(service: ProtectedService, region: str) -> tuple[End, ...]:
    """Return what points of a service are restored into by the app of a region, besides itself."""
    ends = (service.standby, service.drill_target)
    return tuple(end for end in ends if end is not None and end.region == region)


def points_in(service: ProtectedService, region: str) -> Place:
    """Return where the points lie that the app of a region restores: its copies, or the originals."""
    standby = service.standby
    if standby is not None and standby.storage is not None and standby.region == region:
        return standby.storage.account, standby.storage.container
    return service.storage.account, service.storage.container


def backup_places(plan: Plan) -> tuple[Place, ...]:
    """Return every container that backups or copies of any region go to."""
    places = [points_in(service, service.region) for service in plan.services]
    places += [points_in(one, one.standby.region) for one in plan.services if one.standby]
    if plan.discover is not None:
        storages = [place.storage or plan.defaults.storage for place in plan.regions.values()]
        places += [(storage.account, storage.container) for storage in storages if storage]
    return tuple(sorted(set(places)))


def account_ids(plan: Plan) -> dict[str, str]:
    """Return the ARM ids of accounts that the plan says, by the account's name."""
    storages = [service.storage for service in plan.services]
    storages += [place.storage for place in plan.regions.values() if place.storage]
    storages += [plan.defaults.storage] if plan.defaults.storage else []
    said = {storage.account: storage.resource_id for storage in storages if storage.resource_id}
    copies = [one.standby.storage for one in plan.services if one.standby and one.standby.storage]
    return said | {storage.account: storage.resource_id for storage in copies if storage.resource_id}


def _services(plan: Plan, region: str) -> dict[str, tuple[str, ...]]:
    """Return the roles of the app on each service that the plan names, once however its id is spelled."""
    roles: dict[str, tuple[str, tuple[str, ...]]] = {}
    for service in plan.services:
        if service.region == region:
            roles[service.resource_id.lower()] = service.resource_id, ALL_ROLES
            if service.standby is not None and service.standby.region != region:
                end_id = service.standby.resource_id
                roles.setdefault(end_id.lower(), (end_id, (PREFLIGHT,)))
        for end in ends_in(service, region):
            roles.setdefault(end.resource_id.lower(), (end.resource_id, ALL_ROLES))
    return dict(roles.values())


def _discovery(plan: Plan) -> dict[str, tuple[str, ...]]:
    if plan.discover is None:
        return {}
    usage = (USAGE,) if plan.defaults.usage is not None else ()
    return {one.lower(): (BACKUP, *usage, PREFLIGHT) for one in plan.discover.subscriptions}


def _containers(plan: Plan, region: str, services: Iterable[ProtectedService]) -> Iterator[ContainerNeed]:
    """Yield every role on a container; a contributor is no reader besides."""
    for other, place in plan.regions.items():
        role = CONTRIBUTOR if other == region else READER
        yield ContainerNeed(account=place.account, container=place.container, role=role, region=region)
    written: dict[Place, list[Identity | None]] = {}
    read: set[Place] = set()
    own = plan.regions[region].storage or plan.defaults.storage
    if plan.discover is not None and own is not None:
        written[own.account, own.container] = [None]
    for service in services:
        if service.region == region:
            written.setdefault(points_in(service, region), [None]).append(
                _identity(service.resource_id, service.storage.access)
            )
        for end in ends_in(service, region):
            written.setdefault(points_in(service, region), [None]).append(
                _identity(end.resource_id, end.access)
            )
        standby = service.standby
        if standby is not None and region in {service.region, standby.region}:
            read |= {points_in(service, service.region), points_in(service, standby.region)}
    for (account, container), identities in written.items():
        # an account key needs no role, and is None as the app itself is
        for identity in dict.fromkeys(identities):
            yield ContainerNeed(
                account=account, container=container, role=CONTRIBUTOR, region=region, identity=identity
            )
    for account, container in sorted(read - written.keys()):
        yield ContainerNeed(account=account, container=container, role=READER, region=region)


def _accounts(plan: Plan, region: str, services: Iterable[ProtectedService]) -> tuple[str, ...]:
    """Return the accounts whose settings are read: by preflight, by the guards, and for a failback."""
    names: set[str] = set()
    own = plan.regions[region].storage or plan.defaults.storage
    if plan.discover is not None and own is not None:
        names.add(own.account)
    for service in services:
        if service.region == region or ends_in(service, region):
            names.add(points_in(service, region)[0])
        if service.region == region and service.standby is not None:
            names.add(points_in(service, service.standby.region)[0])
    return tuple(sorted(names))


def _key_uses(region: str, services: Iterable[ProtectedService]) -> Iterator[tuple[str, str]]:
    for service in services:
        accesses = [end.access for end in ends_in(service, region)]
        accesses += [service.storage.access] if service.region == region else []
        account, _ = points_in(service, region)
        yield from ((access.key_setting, account) for access in accesses if access.type == "AccessKey")


def _identity(service: str, access: Access) -> Identity | None:
    if access.type == "AccessKey":
        return None
    if access.type == "UserAssignedManagedIdentity":
        return Identity(service=service.lower(), client_id=access.client_id.lower())
    return Identity(service=service.lower())


def _groups(services: Iterable[ProtectedService]) -> tuple[tuple[str, str], ...]:
    """Return subscription and resource group of services, each group once however it is spelled."""
    found = sorted(tuple(service.resource_id.split("/")[2:5:2]) for service in services)
    return tuple(
        {(one.lower(), group.lower()): (one.lower(), group) for one, group in reversed(found)}.values()
    )[::-1]
