"""
Where the parts of a plan contradict each other; what each part is by itself, its type says.

Rules of the file:
1. It works on the parsed JSON, so that contradictions are named together with faults of shape.
2. What has no usable shape is passed over: its fault is named already, and one fault is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from shared.core.services import canonical_region

RECORDS_CONTAINER = "apim-dr"
"""The container of the records where the plan names none."""
RPO_HOURS_DEFAULT = 30
"""A night's distance, and the hours that a long backup takes."""
STANDBY_RPO_HOURS_DEFAULT = 36
"""The primary's, and the hours that a long restore takes."""
VALIDITY_DAYS_MAX = 30
"""The service itself refuses older backups; see docs/azure-facts.md, "Expiry"."""
RPO_HOURS_MAX = 24 * VALIDITY_DAYS_MAX

Fault = tuple[str, str]
Part = tuple[str, dict[str, Any]]


class JsonObject(dict[str, Any]):
    """A JSON object that remembers the names that are written in it more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]


def written_twice(data: Any) -> Iterator[Fault]:
    """Name every field that stands twice in one object: a reader of JSON keeps one and loses the other."""
    waiting = [("$", data)]
    while waiting:
        path, value = waiting.pop()
        children: list[tuple[str, Any]] = []
        if isinstance(value, dict):
            children = [(f"{path}.{name}", item) for name, item in value.items()]
        elif isinstance(value, list):
            children = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
        for name in value.twice if isinstance(value, JsonObject) else ():
            yield f"{path}.{name}", "is written twice; only one of them would count"
        waiting += reversed(children)


def disagreements(data: Any) -> list[Fault]:
    """Find where parts of a plan contradict each other; what is no object has no parts."""
    if not isinstance(data, dict):
        return []
    plan = _as_dict(data)
    services = [
        (f"$.services[{index}]", _as_dict(service))
        for index, service in enumerate(_as_list(plan.get("services")))
    ]
    faults = list(written_twice(data))
    if not services and plan.get("discover") is None:
        faults += _nobody(plan)
    return [
        *faults,
        *_named_twice(plan, services),
        *_placeless(plan, services),
        *_homeless(plan, services),
        *_misplaced(plan, services),
        *_expired(plan, services),
        *_crowded(plan),
        *_copied_badly(plan, services),
        *_drilled_badly(services),
    ]


def _nobody(plan: dict[str, Any]) -> Iterator[Fault]:
    if plan.get("services") is None or isinstance(plan["services"], list):
        yield "$.services", "must name at least 1 service, unless $.discover finds them"


def _named_twice(plan: dict[str, Any], services: list[Part]) -> Iterator[Fault]:
    names = [(f"{at}.name", service.get("name")) for at, service in services]
    yield from _repeated(names, "is used twice; every service has a name of its own")
    first: dict[str, str] = {}
    for at, end in _ends(services):
        if isinstance(end.get("resourceId"), str):
            before = first.setdefault(end["resourceId"].lower(), at)
            # services may share a drill target: they are restored into it one after the other
            if before != at and not (before.endswith(".drillTarget") and at.endswith(".drillTarget")):
                yield f"{at}.resourceId", "is named twice; a service has one part in one plan"
    spelt = [(f"$.regions.{name}", canonical_region(name)) for name in _as_dict(plan.get("regions"))]
    yield from _repeated(spelt, "is named twice; West Europe and westeurope are one region")
    discover = _as_dict(plan.get("discover"))
    searched = enumerate(_as_list(discover.get("subscriptions")))
    named = [(f"$.discover.subscriptions[{index}]", value) for index, value in searched]
    yield from _repeated(named, "is named twice")
    tags = [(f"$.discover.tag.{name}", name) for name in _as_dict(discover.get("tag"))]
    yield from _repeated(
        tags, "is named twice; Azure does not tell upper and lower case of a tag's name apart"
    )


def _placeless(plan: dict[str, Any], services: list[Part]) -> Iterator[Fault]:
    """Name every region without an entry of its own."""
    known = {canonical_region(name) for name in _as_dict(plan.get("regions"))}
    if not known:
        return
    for at, end in [("$", plan), *_ends(services)]:
        region = end.get("region")
        if isinstance(region, str) and canonical_region(region) not in known:
            yield f"{at}.region", f"{region} has no entry in $.regions"


def _homeless(plan: dict[str, Any], services: list[Part]) -> Iterator[Fault]:
    """Name every service without a place for its backups, and discovery if what it finds would have none."""
    defaults = plan.get("defaults", {})
    if not isinstance(defaults, dict) or defaults.get("storage") is not None:
        return
    regions = _as_dict(plan.get("regions"))
    homeless = {canonical_region(name): name for name, place in regions.items() if _has_no_storage(place)}
    known = {canonical_region(name) for name in regions}
    for at, service in services:
        region = canonical_region(str(service.get("region")))
        # a region that is only misspelt may have a storage; that fault is named already
        is_homeless = region in homeless or (region not in known and len(homeless) == len(regions))
        if service and service.get("storage") is None and is_homeless:
            yield f"{at}.storage", "is missing, and neither the service's region nor $.defaults has one"
    own = plan.get("region")
    if plan.get("discover") is not None and isinstance(own, str) and canonical_region(own) in homeless:
        what = "is missing, and so is $.defaults.storage; services that are discovered need one of them"
        yield f"$.regions.{homeless[canonical_region(own)]}.storage", what


def _has_no_storage(place: Any) -> bool:
    return isinstance(place, dict) and place.get("storage") is None


def _misplaced(plan: dict[str, Any], services: list[Part]) -> Iterator[Fault]:
    """Name every storage among the records, or with the id of another account."""
    regions = [
        (f"$.regions.{name}", _as_dict(place)) for name, place in _as_dict(plan.get("regions")).items()
    ]
    records = [(place.get("account"), place.get("container", RECORDS_CONTAINER)) for _, place in regions]
    for at, part in [("$.defaults", _as_dict(plan.get("defaults"))), *regions, *services]:
        storage = _as_dict(part.get("storage"))
        account, resource_id = storage.get("account"), storage.get("resourceId")
        if not isinstance(account, str):
            continue
        if (account, storage.get("container")) in records:
            # what is pruned there must not be what proves it
            what = "is the container of the records; backups need one of their own"
            yield f"{at}.storage.container", what
        if isinstance(resource_id, str) and resource_id.rpartition("/")[2].lower() != account.lower():
            yield f"{at}.storage.resourceId", f"is not the id of {account}, which is named beside it"


def _expired(plan: dict[str, Any], services: list[Part]) -> Iterator[Fault]:
    """Name every place where backups would expire before the next one is due."""
    product = {"rpoHours": RPO_HOURS_DEFAULT, "validityDays": VALIDITY_DAYS_MAX}
    defaults = {name: value for name, value in _as_dict(plan.get("defaults")).items() if name in product}
    is_told = False
    for at, said in [("$.defaults", defaults), *services]:
        own = {name: said[name] for name in product if said.get(name) is not None}
        inherited = {
            name: value for name, value in defaults.items() if name not in said and value is not None
        }
        hours, days = ({**product, **inherited, **own}[name] for name in product)
        is_usable = _is_within(hours, RPO_HOURS_MAX) and _is_within(days, VALIDITY_DAYS_MAX)
        # one fault in the defaults is not repeated for those who only inherit it
        if own and is_usable and hours > 24 * days and (not is_told or len(own) == len(product)):
            is_told = is_told or at == "$.defaults"
            what = f"backups that are valid for {days} days do not meet an RPO of {hours} hours"
            yield f"{at}.{next(iter(own))}", what


def _crowded(plan: dict[str, Any]) -> Iterator[Fault]:
    """Name every account of records that two regions share: it is in one of them, and lost with it."""
    first: dict[str, str] = {}
    for name, place in _as_dict(plan.get("regions")).items():
        account = _as_dict(place).get("account")
        if isinstance(account, str):
            other = first.setdefault(account, name)
            # one region under two names is another fault
            if canonical_region(other) != canonical_region(name):
                what = f"is the account of {other} already; each region keeps its records in one of its own"
                yield f"$.regions.{name}.account", what


def _copied_badly(plan: dict[str, Any], services: list[Part]) -> Iterator[Fault]:
    """Name every place for copies that would not survive the primary's region, or would be mixed."""
    regions = {
        canonical_region(name): _as_dict(place) for name, place in _as_dict(plan.get("regions")).items()
    }
    # no sets: the values may be of any kind
    records = [
        (place.get("account"), place.get("container", RECORDS_CONTAINER)) for place in regions.values()
    ]
    for at, service in services:
        standby = _as_dict(service.get("standby"))
        copies = _as_dict(standby.get("storage"))
        if not copies:
            continue
        own, other = (
            canonical_region(end["region"]) if isinstance(end.get("region"), str) else None
            for end in (service, standby)
        )
        if own is not None and own == other:
            yield f"{at}.standby.storage", "copies in the primary's own region protect from nothing"
        where = f"{at}.standby.storage.container"
        account, resource_id = copies.get("account"), copies.get("resourceId")
        if _place(copies) in records:
            yield where, "is the container of the records; copies need one of their own"
        elif _place(copies) == _place(_storage_of(plan, regions, service, own)):
            yield f"{at}.standby.storage", "is where the backups themselves are"
        elif own != other and isinstance(account, str):
            yield from _lost_together(at, account, own, regions, _storage_of(plan, regions, service, own))
        if (
            isinstance(account, str)
            and isinstance(resource_id, str)
            and resource_id.rpartition("/")[2].lower() != account.lower()
        ):
            yield f"{at}.standby.storage.resourceId", f"is not the id of {account}, which is named beside it"


def _lost_together(
    at: str, account: str, own: str | None, regions: dict[str, dict[str, Any]], backups: dict[str, Any]
) -> Iterator[Fault]:
    """
    Name an account of copies that is lost when the primary's region `own` is.

    Records are in their region, so an account of records has a known one; any other account is taken to be
    in the region whose backups go there.
    """
    homes = [name for name, place in regions.items() if place.get("account") == account]
    homes = homes or [
        name for name, place in regions.items() if _as_dict(place.get("storage")).get("account") == account
    ]
    if own in homes:
        yield f"{at}.standby.storage.account", f"is an account of {own}, and copies there are lost with it"
    elif account == backups.get("account"):
        what = "is the account of the backups themselves, and copies there are lost with it"
        yield f"{at}.standby.storage.account", what


def _storage_of(
    plan: dict[str, Any], regions: dict[str, dict[str, Any]], service: dict[str, Any], own: str | None
) -> dict[str, Any]:
    """Return where the backups of a service go: its own word, its region's, or the default."""
    of_region = regions.get(own or "", {}).get("storage")
    return _as_dict(service.get("storage") or of_region or _as_dict(plan.get("defaults")).get("storage"))


def _place(storage: Any) -> tuple[Any, Any]:
    return _as_dict(storage).get("account"), _as_dict(storage).get("container")


def _drilled_badly(services: list[Part]) -> Iterator[Fault]:
    """Name every service whose own drills have nothing to restore into, or would leave a standby behind."""
    for at, service in services:
        drill = service.get("drill")
        if not isinstance(drill, dict):
            continue
        into = drill.get("into", "drillTarget")
        if isinstance(into, str) and into in {"drillTarget", "standby"} and not service.get(into):
            yield f"{at}.drill.into", f"the service has no {into}"
        if into == "standby" and drill.get("point") == "random":
            what = "is only for a drillTarget: a standby must not be left with an older point than it had"
            yield f"{at}.drill.point", what


def _is_within(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def _ends(services: list[Part]) -> list[Part]:
    """Return services, standbys and drill targets in the order in which they are named."""
    return [
        (at + tail, end)
        for at, service in services
        for tail, end in (
            ("", service),
            (".standby", _as_dict(service.get("standby"))),
            (".drillTarget", _as_dict(service.get("drillTarget"))),
        )
    ]


def _repeated(values: list[tuple[str, Any]], what: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for path, value in values:
        if isinstance(value, str):
            if value.lower() in seen:
                yield path, what
            seen.add(value.lower())


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
