"""The rights that a plan comes to, as tables over the examples of the documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.needs import ALL_ROLES, CONTRIBUTOR, Needs, backup_places, ends_in, needs_of, points_in
from shared.core.plan import Plan, ProtectedService, parse_plan

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
WEU, NEU, VA, TX = "westeurope", "northeurope", "usgovvirginia", "usgovtexas"
ALL = "back up, restore, read usage, check"
FIRST = "00000000-0000-0000-0000-000000000001"


def example(name: str, region: str) -> Plan:
    """Return a plan of the documents, as the app of a region has it."""
    document = json.loads((EXAMPLES / f"{name}.json").read_text())
    return parse_plan(json.dumps({**document, "region": region}))


def services(needs: Needs) -> dict[str, str]:
    """Return the roles on each service in words."""
    words = dict(zip(ALL_ROLES, ALL.split(", "), strict=True))
    return {
        one.rsplit("/", 1)[-1]: ", ".join(words[role] for role in roles)
        for one, roles in needs.services.items()
    }


def containers(needs: Needs) -> list[str]:
    """Return the roles on each container in words."""
    return [
        f"{one.identity.service.rsplit('/', 1)[-1] if one.identity else 'app'} {one.role} "
        f"{one.account}/{one.container}"
        for one in needs.containers
    ]


SERVICES: list[tuple[str, str, dict[str, str]]] = [
    ("smallest", WEU, {"contoso-weu": ALL}),
    ("two-regions", WEU, {"contoso-weu": ALL, "contoso-neu": "check"}),
    ("two-regions", NEU, {"contoso-neu": ALL}),
    (
        "per-service",
        WEU,
        {"contoso-payments": ALL, "contoso-payments-neu": "check", "contoso-sandbox": ALL},
    ),
    (
        "both-ways",
        NEU,
        {
            "contoso-partners-neu": ALL,
            "contoso-partners-weu": "check",
            "contoso-orders-neu": ALL,
            "contoso-payments-neu": ALL,
        },
    ),
    ("discover", WEU, {}),
    ("every-field", VA, {"fabrikam-va": ALL, "fabrikam-tx": "check"}),
    ("every-field", TX, {"fabrikam-tx": ALL, "fabrikam-drills": ALL}),
]

CONTAINERS: list[tuple[str, str, list[str]]] = [
    (
        "smallest",
        WEU,
        [
            "app contributor contosodrweu/apim-dr",
            "app contributor contosodrweu/apim-backups",
            "contoso-weu contributor contosodrweu/apim-backups",
        ],
    ),
    (
        "two-regions",
        WEU,
        [
            "app contributor contosodrweu/apim-dr",
            "app reader contosodrneu/apim-dr",
            "app contributor contosodrweu/apim-backups",
            "contoso-weu contributor contosodrweu/apim-backups",
            "app reader contosodrneu/apim-copies",
        ],
    ),
    (
        "two-regions",
        NEU,
        [
            "app reader contosodrweu/apim-dr",
            "app contributor contosodrneu/apim-dr",
            "app contributor contosodrneu/apim-copies",
            "contoso-neu contributor contosodrneu/apim-copies",
            "app reader contosodrweu/apim-backups",
        ],
    ),
    (
        "per-service",
        NEU,
        [
            "app reader contosodrweu/apim-dr",
            "app contributor contosodrneu/apim-dr",
            "app contributor contosodrneu/apim-backups",
            "app contributor contosodrneu/apim-copies",
            "contoso-payments-neu contributor contosodrneu/apim-copies",
            "app reader contosodrweu/apim-backups",
        ],
    ),
    (
        "both-ways",
        WEU,
        [
            "app contributor contosodrweu/apim-dr",
            "app reader contosodrneu/apim-dr",
            "app contributor contosodrweu/apim-backups",
            "contoso-orders-weu contributor contosodrweu/apim-backups",
            "contoso-payments-weu contributor contosodrweu/apim-backups",
            "app contributor contosodrweu/apim-copies",
            "contoso-partners-weu contributor contosodrweu/apim-copies",
            "app reader contosodrneu/apim-backups",
            "app reader contosodrneu/apim-copies",
        ],
    ),
    (
        "discover",
        NEU,
        [
            "app reader contosodrweu/apim-dr",
            "app contributor contosodrneu/apim-dr",
            "app contributor contosodrneu/apim-backups",
        ],
    ),
    (
        "every-field",
        TX,
        [
            "app reader fabrikamdrva/apim-dr",
            "app contributor fabrikamdrtx/apim-dr",
            "app contributor fabrikamdrva/apim-backups-elsewhere",
            "app contributor fabrikamdrtx/apim-copies",
            "app reader fabrikamdrva/apim-backups-fabrikam",
        ],
    ),
]


@pytest.mark.parametrize(("name", "region", "expected"), SERVICES)
def test_rights_on_services(name: str, region: str, expected: dict[str, str]) -> None:
    """What is backed up or restored into here gets every role, a standby elsewhere is only looked at."""
    assert services(needs_of(example(name, region), region)) == expected


@pytest.mark.parametrize(("name", "region", "expected"), CONTAINERS)
def test_rights_on_containers(name: str, region: str, expected: list[str]) -> None:
    """The app and the services' identities; an account key needs no role."""
    assert containers(needs_of(example(name, region), region)) == expected


def test_a_standby_without_copies_reads_where_the_backups_are() -> None:
    """It and its app need the primary's container."""
    document = example("two-regions", NEU).to_json()
    document["services"][0]["standby"]["storage"] = None

    needs = needs_of(parse_plan(json.dumps(document)), NEU)

    assert containers(needs)[2:] == [
        "app contributor contosodrweu/apim-backups",
        "contoso-neu contributor contosodrweu/apim-backups",
    ]


def test_a_user_assigned_identity_is_named_by_its_client_id() -> None:
    """It is not the service's own one."""
    needs = needs_of(example("every-field", VA), VA)

    (identity,) = {one.identity for one in needs.containers if one.identity}
    assert identity.client_id == "00000000-0000-0000-0000-0000000000aa"


def test_discovery_never_gives_a_right_to_restore() -> None:
    """On a subscription the app may back up and check; and read usage where the plan exports it."""
    assert needs_of(example("discover", WEU), WEU).discovery[FIRST] == ("backupOperator", "preflightReader")
    exporting = needs_of(example("every-field", VA), VA).discovery
    assert set(exporting.values()) == {("backupOperator", "usageReader", "preflightReader")}


def test_changes_are_heard_of_where_a_service_wants_it() -> None:
    """The group of the service that has afterChanges, and not that of the one that took it back."""
    assert needs_of(example("per-service", WEU), WEU).change_groups == ((FIRST, "rg-payments"),)


def test_keys_are_named_for_somebody_to_put_them_in() -> None:
    """Those of the services that this region restores into."""
    needs = needs_of(example("every-field", TX), TX)

    assert needs.key_settings == ("FABRIKAM_BACKUP_KEY", "FABRIKAM_COPIES_KEY")


def test_containers_of_backups_are_those_of_all_regions() -> None:
    """Whoever makes an account makes the containers of both sides."""
    assert backup_places(example("two-regions", WEU)) == (
        ("contosodrneu", "apim-copies"),
        ("contosodrweu", "apim-backups"),
    )


def entry(
    number: int, region: str, standby: str | None, *, copies: bool, drill: str | None
) -> dict[str, Any]:
    """Return a service of a made-up plan."""

    def one(role: str) -> str:
        return (
            f"/subscriptions/{FIRST}/resourceGroups/g{number}/providers/Microsoft.ApiManagement/service/"
            f"s{number}-{role}"
        )

    access = {"type": "SystemAssignedManagedIdentity"}
    said: dict[str, Any] = {
        "name": f"s{number}",
        "resourceId": one("a"),
        "region": region,
        "storage": {"account": f"dr{region}", "container": "apim-backups", "access": access},
    }
    if standby:
        said["standby"] = {"resourceId": one("b"), "region": standby, "access": access}
        if copies and standby != region:
            said["standby"]["storage"] = {"account": f"dr{standby}", "container": "apim-copies"}
    if drill:
        said["drillTarget"] = {"resourceId": one("c"), "region": drill, "access": access}
    return said


regions = st.sampled_from(["westeurope", "northeurope", "uksouth"])
plans = st.lists(
    st.tuples(regions, st.none() | regions, st.booleans(), st.none() | regions), min_size=1, max_size=4
)


@given(drawn=plans, region=regions)
def test_whatever_is_restored_from_can_be_read_and_written_by_both(drawn: Any, region: str) -> None:
    """For every plan: each service of a region and the app there are contributors where its points lie."""
    document = {
        "region": region,
        "regions": {one: {"account": f"dr{one}"} for one in ("westeurope", "northeurope", "uksouth")},
        "services": [
            entry(number, home, standby, copies=copies, drill=drill)
            for number, (home, standby, copies, drill) in enumerate(drawn)
        ],
    }
    plan = parse_plan(json.dumps(document))
    needs = needs_of(plan, region)
    writers = {
        (one.identity.service if one.identity else "app", one.account, one.container)
        for one in needs.containers
        if one.role == CONTRIBUTOR
    }

    for service in plan.services:
        for target in targets(service, region):
            place = points_in(service, region)
            assert ("app", *place) in writers
            assert (target.lower(), *place) in writers
            assert needs.services[target] == ALL_ROLES
    app = [(one.account, one.container) for one in needs.containers if one.identity is None]
    assert len(app) == len(set(app)), "a contributor is no reader besides"
    here = {target for service in plan.services for target in targets(service, region)}
    assert {one for one, roles in needs.services.items() if roles == ALL_ROLES} == here


def targets(service: ProtectedService, region: str) -> list[str]:
    """Return what the app of a region backs up or restores into."""
    own = [service.resource_id] if service.region == region else []
    return own + [end.resource_id for end in ends_in(service, region)]
