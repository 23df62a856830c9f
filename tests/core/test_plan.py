"""Reading a plan: what is accepted, and every fault by its path."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shared.core.access import UserAssignedAccess
from shared.core.clouds import CLOUDS
from shared.core.errors import ConfigError
from shared.core.plan import SERVICES_MAX, parse_plan, plan_schema
from tests.core import make

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.json"))
INVALID = sorted((ROOT / "docs" / "examples" / "invalid").glob("*.json"))
TWO_REGIONS = {"westeurope": {"account": "drprimary"}, "northeurope": {"account": "drstandby"}}
CLOUD = {
    "resourceManager": "https://127.0.0.1:8443",
    "audience": "https://127.0.0.1:8443",
    "authority": "https://127.0.0.1:8443",
    "blobEndpoint": "https://127.0.0.1:10000/{account}",
}


def _faults(data: object) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        parse_plan(data if isinstance(data, str) else json.dumps(data))
    found: dict[str, str] = {}
    for where, what in caught.value.faults:
        found[where] = f"{found[where]}; {what}" if where in found else what
    return found


def _with(path: str, value: object) -> dict[str, Any]:
    """Return a full plan with another value at a path such as services.0.name; ... takes it away."""
    data = copy.deepcopy(make.plan(make.plan_service(standby=make.standby()), regions=TWO_REGIONS))
    *parts, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    here: Any = data
    for part in parts:
        here = here[part]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return data


def test_the_smallest_plan_is_enough() -> None:
    """Everything else has a default."""
    plan = parse_plan(json.dumps(make.plan()))

    assert (plan.api_version, plan.concurrency, plan.deadline_hours) == ("2024-05-01", 10, 8)
    assert plan.regions["westeurope"].container == "apim-dr"
    assert plan.endpoints is CLOUDS["public"]
    assert plan.services[0].standby is None


def test_a_region_may_be_written_as_azure_shows_it() -> None:
    """West Europe is westeurope, in every place."""
    data = make.plan(make.plan_service(region="West Europe"), region="West Europe")
    data["regions"] = {"West Europe": {"account": "drprimary"}}

    plan = parse_plan(json.dumps(data))

    assert (plan.region, list(plan.regions), plan.services[0].region) == (
        "westeurope",
        ["westeurope"],
        "westeurope",
    )


def test_an_app_backs_up_the_services_of_its_region() -> None:
    """One document serves all regions; only `region` differs."""
    near, far = make.plan_service("near"), make.plan_service("far", region="northeurope")
    data = make.plan(near, far, regions=TWO_REGIONS)

    here = parse_plan(json.dumps(data))
    there = parse_plan(json.dumps(data | {"region": "northeurope"}))

    assert ([s.name for s in here.own_primaries()], [s.name for s in there.own_primaries()]) == (
        ["near"],
        ["far"],
    )


def test_a_service_is_found_by_its_name() -> None:
    """And None stands for one that the plan does not name."""
    plan = parse_plan(json.dumps(make.plan()))

    assert plan.service("contoso") is plan.services[0]
    assert plan.service("fabrikam") is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_in_the_docs_are_usable(path: Path) -> None:
    """A reader can copy them."""
    plan = parse_plan(path.read_text(encoding="utf-8"))

    assert plan.services or plan.discover


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_the_invalid_examples_in_the_docs_are_refused(path: Path) -> None:
    """And each with at least one fault that names a place."""
    assert _faults(path.read_text(encoding="utf-8"))


FAULTS = {
    "unknown version": ("v", 2, "$.v", "must be 1"),
    "no region": ("region", ..., "$.region", "is missing"),
    "no such region": ("region", "?", "$.region", "is not an Azure region"),
    "region is a number": ("region", 5, "$.region", "is not a text"),
    "own region without records": ("region", "francecentral", "$.region", "no entry in $.regions"),
    "no regions": ("regions", {}, "$.regions", "at least 1"),
    "regions is a list": ("regions", [], "$.regions", "not a JSON object"),
    "region named twice": (
        "regions.West Europe",
        {"account": "drprimary"},
        "$.regions.West Europe",
        "named twice",
    ),
    "records account": ("regions.westeurope.account", "Dr-One", "$.regions.westeurope.account", "3 to 24"),
    "records container": ("regions.westeurope.container", "X", "$.regions.westeurope.container", "3 to 63"),
    "old api-version": ("apiVersion", "2020-12-01", "$.apiVersion", "older than 2021-08-01"),
    "no api-version": ("apiVersion", "latest", "$.apiVersion", "is not an api-version"),
    "api-version of no day": ("apiVersion", "2024-13-01", "$.apiVersion", "there is no such day"),
    "api-version in other digits": ("apiVersion", "\uff12024-05-01", "$.apiVersion", "is not an api-version"),
    "no concurrency": ("concurrency", 0, "$.concurrency", "must be at least 1"),
    "too much concurrency": ("concurrency", 101, "$.concurrency", "must be at most 100"),
    "concurrency as text": ("concurrency", "10", "$.concurrency", "is not a whole number"),
    "concurrency as a truth": ("concurrency", True, "$.concurrency", "is not a whole number"),
    "deadline too long": ("deadlineHours", 49, "$.deadlineHours", "must be at most 48"),
    "no such cloud": ("cloud", "germany", "$.cloud", "'public', 'usgovernment' or 'china'"),
    "endpoint without https": (
        "cloud",
        CLOUD | {"resourceManager": "http://127.0.0.1"},
        "$.cloud.resourceManager",
        "https origin",
    ),
    "no services": ("services", [], "$.services", "at least 1 service"),
    "no service name": ("services.0.name", ..., "$.services[0].name", "is missing"),
    "service name": ("services.0.name", "Contoso", "$.services[0].name", "1 to 50 lower-case"),
    "resource id": ("services.0.resourceId", "contoso", "$.services[0].resourceId", "is not the id"),
    "service region": ("services.0.region", "francecentral", "$.services[0].region", "no entry in $.regions"),
    "backup account": (
        "services.0.storage.account",
        "https://a.blob.core.windows.net",
        "$.services[0].storage.account",
        "3 to 24",
    ),
    "no access": ("services.0.storage.access", ..., "$.services[0].storage.access", "is missing"),
    "access of no kind": ("services.0.storage.access", {}, "$.services[0].storage.access", "'type'"),
    "access of another kind": (
        "services.0.storage.access",
        {"type": "SharedAccessSignature"},
        "$.services[0].storage.access",
        "is not one of",
    ),
    "access with a key": (
        "services.0.storage.access",
        {"type": "AccessKey", "accessKey": "c2VjcmV0", "keySetting": "KEY"},
        "$.services[0].storage.access.accessKey",
        "is not known here",
    ),
    "access with the key for its setting": (
        "services.0.storage.access",
        {"type": "AccessKey", "keySetting": "c2VjcmV0=="},
        "$.services[0].storage.access.keySetting",
        "the key itself is not wanted here",
    ),
    "access without client id": (
        "services.0.storage.access",
        {"type": "UserAssignedManagedIdentity"},
        "$.services[0].storage.access.clientId",
        "is missing",
    ),
    "access with an id that is none": (
        "services.0.storage.access",
        {"type": "UserAssignedManagedIdentity", "clientId": "contoso-identity"},
        "$.services[0].storage.access.clientId",
        "a GUID",
    ),
    "standby without records": (
        "services.0.standby.region",
        "francecentral",
        "$.services[0].standby.region",
        "no entry in $.regions",
    ),
    "standby is the primary": (
        "services.0.standby.resourceId",
        make.service("CONTOSO-WEU").resource_id,
        "$.services[0].standby.resourceId",
        "is named twice",
    ),
    "a container with a line feed": (
        "services.0.storage.container",
        "abc\n",
        "$.services[0].storage.container",
        "3 to 63",
    ),
    "a word that is not known": ("stand_by", {}, "$.stand_by", "is not known here"),
    "a name in the style of the code": (
        "services.0.resource_id",
        make.service().resource_id,
        "$.services[0].resource_id",
        "is not known here",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "where", "what"), FAULTS.values(), ids=FAULTS)
def test_every_fault_is_named_by_its_path(path: str, value: object, where: str, what: str) -> None:
    """One wrong value, one fault, at the place where it stands."""
    faults = _faults(_with(path, value))

    assert what in faults[where]


def test_a_plan_is_written_in_camel_case_only() -> None:
    """The names of the code are not those of the document, or the cross checks would not see them."""
    service = make.plan_service()
    service["resource_id"] = service.pop("resourceId")

    assert set(_faults(make.plan(service))) == {"$.services[0].resource_id", "$.services[0].resourceId"}


def test_no_fault_repeats_a_key() -> None:
    """What stands in the place of a secret never reaches a log."""
    data = _with(
        "services.0.storage.access", {"type": "AccessKey", "keySetting": "c2VjcmV0==", "key": "aHVzaA"}
    )

    with pytest.raises(ConfigError) as caught:
        parse_plan(json.dumps(data))

    assert not re.search("c2VjcmV0|aHVzaA", str(caught.value))


def test_all_faults_are_named_together() -> None:
    """Faults of shape and contradictions between parts, in one go."""
    twice = make.plan_service(name="contoso", region="francecentral")
    data = make.plan(make.plan_service(concurrency=1), twice, apiVersion="2014-02-14", region="northeurope")

    assert set(_faults(data)) == {
        "$.apiVersion",
        "$.services[0].concurrency",
        "$.region",
        "$.services[1].name",
        "$.services[1].resourceId",
        "$.services[1].region",
    }


@pytest.mark.parametrize(
    "data",
    ["[]", "null", "5", '"x"', "{}", '{"services": {"a": 1}, "regions": [1]}', '{"services": [1, null, []]}'],
)
def test_json_of_any_other_shape_is_refused_with_faults(data: str) -> None:
    """Nothing but a ConfigError, and never an empty one."""
    assert _faults(data)


@pytest.mark.parametrize(
    "text", ["", "{", "{ 'v': 1 }", "\ufeff{}", "[" * 200_000, '{"v": ' + "1" * 5000 + "}"]
)
def test_what_is_not_json_is_refused_and_says_where(text: str) -> None:
    """The fault names a line and column, or the document; the hint names the docs."""
    with pytest.raises(ConfigError, match="not JSON") as caught:
        parse_plan(text, origin="plan.json")

    assert "plan.json" in str(caught.value)
    assert "docs/plan.md" in caught.value.hint
    assert len(caught.value.faults) == 1


def test_more_services_than_a_plan_may_hold_are_refused() -> None:
    """A list without an end has one."""
    data = make.plan(*(make.plan_service(f"contoso-{index}") for index in range(SERVICES_MAX + 1)))

    assert "at most 2000" in _faults(data)["$.services"]


CONTAINERS = {
    "the shortest": ("abc", True),
    "with a hyphen": ("a-b", True),
    "digits": ("123", True),
    "the longest": ("a" * 63, True),
    "the longest with hyphens": ("a-" * 31 + "a", True),
    "too short": ("ab", False),
    "too long": ("a" * 64, False),
    "too long with hyphens": ("a-" * 32 + "a", False),
    "two hyphens": ("a--b", False),
    "hyphen first": ("-ab", False),
    "hyphen last": ("ab-", False),
    "upper case": ("Abc", False),
}


@pytest.mark.parametrize(("name", "is_good"), CONTAINERS.values(), ids=CONTAINERS)
def test_container_names_follow_azures_rule_in_model_and_schema(name: str, is_good: bool) -> None:
    """3 to 63 characters, single hyphens inside."""
    data = _with("services.0.storage.container", name)

    assert is_good == _schema_accepts(data)
    if is_good:
        assert parse_plan(json.dumps(data)).services[0].storage.container == name
    else:
        assert "$.services[0].storage.container" in _faults(data)


def test_an_explicit_cloud_is_taken_as_it_is() -> None:
    """A developer's machine has endpoints of its own."""
    plan = parse_plan(json.dumps(make.plan(cloud=CLOUD)))

    assert plan.endpoints.blob_url("drprimary") == "https://127.0.0.1:10000/drprimary"


def test_a_user_assigned_identity_is_kept() -> None:
    """The client id reaches the call."""
    access = {"type": "UserAssignedManagedIdentity", "clientId": make.UUID}

    plan = parse_plan(json.dumps(_with("services.0.storage.access", access)))

    assert plan.services[0].storage.access == UserAssignedAccess(
        type="UserAssignedManagedIdentity", client_id=make.UUID
    )


def _schema_accepts(data: Mapping[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(plan_schema()).is_valid(data))


ACCEPTED = {
    "smallest": make.plan(),
    "two regions": make.plan(make.plan_service(standby=make.standby()), regions=TWO_REGIONS),
    "no standby, said so": make.plan(make.plan_service(standby=None)),
    "explicit cloud": make.plan(cloud=CLOUD),
    "named cloud": make.plan(cloud="usgovernment"),
    "access by key": _with("services.0.storage.access", {"type": "AccessKey", "keySetting": "KEY"}),
    "preview": make.plan(apiVersion="2025-03-01-preview"),
    "display names": make.plan(make.plan_service(region="West Europe"), region="West Europe"),
    **{path.stem: json.loads(path.read_text(encoding="utf-8")) for path in EXAMPLES},
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED)
def test_the_schema_accepts_what_the_model_accepts(data: dict[str, Any]) -> None:
    """An editor shows no fault in a plan that works."""
    assert parse_plan(json.dumps(data))
    assert _schema_accepts(data)


MANY = json.loads((ROOT / "docs/examples/invalid/many-faults.json").read_text(encoding="utf-8"))
BY_SHAPE = [
    "unknown version",
    "no region",
    "no regions",
    "concurrency as text",
    "concurrency as a truth",
    "service name",
    "backup account",
    "access of another kind",
    "access with a key",
    "access with the key for its setting",
    "access without client id",
    "access with an id that is none",
    "a word that is not known",
    "a name in the style of the code",
]


@pytest.mark.parametrize(
    "data", [MANY, *(_with(*FAULTS[name][:2]) for name in BY_SHAPE)], ids=["docs", *BY_SHAPE]
)
def test_the_schema_refuses_faults_of_shape(data: dict[str, Any]) -> None:
    """An editor shows them while the plan is written; contradictions are found when it is read."""
    assert not _schema_accepts(data)


def test_the_published_schema_is_the_generated_one() -> None:
    """tools/schemas --check agrees with docs/plan.schema.json."""
    answer = subprocess.run(
        [sys.executable, "-m", "tools.schemas", "--check"], cwd=ROOT, capture_output=True, text=True
    )

    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_schema_is_a_schema() -> None:
    """It says which dialect it is written in, and follows it."""
    jsonschema.Draft202012Validator.check_schema(plan_schema())

    assert plan_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
