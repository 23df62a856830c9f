"""What the package `deploy` writes is what the templates take: parameters by name, and what comes of them."""

from __future__ import annotations

import check_rights
import check_types
import deploying
import pytest
import scenarios
from bicep_functions import Unknown

from deploy.inputs import Inputs
from deploy.parameters import STORED, in_base64, main_parameters
from deploy.plan_file import read_plan
from deploy.planning import plan_work
from deploy.surroundings import Surroundings
from shared.core.plan import Plan, parse_plan

EXAMPLES = sorted((scenarios.ROOT / "docs/examples").glob("*.json"))
GROUP = f"/subscriptions/{scenarios.OTHER}/resourceGroups/rg-contoso/providers"


def handed_over(plan: Plan) -> dict[str, object]:
    """Return the foundation's parameters for a plan whose services and accounts are all there."""
    named = [end for one in plan.services for end in (one, one.standby, one.drill_target) if end]
    places = [one.storage for one in (*plan.services, *plan.regions.values()) if one.storage]
    places += [one.standby.storage for one in plan.services if one.standby and one.standby.storage]
    accounts = {place.account for place in plan.regions.values()} | {place.account for place in places}
    around = Surroundings(
        services={end.resource_id.lower(): {"id": end.resource_id} for end in named},
        accounts={name: f"{GROUP}/Microsoft.Storage/storageAccounts/{name}" for name in accounts},
        peers={region: scenarios.PRINCIPAL for region in plan.regions if region != plan.region},
        topics={},
    )
    inputs = Inputs(
        environment="contoso", location=plan.region, subscription=scenarios.OWN, vnet_prefix="10.0.0.0/24"
    )
    return plan_work(plan, inputs, around, is_name_free=False).parameters()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_foundation_takes_what_is_handed_over(example, files):
    """Every name is a parameter, every role exists, and what comes of it all is known to Azure."""
    top = scenarios.ROOT / "infra/foundation.bicep"
    parameters = handed_over(read_plan(example))
    found = deploying.deploy(files, top, parameters)

    assert parameters.keys() <= {entry.name for entry in files[top.resolve()].of("parameter")}
    assert [*check_types.all_faults(found), *check_rights.all_faults(found)] == []
    assert found.of("Microsoft.Authorization/roleAssignments")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_app_takes_what_the_foundation_tells(example, files):
    """Outputs of the one become parameters of the other, with none left out."""
    plan = read_plan(example)
    foundation = deploying.deploy(files, scenarios.ROOT / "infra/foundation.bicep", handed_over(plan))
    told = {variable: foundation.outputs[name] for name, variable in STORED.items()}
    values = {name: value.of if isinstance(value, Unknown) else value for name, value in told.items()}
    environment = {"AZURE_ENV_NAME": "contoso", "AZURE_LOCATION": plan.region, **values}
    parameters = main_parameters(plan, environment)
    found = deploying.deploy(files, scenarios.ROOT / "infra/main.bicep", parameters)

    assert all(str(parameters[name]) for name in STORED)
    assert check_types.all_faults(found) == []


def test_a_plan_that_the_hook_has_just_written_takes_the_place_of_the_compiled_one(files):
    """With every field, through base64, into the setting."""
    plan = read_plan(scenarios.ROOT / "docs/examples/every-field.json")
    environment = {**scenarios.MAIN["smallest"], "location": plan.region, "newPlan": in_base64(plan)}
    found = deploying.deploy(files, scenarios.ROOT / "infra/main.bicep", environment)

    (app,) = found.of("Microsoft.Web/sites")
    settings = {one["name"]: one["value"] for one in app.get("properties", "siteConfig", "appSettings")}
    assert parse_plan(settings["DR_PLAN"]) == plan
