"""Where the parts of a plan contradict each other; what each part is by itself, its type says."""

from __future__ import annotations

from typing import Any

from shared.core.services import canonical_region

RECORDS_CONTAINER = "apim-dr"
"""The container of the records where the plan names none."""


def disagreements(data: Any) -> list[tuple[str, str]]:
    """
    Find where parts of a plan contradict each other.

    Works on the parsed JSON and passes over what has no usable shape, so that these faults are
    named together with those of shape.
    """
    plan = _as_dict(data)
    spelt = [(f"$.regions.{name}", canonical_region(name)) for name in _as_dict(plan.get("regions"))]
    services = [
        (f"$.services[{index}]", _as_dict(service))
        for index, service in enumerate(_as_list(plan, "services"))
    ]
    ends = [("$", {"region": plan.get("region")})]
    for at, service in services:
        ends.append((at, service))
        ends += [(f"{at}.{part}", _as_dict(service.get(part))) for part in ("standby", "drillTarget")]
    names = [(f"{at}.name", service.get("name")) for at, service in services]
    faults = [] if services or plan.get("discover") else _nobody(plan)
    faults += _repeated(names, "is used twice; every service has a name of its own")
    faults += _repeated(
        [(f"{at}.resourceId", end.get("resourceId")) for at, end in ends],
        "is named twice; a service has one part in one plan",
    )
    faults += _repeated(spelt, "is named twice; West Europe and westeurope are one region")
    regions = {region for _, region in spelt}
    for at, end in ends:
        region = end.get("region")
        if isinstance(region, str) and canonical_region(region) not in regions:
            faults.append((f"{at}.region", f"{region} has no entry in $.regions"))
    return faults + _homeless(plan, services) + _mixed_up(plan, services)


def _nobody(plan: dict[str, Any]) -> list[tuple[str, str]]:
    if "services" in plan and not isinstance(plan["services"], list):
        return []  # its shape is the fault
    return [("$.services", "must name at least 1 service, unless $.discover finds them")]


def _homeless(plan: dict[str, Any], services: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Name every service without a place for its backups, and discovery if what it finds would have none."""
    if "storage" in _as_dict(plan.get("defaults")):
        return []
    with_place = {
        canonical_region(name)
        for name, place in _as_dict(plan.get("regions")).items()
        if "storage" in _as_dict(place)
    }
    own = plan.get("region")
    found = [
        (f"{at}.storage", "is missing, and neither the service's region nor $.defaults has one")
        for at, service in services
        if service
        and "storage" not in service
        and canonical_region(str(service.get("region"))) not in with_place
    ]
    if plan.get("discover") and isinstance(own, str) and canonical_region(own) not in with_place:
        what = "is missing, and so is $.defaults.storage; services that are discovered need one of them"
        found.append((f"$.regions.{own}.storage", what))
    return found


def _mixed_up(plan: dict[str, Any], services: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Name every storage that is a records container: what is pruned there must not be what proves it."""
    regions = _as_dict(plan.get("regions"))
    records = [
        (place.get("account"), place.get("container", RECORDS_CONTAINER))
        for place in map(_as_dict, regions.values())
    ]
    storages = [("$.defaults.storage", _as_dict(plan.get("defaults")).get("storage"))]
    storages += [
        (f"$.regions.{name}.storage", _as_dict(place).get("storage")) for name, place in regions.items()
    ]
    storages += [(f"{at}.storage", service.get("storage")) for at, service in services]
    return [
        (f"{at}.container", "is the container of the records; backups need one of their own")
        for at, storage in ((at, _as_dict(storage)) for at, storage in storages)
        if isinstance(storage.get("account"), str)
        and (storage["account"], storage.get("container")) in records
    ]


def _repeated(values: list[tuple[str, Any]], what: str) -> list[tuple[str, str]]:
    seen: set[str] = set()
    faults = []
    for path, value in values:
        if isinstance(value, str):
            if value.lower() in seen:
                faults.append((path, what))
            seen.add(value.lower())
    return faults


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(data: dict[str, Any], name: str) -> list[Any]:
    value = data.get(name)
    return value if isinstance(value, list) else []
