"""
The app at work in a simulator where it has the rights of a deployment, and no other.

Which roles it gets where is what `deploy` would hand to the foundation for the same plan; what they allow is
read from the templates.
"""

from __future__ import annotations

import datetime as dt

import pytest
import rights

from deploy.needs import account_ids, needs_of
from shared import roster
from shared.core.runs import Outcome
from tests.fakes.drills import drill_plan, drilled
from tests.fakes.ports import IDENTITY, SUBSCRIPTION, plan_json, resource_id
from tests.world.conftest import ca_dir, clock, cloud, make_world, storage  # noqa: F401 - fixtures
from tests.world.test_discovery import put
from tests.world.test_preflight import ACCOUNT, CONTRIBUTOR, furnish
from tests.world.test_preflight import put as let_know
from tests.world.test_usage import export

HOUR = dt.timedelta(hours=1)
COPIES_ACCOUNT = ACCOUNT.replace("drprimary", "drstandby")
SERVICE = "Microsoft.ApiManagement/service"
BELOW = {
    "apis/orders/operations/get": {"displayName": "get", "method": "GET", "urlTemplate": "/"},
    "namedValues/left-over": {"displayName": "left-over", "value": "1"},
}


@pytest.fixture
def app_rights(cloud, monkeypatch):  # noqa: F811
    """What the app may do; nothing, until a test says so."""
    found = cloud.simulator.world.principals.find("app")
    return rights.enforce(monkeypatch, found.object_id)


def names_the_account(plan):
    """Say where the account is, as a plan should: the app then lists no accounts."""
    for service in plan["services"]:
        service["storage"]["resourceId"] = ACCOUNT
    return plan


def deployed(app_rights, world):
    """Give the app of the world's region what its deployment would give it."""
    plan = world.ports.plan
    needs = needs_of(plan, plan.region)
    ids = account_ids(plan)
    accounts = [ids[name] for name in needs.accounts if name in ids]
    discovery = {f"/subscriptions/{one}": names for one, names in needs.discovery.items()}
    app_rights.give({**needs.services, **discovery}, accounts)


def furnished(app_rights, world):
    """Fill the service, put the account and the identities' roles in place, and give the app its rights."""
    furnish(world)
    for path, properties in BELOW.items():
        world.azure.simulator.arm("PUT", f"{world.service.resource_id}/{path}", {"properties": properties})
    for end in (world.ports.first.standby, world.ports.first.drill_target):
        if end is None:
            continue
        found = world.azure.simulator.arm("GET", end.ref.resource_id)
        path = f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/{end.ref.name}"
        properties = {"roleDefinitionId": CONTRIBUTOR, "principalId": found["identity"]["principalId"]}
        world.azure.simulator.arm("PUT", path, {"properties": properties})
    deployed(app_rights, world)
    return world


@pytest.fixture
def primary(app_rights, make_world):  # noqa: F811
    """The app of the primary's region."""
    return furnished(app_rights, make_world(**names_the_account(plan_json())))


def test_a_backup_needs_the_backup_operator_and_the_preflight_reader(primary, app_rights):
    """Every check is made, every list is read, nothing is refused; and no action of the two is idle."""
    run = primary.back_up()

    assert (run.outcome, run.warnings, app_rights.refused) == (Outcome.SUCCEEDED, (), [])
    assert app_rights.used() == rights.actions("backupOperator") | rights.actions("preflightReader")


def test_a_backup_without_the_preflight_reader_is_made_all_the_same(primary, app_rights):
    """What is not read is named; so the role is for warnings, and the other one is enough."""
    app_rights.give({primary.service.resource_id: ["backupOperator"]})

    run = primary.back_up()

    assert run.outcome is Outcome.SUCCEEDED
    assert "preflight: not checked" in " ".join(run.warnings)


@pytest.fixture
def standby(primary, app_rights):
    """The app of the standby's region, with a point to restore."""
    assert primary.back_up().outcome is Outcome.SUCCEEDED
    other = primary.in_region("northeurope")
    deployed(app_rights, other)
    app_rights.asked.clear()
    return other


def test_a_restore_needs_all_four_roles_on_its_target(standby, app_rights):
    """Guards, safety backup, restore and comparison; and no action of the four is idle."""
    target = standby.ports.first.standby.ref.resource_id
    let_know(standby, f"{target}/namedValues/left-over", BELOW["namedValues/left-over"])
    asked = {"service": "contoso", "restorePoint": "latest", "target": "contoso-neu"}
    status, body = standby.ask("POST", "start_restore", {**asked, "confirm": "RESTORE contoso-neu"})
    assert status == 202, body
    standby.let_pass(3 * HOUR)

    run, _ = standby.ports.runs.read(body["runId"])
    target = standby.ports.first.standby.ref
    assert (run.word, app_rights.refused) == (Outcome.SUCCEEDED, []), run.fault
    assert (standby.azure.posts(target, "backup"), standby.azure.posts(target, "restore")) == (1, 1)
    assert app_rights.used() == set().union(*(rights.actions(name) for name in rights.roles()))


def test_replication_needs_no_more_than_a_restore(standby, app_rights):
    """It finds the point, restores it and compares, with the same roles."""
    done = standby.host.run_until_done(standby.replicate(), dt.timedelta(days=3))

    assert done.runtime_status == "Completed", done
    assert standby.azure.posts(standby.ports.first.standby.ref, "restore") == 1
    assert app_rights.refused == []


def test_a_standby_elsewhere_can_be_looked_at_for_the_way_back(app_rights, make_world):  # noqa: F811
    """`GET /api/services/{name}/failback` of the primary's app reads the standby with one role only."""
    plan = names_the_account(plan_json())
    copies = {"account": "drstandby", "container": "apim-copies", "resourceId": COPIES_ACCOUNT}
    plan["services"][0]["standby"]["storage"] = copies
    world = furnished(app_rights, make_world(**plan))
    let_know(
        world, COPIES_ACCOUNT, {}, location="northeurope", kind="StorageV2", sku={"name": "Standard_LRS"}
    )

    status, _ = world.ask("GET", "show_failback", name="contoso")

    assert (status, app_rights.refused) == (200, [])
    assert (f"{SERVICE}/read", resource_id("contoso-neu")) in app_rights.asked


def test_a_drill_needs_the_same_roles_on_its_target(app_rights, make_world):  # noqa: F811
    """Into a service of the app's own region."""
    world = furnished(app_rights, make_world(**names_the_account(drill_plan())))
    assert world.back_up().outcome is Outcome.SUCCEEDED
    world.fire("drill_timer")
    world.let_pass(3 * HOUR)

    (record,) = drilled(world.ports)
    assert (record.outcome, app_rights.refused) == (Outcome.SUCCEEDED, []), record.fault


def test_the_export_of_usage_needs_the_usage_reader_alone(app_rights, make_world):  # noqa: F811
    """No other right is asked for."""
    world = make_world(defaults={"usage": {"firstDays": 2}})
    app_rights.give({world.service.resource_id: ["usageReader"]})

    assert (export(world), app_rights.refused) == ("Exported", [])
    assert app_rights.used() == rights.actions("usageReader")


def test_discovery_needs_to_read_services_on_the_subscription(app_rights, make_world):  # noqa: F811
    """The roles that a deployment gives there suffice."""
    place = {"account": "drprimary", "container": "apim-backups", "access": IDENTITY}
    discover = {"subscriptions": [SUBSCRIPTION], "tag": {"apim-dr": "nightly"}}
    world = make_world(discover=discover, defaults={"storage": place})
    put(world, "adatum")
    deployed(app_rights, world)

    roster.refresh(world.ports)

    assert [service.name for service in roster.members(world.ports)] == ["contoso", "adatum"]
    assert app_rights.refused == []
    assert app_rights.used() == {f"{SERVICE}/read"}


def test_a_target_that_is_missing_costs_the_one_right_that_is_not_given(standby, app_rights):
    """Whether it was deleted lately is asked on the subscription, and the guard says that it is not known."""
    target = standby.ports.first.standby.ref
    standby.azure.simulator.arm("DELETE", target.resource_id)

    asked = {"service": "contoso", "restorePoint": "latest", "target": "contoso-neu"}
    status, body = standby.ask("POST", "start_restore", {**asked, "dryRun": True})

    assert status == 200, body
    assert "whether it was deleted lately could not be told" in str(body["guards"])
    assert {action for action, _ in app_rights.refused} == {
        "Microsoft.ApiManagement/locations/deletedservices/read"
    }


def test_without_its_id_in_the_plan_an_account_is_not_found(app_rights, make_world):  # noqa: F811
    """The accounts of the subscription are asked for; the backup is made, and says what was not checked."""
    world = furnished(app_rights, make_world())

    run = world.back_up()

    assert run.outcome is Outcome.SUCCEEDED
    assert {action for action, _ in app_rights.refused} == {"Microsoft.Storage/storageAccounts/read"}
    assert "preflight: not checked" in " ".join(run.warnings)


def test_nothing_of_the_plan_reads_a_service_that_is_not_its_own(primary, app_rights):
    """The scopes that were asked are the services of the plan, its accounts, and what hangs on them."""
    assert primary.back_up().outcome is Outcome.SUCCEEDED

    allowed = (resource_id("contoso-weu").lower(), ACCOUNT.lower())
    assert [scope for _, scope in app_rights.asked if not scope.lower().startswith(allowed)] == []
