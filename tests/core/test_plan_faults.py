"""Faults of a plan: one for each mistake, at the place where it was made, all at once."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.documents import json_path
from shared.core.errors import ConfigError
from shared.core.plan import parse_plan
from tests.core import make

EXAMPLE = json.loads(
    (Path(__file__).parents[2] / "docs/examples/every-field.json").read_text(encoding="utf-8")
)
STORAGE = make.plan_service()["storage"]
HOME = {"westeurope": {"account": "drprimary"}}
ACCOUNTS = (
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
    "/providers/Microsoft.Storage/storageAccounts/"
)


def faults_of(plan: Any) -> list[tuple[str, str]]:
    """Return every fault of a plan, given as JSON or as text."""
    try:
        parse_plan(plan if isinstance(plan, str) else json.dumps(plan))
    except ConfigError as err:
        return list(err.faults)
    return []


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every place of a document with its value, the innermost ones too."""
    if path:
        yield path, data
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in items:
        yield from places(value, (*path, name))


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return the example with another value at one place; ... takes it away."""
    data = copy.deepcopy(EXAMPLE)
    here: Any = data
    for part in path[:-1]:
        here = here[part]
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return data


EVERYWHERE = [(json_path(path), path, value) for path, value in places(EXAMPLE)]
OBJECTS = [
    (json_path(path), path)
    for path, value in places(EXAMPLE)
    if isinstance(value, dict) and path[-1] not in {"tag", "regions"}
]


@pytest.mark.parametrize(("where", "path", "value"), EVERYWHERE, ids=[where for where, _, _ in EVERYWHERE])
def test_a_value_of_the_wrong_kind_is_one_fault_where_it_stands(
    where: str, path: tuple[str | int, ...], value: Any
) -> None:
    """Wherever it is, and nothing that only follows from it is named as well."""
    wrong = ["a", "list"] if isinstance(value, dict) else {"an": "object"}

    found = faults_of(changed(path, wrong))

    # which kind of access is meant is a fault of the access as a whole
    assert [at for at, _ in found] == [where.replace(".access.type", ".access")]


@pytest.mark.parametrize(("where", "path"), OBJECTS, ids=[where for where, _ in OBJECTS])
def test_a_field_that_is_not_known_is_one_fault(where: str, path: tuple[str | int, ...]) -> None:
    """At every level; a slip of the pen must not turn a setting off."""
    assert faults_of(changed((*path, "retension"), 1)) == [(f"{where}.retension", "is not known here")]


CONTRADICTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nobody": (make.plan(services=[]), ["$.services"]),
    "nobody, said with null": (make.plan(services=[], discover=None), ["$.services"]),
    "a name used twice": (
        make.plan(make.plan_service(), make.plan_service(resourceId=make.service("other").resource_id)),
        ["$.services[1].name"],
    ),
    "a drill target that is a standby": (
        make.plan(
            make.plan_service(standby=make.standby(), drillTarget=make.standby()),
            regions={**HOME, "northeurope": {"account": "drstandby"}},
        ),
        ["$.services[0].drillTarget.resourceId"],
    ),
    "a drill target that is a primary, named before it": (
        make.plan(
            make.plan_service(drillTarget=make.standby("other-weu", region="westeurope")),
            make.plan_service("other"),
        ),
        ["$.services[1].resourceId"],
    ),
    "a drill target in no region of the plan": (
        make.plan(make.plan_service(drillTarget=make.standby("drills"))),
        ["$.services[0].drillTarget.region"],
    ),
    "no storage anywhere": (make.plan(make.plan_service(storage=None)), ["$.services[0].storage"]),
    "no storage anywhere, and null everywhere": (
        make.plan(
            make.plan_service(storage=None),
            regions={"westeurope": {"account": "drprimary", "storage": None}},
            defaults={"storage": None},
        ),
        ["$.services[0].storage"],
    ),
    "a region that is misspelt, and that may have a storage": (
        make.plan(
            make.plan_service(storage=None, region="westeurop"),
            regions={"westeurope": {"account": "drprimary", "storage": STORAGE}},
        ),
        ["$.services[0].region"],
    ),
    "a region that is misspelt, and no storage anywhere": (
        make.plan(make.plan_service(storage=None, region="westeurop")),
        ["$.services[0].region", "$.services[0].storage"],
    ),
    "no storage for what is discovered": (
        make.plan(
            services=[],
            region="West Europe",
            regions={"WestEurope": {"account": "drprimary"}},
            discover={"subscriptions": [make.UUID], "tag": {"a": "b"}},
        ),
        ["$.regions.WestEurope.storage"],
    ),
    "backups among the records, by default": (
        make.plan(make.plan_service(storage=None), defaults={"storage": STORAGE | {"container": "apim-dr"}}),
        ["$.defaults.storage.container"],
    ),
    "backups among the records of another region": (
        make.plan(
            make.plan_service(storage=STORAGE | {"account": "drother", "container": "records"}),
            regions={**HOME, "northeurope": {"account": "drother", "container": "records"}},
        ),
        ["$.services[0].storage.container"],
    ),
    "the id of another account": (
        make.plan(make.plan_service(storage=STORAGE | {"resourceId": f"{ACCOUNTS}other"})),
        ["$.services[0].storage.resourceId"],
    ),
    "a subscription twice": (
        make.plan(
            make.plan_service(),
            regions={"westeurope": {"account": "drprimary", "storage": STORAGE}},
            discover={"subscriptions": [make.UUID, make.UUID.upper()], "tag": {"a": "b"}},
        ),
        ["$.discover.subscriptions[1]"],
    ),
    "a tag twice": (
        make.plan(
            defaults={"storage": STORAGE},
            discover={"subscriptions": [make.UUID], "tag": {"apim-dr": "x", "Apim-DR": "y"}},
        ),
        ["$.discover.tag.Apim-DR"],
    ),
    "no tag": (
        make.plan(defaults={"storage": STORAGE}, discover={"subscriptions": [make.UUID], "tag": {}}),
        ["$.discover.tag"],
    ),
    "an RPO that no backup meets": (
        make.plan(defaults={"rpoHours": 100, "validityDays": 4}),
        ["$.defaults.rpoHours"],
    ),
    "an RPO that no backup meets, and services that inherit it": (
        make.plan(
            make.plan_service(validityDays=4),
            make.plan_service("other", rpoHours=600),
            defaults={"rpoHours": 500, "validityDays": 20},
        ),
        ["$.defaults.rpoHours"],
    ),
    "a validity shorter than the usual RPO": (
        make.plan(make.plan_service(validityDays=1)),
        ["$.services[0].validityDays"],
    ),
    "an RPO of its own that the defaults do not allow": (
        make.plan(make.plan_service(rpoHours=300), defaults={"validityDays": 10}),
        ["$.services[0].rpoHours"],
    ),
}


@pytest.mark.parametrize(("plan", "paths"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_one_fault_where_it_can_be_mended(plan: dict[str, Any], paths: list[str]) -> None:
    """Parts that are good by themselves and do not go together."""
    assert [where for where, _ in faults_of(plan)] == paths


FINE: dict[str, dict[str, Any]] = {
    "two services with one drill target": make.plan(
        make.plan_service(drillTarget=make.standby("drills", region="westeurope")),
        make.plan_service("other", drillTarget=make.standby("DRILLS", region="westeurope")),
    ),
    "the account's own id, in another case": make.plan(
        make.plan_service(storage=STORAGE | {"resourceId": f"{ACCOUNTS}drprimary".replace("rg", "RG")})
    ),
    "a container named like the records, in another account": make.plan(
        make.plan_service(storage=STORAGE | {"account": "drother", "container": "apim-dr"})
    ),
    "the RPO of the defaults taken back": make.plan(
        make.plan_service(validityDays=2, rpoHours=None), defaults={"rpoHours": 400}
    ),
    "services and discovery": make.plan(
        defaults={"storage": STORAGE}, discover={"subscriptions": [make.UUID], "tag": {"a": ""}}
    ),
    "a region of discovery without storage": make.plan(
        regions={
            "westeurope": {"account": "drprimary", "storage": STORAGE},
            "northeurope": {"account": "drstandby"},
        },
        discover={"subscriptions": [make.UUID], "tag": {"a": "b"}},
    ),
}


@pytest.mark.parametrize("plan", FINE.values(), ids=FINE)
def test_what_only_looks_like_a_contradiction_is_taken(plan: dict[str, Any]) -> None:
    """A check that refuses a good plan is worse than none."""
    assert faults_of(plan) == []


def test_what_is_written_twice_is_named_at_its_place() -> None:
    """At any depth, together with all other faults."""
    text = json.dumps(make.plan()).replace('"account"', '"account": "drprimary", "account"')
    text = text.replace('"v": 1', '"v": 2')

    assert faults_of(text) == [
        ("$.v", "must be 1"),
        ("$.regions.westeurope.account", "is written twice; only one of them would count"),
        ("$.services[0].storage.account", "is written twice; only one of them would count"),
    ]


@pytest.mark.parametrize("text", ["[]", "1", '"plan"', "null", '[{"v": 1, "v": 1}]'])
def test_what_is_no_object_is_one_fault(text: str) -> None:
    """What would be missing in it is not named as well."""
    assert faults_of(text) == [("$", "is not a JSON object")]


PLAIN = {
    "a number for a list": (make.plan(services=1), "$.services", "is not a list"),
    "no tag": (
        make.plan(defaults={"storage": STORAGE}, discover={"subscriptions": [make.UUID], "tag": {}}),
        "$.discover.tag",
        "must hold at least 1",
    ),
    "a time without a zone": (
        make.plan(defaults={"paused": {"reason": "r", "until": "2027-01-04T00:00:00"}}),
        "$.defaults.paused.until",
        "has no zone; a time with one looks like 2027-01-04T00:00:00Z",
    ),
    "no time": (
        make.plan(defaults={"paused": {"reason": "r", "until": "tomorrow"}}),
        "$.defaults.paused.until",
        "is not a time such as 2027-01-04T00:00:00Z",
    ),
    "a text that is too long": (
        make.plan(defaults={"paused": {"reason": "r" * 201}}),
        "$.defaults.paused.reason",
        "is too long: 200 or fewer characters",
    ),
    "a text for a truth": (
        make.plan(defaults={"againIfChanged": "yes"}),
        "$.defaults.againIfChanged",
        "is neither true nor false",
    ),
}


@pytest.mark.parametrize(("plan", "where", "what"), PLAIN.values(), ids=PLAIN)
def test_a_fault_is_told_in_words_of_json(plan: dict[str, Any], where: str, what: str) -> None:
    """No tuple, no dictionary, no timezone info: who writes a plan need not know Python."""
    assert faults_of(plan) == [(where, what)]


PYTHON = re.compile(r"input should|dictionary|tuple|timezone|unable to|validation", re.I)


@pytest.mark.parametrize(("where", "path"), [(at, path) for at, path, _ in EVERYWHERE])
@pytest.mark.parametrize("value", [None, True, -1, 1.5, "", "x" * 3000, [], {}], ids=repr)
def test_no_fault_is_told_in_words_of_python(where: str, path: tuple[str | int, ...], value: Any) -> None:
    """Whatever stands wherever."""
    assert [what for _, what in faults_of(changed(path, value)) if PYTHON.search(what)] == []


def test_a_deep_document_is_no_more_than_a_fault() -> None:
    """Whatever is nested in it, a plan is answered with what is wrong."""
    deep = "[" * 900 + "]" * 900

    assert faults_of(json.dumps(make.plan()).replace('"v": 1', f'"v": {deep}'))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_any_value_anywhere_is_taken_or_named(data: st.DataObject) -> None:
    """Nothing but a plan or a list of faults comes of any change to a good plan."""
    _, path, _ = data.draw(st.sampled_from(EVERYWHERE))
    plan = changed(path, data.draw(JSON | st.just(...)))

    for where, what in faults_of(plan):
        assert where.startswith("$")
        assert what
