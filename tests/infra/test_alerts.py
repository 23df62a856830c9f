"""The template makes of the plan what the app makes of it: whom the silent alerts expect, and the setting."""

import datetime as dt
import json
import re

import bicep
import deploying
import pytest
from queries import ROOT

from shared.core.plan import parse_plan

LOOK_BACK_HOURS = 48
FOR_EVER = "2999-01-01T00:00:00Z"
FILES = bicep.read(ROOT)
GIVEN = {
    "environmentName": "contoso",
    "identityId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/"
    "userAssignedIdentities/id-contoso",
    "identityClientId": "00000000-0000-0000-0000-0000000000cc",
    "identityPrincipalId": "00000000-0000-0000-0000-0000000000bb",
    "hostStorageName": "sthost",
    "deploymentContainerUrl": "https://sthost.blob.core.windows.net/deployments",
}
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.json"))
CASES = [
    (path.stem, region)
    for path in EXAMPLES
    for region in json.loads(path.read_text(encoding="utf-8"))["regions"]
]


def example(name):
    """Return a plan of the documentation, as written."""
    return json.loads((ROOT / f"docs/examples/{name}.json").read_text(encoding="utf-8"))


def deployed(plan, region="westeurope", **more):
    """Work out what main.bicep deploys for a plan."""
    given = {**GIVEN, "plan": plan, "location": region, **more}
    return deploying.deploy(FILES, ROOT / "infra/main.bicep", given)


def rule(deployment, name):
    """Return whether a rule is enabled, and its query."""
    (found,) = [
        one
        for one in deployment.of("Microsoft.Insights/scheduledQueryRules")
        if one.name == f"apim-dr-contoso-{name}"
    ]
    return found.get("properties", "enabled"), found.get("properties", "criteria", "allOf")[0]["query"]


def expected(deployment, name):
    """Return what a silent rule expects: hours and the end of the pause, by service."""
    enabled, query = rule(deployment, name)
    (listed,) = re.findall(r"^let expected = dynamic\((.*)\);$", query, re.M)
    found = {one["service"]: (one["hours"], one["pausedUntil"]) for one in json.loads(listed)}
    assert enabled == bool(found)
    return found


def settings(deployment):
    """Return the settings of the app."""
    (app,) = deployment.of("Microsoft.Web/sites")
    return {one["name"]: one["value"] for one in app.get("properties", "siteConfig", "appSettings")}


def paused_until(service):
    """Return the end of a service's pause as the query gets it: no pause, a time, or for ever."""
    if service.paused is None:
        return ""
    until = service.paused.until
    return f"{until.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}" if until else FOR_EVER


@pytest.mark.parametrize(("name", "region"), CASES)
def test_the_silent_alerts_expect_whom_the_app_protects(name, region):
    """The template's reading of defaults, regions and pauses is the model's."""
    plan = example(name)
    deployment = deployed(plan, region)
    services = parse_plan(json.dumps({**plan, "region": region})).services

    assert expected(deployment, "restore-point-missing") == {
        one.name: (one.rpo_hours, paused_until(one))
        for one in services
        if one.region == region and one.rpo_hours <= LOOK_BACK_HOURS
    }
    assert expected(deployment, "replica-missing") == {
        one.name: (one.standby.rpo_hours, paused_until(one))
        for one in services
        if one.standby and one.standby.region == region and one.standby.rpo_hours <= LOOK_BACK_HOURS
    }


def test_the_examples_have_something_to_expect():
    """The test above would pass with nothing in it."""
    assert expected(deployed(example("two-regions")), "restore-point-missing") == {"contoso": (30, "")}
    assert expected(deployed(example("two-regions"), "northeurope"), "replica-missing") == {
        "contoso": (36, "")
    }


@pytest.mark.parametrize(("own", "hours"), [({}, 12), ({"rpoHours": 20}, 20), ({"rpoHours": None}, 30)])
def test_the_hours_are_the_services_own_or_the_defaults(own, hours):
    """A null takes back what the defaults say, as in the app."""
    plan = example("smallest")
    plan["defaults"] = {"rpoHours": 12}
    plan["services"][0] |= own

    assert parse_plan(json.dumps(plan)).services[0].rpo_hours == hours
    assert expected(deployed(plan), "restore-point-missing") == {"contoso": (hours, "")}


def test_a_null_takes_back_the_pause_of_the_defaults():
    """Who is not paused is expected."""
    plan = example("smallest")
    plan["defaults"] = {"paused": {"reason": "holidays"}}
    assert expected(deployed(plan), "restore-point-missing") == {"contoso": (30, FOR_EVER)}

    plan["services"][0]["paused"] = None
    assert expected(deployed(plan), "restore-point-missing") == {"contoso": (30, "")}


def test_nobody_is_expected_for_longer_than_an_alert_can_look_back():
    """It would fire while all is well."""
    plan = example("smallest")
    plan["services"][0]["rpoHours"] = LOOK_BACK_HOURS + 1

    assert expected(deployed(plan), "restore-point-missing") == {}


@pytest.mark.parametrize(("defaults", "hours", "enabled"), [({}, 30, True), ({"rpoHours": 168}, 168, False)])
def test_the_heartbeat_goes_by_the_defaults(defaults, hours, enabled):
    """A fleet whose nights are rarer than an alert can look back has no heartbeat."""
    plan = {**example("discover"), "defaults": defaults}
    found, query = rule(deployed(plan), "night-missing")

    assert (found, f"toint('{hours}')" in query) == (enabled, True)


@pytest.mark.parametrize(("name", "region"), CASES)
def test_the_setting_holds_the_plan_with_the_region_of_the_app(name, region):
    """Nothing else of it changes, nulls and lists included."""
    plan = example(name)
    setting = settings(deployed(plan, region))["DR_PLAN"]

    assert json.loads(setting) == {**plan, "region": region}
    assert parse_plan(setting).region == region


def test_schedules_are_set_only_where_they_are_given():
    """An empty one would hide the app's default from who looks at the settings."""
    names = {"BACKUP_SCHEDULE", "USAGE_SCHEDULE", "DRILL_SCHEDULE"}
    plan = example("smallest")
    some = settings(deployed(plan, usageSchedule="0 0 3 * * *"))

    assert names & settings(deployed(plan)).keys() == set()
    assert {name: some[name] for name in names & some.keys()} == {"USAGE_SCHEDULE": "0 0 3 * * *"}


def test_a_key_in_a_vault_becomes_a_setting_that_the_platform_reads():
    """With the app's own identity; spaces and a last semicolon do no harm."""
    given = "FIRST_KEY=https://kv-a.example/secrets/first; SECOND_KEY = https://kv-a.example/secrets/second ;"
    deployment = deployed(example("smallest"), keySettings=given)
    found = {name: value for name, value in settings(deployment).items() if name.endswith("_KEY")}
    (app,) = deployment.of("Microsoft.Web/sites")

    assert found == {
        "FIRST_KEY": "@Microsoft.KeyVault(SecretUri=https://kv-a.example/secrets/first)",
        "SECOND_KEY": "@Microsoft.KeyVault(SecretUri=https://kv-a.example/secrets/second)",
    }
    assert app.get("properties", "keyVaultReferenceIdentity") == GIVEN["identityId"]
