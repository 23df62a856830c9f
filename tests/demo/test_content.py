"""The content that the demo seeds, and the plans that it writes."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from demo import environment, fleet, seed
from demo.environment import PRIMARY, SIDES, STANDBY
from demo.workfolder import take

ARM = "https://127.0.0.1:4443"
BLOBS = "https://127.0.0.1:10000"
STORAGE = environment.Storage(
    blobs=BLOBS,
    azurites={side.name: environment.Azurite(blobs=BLOBS, queues=BLOBS) for side in SIDES},
    keys=environment.make_keys(),
)


def test_there_are_enough_apis_and_operations() -> None:
    """At least 12 APIs with at least 150 operations together."""
    documents = seed.documents()

    assert len(documents) >= 12
    assert sum(seed.operations_of(document) for document in documents.values()) >= 150


@pytest.mark.parametrize("name", sorted(seed.documents()))
def test_a_document_is_a_sound_openapi_document(name: str) -> None:
    """OpenAPI 3, a title, unique operation ids, and every parameter in a path declared."""
    document = seed.documents()[name]
    operations = [
        (path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in seed.METHODS
    ]
    ids = Counter(operation["operationId"] for _, operation in operations)

    assert document["openapi"].startswith("3.")
    assert document["info"]["title"]
    assert [name for name, count in ids.items() if count > 1] == []
    for path, operation in operations:
        declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert set(re.findall(r"{(\w+)}", path)) == declared, path
        assert operation["summary"]
        assert operation["responses"]


def test_every_reference_comes_after_what_it_refers_to() -> None:
    """Links, policies and subscriptions are put after the entities that they name."""
    builtin = {"groups/administrators", "groups/developers", "groups/guests"}
    operations = {
        f"apis/{api}/operations/{operation['operationId'].lower()}"
        for api, document in seed.documents().items()
        for item in document["paths"].values()
        for operation in item.values()
    }
    put: set[str] = set(builtin | operations)
    for path, properties in seed.entities():
        parts = path.split("/")
        parent = "/".join(parts[:-2])
        assert not parent or parent in put, path
        if not properties:
            assert "/".join(parts[-2:]) in put, path
        for name in ("ownerId", "scope", "apiVersionSetId"):
            if name in properties:
                assert properties[name].strip("/") in put, path
        put.add(path)


def test_every_kind_of_content_is_there() -> None:
    """Products, subscriptions, users, groups, named values, backends, tags, and policies at four scopes."""
    paths = [path for path, _ in seed.entities()]
    kinds = Counter("/".join(path.split("/")[::2]) for path in paths)

    for kind in (
        *("apis", "products", "subscriptions", "users", "groups", "namedValues", "backends", "tags"),
        *("apiVersionSets", "policyFragments", "loggers", "groups/users", "products/apis", "products/groups"),
        *("policies", "products/policies", "apis/policies", "apis/operations/policies"),
    ):
        assert kinds[kind] >= 1, kind


def test_exactly_one_named_value_is_secret_and_it_is_made_up_each_time() -> None:
    """The secret's value is in no file, and another one in every run."""
    secrets = [
        [properties["value"] for path, properties in seed.entities() if properties.get("secret")]
        for _ in "ab"
    ]
    files = "\n".join(file.read_text() for file in seed.CONTENT.rglob("*.*"))

    assert len(secrets[0]) == len(secrets[1]) == 1
    assert secrets[0] != secrets[1]
    assert secrets[0][0] not in files


def test_policies_are_xml_and_name_what_exists() -> None:
    """Each policy is well-formed; fragments, back ends and named values that it names are seeded."""
    paths = {path for path, _ in seed.entities()}
    for file in (seed.CONTENT / "policies").glob("*.xml"):
        text = file.read_text()
        root = ElementTree.fromstring(text)
        assert root.tag in ("policies", "fragment")
        for name in re.findall(r"{{([\w-]+)}}", text):
            assert f"namedValues/{name}" in paths
        for name in re.findall(r'backend-id="([\w-]+)"', text):
            assert f"backends/{name}" in paths
        for name in re.findall(r'fragment-id="([\w-]+)"', text):
            assert f"policyFragments/{name}" in paths


def test_the_two_plans_differ_in_their_region_only() -> None:
    """One document serves both apps."""
    primary, standby = (environment.plan(side, arm=ARM, blobs=BLOBS) for side in SIDES)

    assert (primary.pop("region"), standby.pop("region")) == (PRIMARY.region, STANDBY.region)
    assert primary == standby


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_the_app_reads_the_plans(side: environment.Side) -> None:
    """The app's own model of the plan accepts what the demo writes."""
    from shared.core import plan

    read = plan.parse_plan(json.dumps(environment.plan(side, arm=ARM, blobs=BLOBS)))

    assert read.region == side.region
    assert [service.name for service in read.services] == [environment.PROTECTED]
    standby = read.services[0].standby
    assert standby is not None
    assert standby.storage is not None
    assert standby.storage.account == STANDBY.account


def test_the_timer_does_not_meet_the_demo() -> None:
    """Whatever time it is, the schedule's next firing by itself is hours away."""
    for hour in (0, 2, 13, 23):
        settings = environment.app_settings(
            PRIMARY,
            storage=STORAGE,
            simulator={"identityEndpoint": "http://127.0.0.1:1/msi/token", "identityHeader": "h"},
            plan_file=seed.CONTENT,
            speed=60,
            now=dt.datetime(2026, 11, 23, hour, tzinfo=dt.UTC),
        )
        fires_at = int(settings["BACKUP_SCHEDULE"].split()[2])
        assert (fires_at - hour) % 24 == 12


def test_a_disabled_timer_is_in_the_settings_file_of_the_host(tmp_path: Path) -> None:
    """The name is that of Azure Functions; with its dots it would get lost in a shell's environment."""
    folder = take(tmp_path / "demo")
    fleet.devhost(folder, STANDBY, {}, tmp_path / "ca.pem", disabled=("find_unreplicated",))
    written = json.loads((folder.path / "demo.settings.json").read_text())
    folder.lock.close()

    assert written["Values"] == {"AzureWebJobs.find_unreplicated.Disabled": "1"}


def test_what_no_backup_holds_is_around_the_primary() -> None:
    """Host names, certificates and diagnostics, without a key or a certificate's content."""
    found = seed.around()

    assert all(found[part] for part in ("hostNames", "caCertificates", "diagnosticSettings"))
    assert "encodedCertificate" not in str(found)


def test_a_developers_own_settings_do_not_reach_the_processes() -> None:
    """Credentials, proxies and settings of the shell are left out; the rest stays."""
    shell = {
        "PATH": "/bin",
        "AZURE_CLIENT_ID": "x",
        "https_proxy": "http://proxy",
        "DR_PLAN": "mine.json",
        "REQUESTS_CA_BUNDLE": "mine.pem",
        "AzureWebJobsStorage": "mine",
    }

    assert environment.clean_environment(shell) == {"PATH": "/bin", "PYTHONUNBUFFERED": "1"}
