"""The repository's templates keep every rule of the checks; and the checks see all of them."""

from __future__ import annotations

import bicep
import check_types
import checks
import pytest
import scenarios

from tools import infra_types


@pytest.fixture(scope="session")
def found() -> list[str]:
    """Everything that the checks say of the repository."""
    return checks.all_faults(scenarios.ROOT)


def test_the_templates_have_no_faults(found):
    """Syntax, symbols, modules, properties, names, rights, settings, what must be shut, what is in common."""
    assert found == []


def test_every_resource_is_deployed_by_a_scenario(files, deployments):
    """What no scenario deploys no check has seen."""
    deployed = {
        (resource.file.path, resource.declaration.name)
        for deployment in deployments.values()
        for resource in deployment.resources
    }
    declared = {
        (path, entry.name)
        for path, file in files.items()
        for entry in file.of("resource")
        if not entry.is_existing
    }

    assert declared - deployed == set()


def test_every_file_is_reached_from_a_top_template(files, deployments):
    """A file that no module leads to is deployed by nobody."""
    reached = {(scenarios.ROOT / top).resolve() for top in scenarios.TOPS}
    for path in files:
        reached |= {(path.parent / entry.target).resolve() for entry in files[path].of("module", "import")}

    assert set(files) - reached == set()


@pytest.mark.parametrize("top", scenarios.TOPS)
def test_scenarios_give_every_parameter_that_has_no_default(files, top):
    """And no other than the template has; the largest gives all that make a difference."""
    file = files[(scenarios.ROOT / top).resolve()]
    parameters = {entry.name: entry for entry in file.of("parameter")}

    for given in scenarios.TOPS[top].values():
        assert given.keys() <= parameters.keys()
        assert {name for name, entry in parameters.items() if entry.value is None} <= given.keys()


def test_names_of_an_environment_are_as_long_as_they_may_be(files):
    """The scenarios' names are the shortest and the longest that the templates take."""
    for top in scenarios.TOPS:
        parameter = files[(scenarios.ROOT / top).resolve()].declared["environmentName"]
        limits = {
            name: bicep.text(parameter.decorators[name].named_children[1])
            for name in ("minLength", "maxLength")
        }

        assert limits == {"minLength": "(1)", "maxLength": f"({len(scenarios.LONGEST)})"}


def test_the_top_templates_are_tables_of_contents(files):
    """Modules, and the resource group of all of them."""
    for top in scenarios.TOPS:
        resources = files[(scenarios.ROOT / top).resolve()].of("resource")

        assert [entry.resource_type for entry in resources] == ["Microsoft.Resources/resourceGroups"]


def test_models_are_kept_for_the_types_that_are_used_and_no_others(deployments):
    """A model that nothing uses says nothing, and would grow old."""
    used = {found.type for deployment in deployments.values() for found in deployment.resources}
    kept = {check_types.known_name(path) for path in check_types.FOLDER.glob("*.json")}

    assert kept == used


def test_every_model_says_where_it_comes_from():
    """Package, version and API version are those of tools/infra_types.json."""
    for source in infra_types.SOURCES:
        origin = (f"{source['package']} {source['version']}", source["apiVersion"])
        for name in source["types"]:
            models = check_types.known(name)
            assert models is not None, name
            assert (models["type"], models["source"], models["apiVersion"]) == (name, *origin)


def test_exceptions_from_the_check_of_properties_are_used(deployments):
    """A version that no template has any more needs no exception."""
    used = {(f.type, f.declaration.api_version) for d in deployments.values() for f in d.resources}

    assert check_types.NEIGHBOURS.keys() <= used
