"""The parameter files: as Azure Resource Manager reads them, and as the templates take them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pycep
import pytest

from deploy.faults import DeployFault
from deploy.parameters import SCHEMA, STORED, outputs_of
from tests.deploy.conftest import SUBSCRIPTION, Clone

INFRA = Path(__file__).parents[2] / "infra"
LEFT_TO_ITS_DEFAULT = {"hostStorageName"}


def declared(template: str) -> dict[str, Any]:
    """Return the parameters of a template, as a parser of Bicep reads them."""
    parsed = pycep.BicepParser().parse(text=(INFRA / f"{template}.bicep").read_text())
    found: dict[str, Any] = parsed["parameters"]
    return found


def outputs(template: str) -> set[str]:
    """Return the names of a template's outputs."""
    return set(re.findall(r"^output (\w+) ", (INFRA / f"{template}.bicep").read_text(), re.M))


def test_the_foundation_gets_the_parameters_that_it_declares(clone: Clone) -> None:
    """All of them but the name that it makes itself, and no other."""
    clone.example("two-regions")
    clone.run("parameters")

    assert set(clone.parameters()) == set(declared("foundation")) - LEFT_TO_ITS_DEFAULT


def test_entries_have_the_fields_of_the_templates_types(clone: Clone) -> None:
    """Each list is checked with the type that foundation.bicep declares for it."""
    document = clone.example("two-regions")
    document["defaults"] = {"afterChanges": {}}
    document["discover"] = {"subscriptions": [SUBSCRIPTION], "tag": {"apim-dr": "nightly"}}
    document["defaults"]["storage"] = document["services"][0]["storage"]
    clone.plan(document)
    first = clone.run("foundation")
    assert first.returncode == 0, first.stderr
    weu = clone.parameters()
    place = {"AZURE_ENV_NAME": "contoso-neu", "AZURE_LOCATION": "northeurope"}
    done = clone.run("foundation", **place)
    assert done.returncode == 0, done.stderr
    neu = clone.parameters("contoso-neu")
    text = (INFRA / "foundation.bicep").read_text()

    for parameter, kind in re.findall(r"^param (\w+) (\w+)\[\] = \[\]", text, re.M):
        if kind == "string":
            continue
        fields = re.search(rf"^type {kind} = {{\n(.*?)^}}", text, re.M | re.S)
        assert fields is not None
        expected = set(re.findall(r"^  (\w+):", fields[1], re.M))
        entries = [*weu[parameter], *neu[parameter]]
        assert {frozenset(entry) for entry in entries} == {frozenset(expected)}, parameter


def test_the_files_are_parameter_files_of_arm(clone: Clone) -> None:
    """Schema, version, and a value for each name."""
    clone.example("smallest")
    clone.run("parameters")

    file = clone.folder / "build" / "deploy" / "contoso-weu" / "foundation.parameters.json"
    document = json.loads(file.read_text())
    assert (document["$schema"], document["contentVersion"]) == (SCHEMA, "1.0.0.0")
    assert all(set(entry) == {"value"} for entry in document["parameters"].values())


def test_without_azd_the_command_says_what_comes_next(clone: Clone) -> None:
    """First the foundation by hand, then once more for the main template."""
    clone.example("smallest")

    first = clone.run("parameters")
    clone.run("foundation")
    second = clone.run("parameters", APIM_DR_ALERT_EMAIL="ops@contoso.example")

    assert "az deployment sub create --name apim-dr-foundation-contoso-weu" in first.stdout
    assert "main.parameters.json" not in first.stdout
    assert "main.parameters.json" in second.stdout
    main = clone.parameters(template="main")
    assert set(main) <= set(declared("main"))
    assert main["alertEmail"] == "ops@contoso.example"
    assert main["identityPrincipalId"] == "principal-of-contoso-weu"
    assert (main["location"], main["plan"]["region"]) == ("westeurope", "westeurope")


def test_every_parameter_without_a_default_is_given(clone: Clone) -> None:
    """Both templates can be deployed with the files alone."""
    clone.example("smallest")
    clone.run("foundation")
    clone.run("parameters")

    for template in ("foundation", "main"):
        needed = {name for name, one in declared(template).items() if one.get("default") is None}
        assert needed <= set(clone.parameters(template=template))


def test_azd_asks_for_nothing_that_the_hook_tells() -> None:
    """It asks before its hooks run, for each parameter without a default: name and location, its own two."""
    needed = {name for name, one in declared("main").items() if one.get("default") is None}

    assert needed == {"environmentName", "location"}


def test_the_outputs_that_are_stored_are_outputs_of_the_foundation() -> None:
    """And the variables are those that infra/main.parameters.json reads."""
    read = (INFRA / "main.parameters.json").read_text()

    assert set(STORED) <= outputs("foundation")
    assert [name for name in STORED.values() if f"${{{name}" not in read] == []


def test_a_deployment_without_its_outputs_is_named() -> None:
    """One of another template, or one that failed."""
    with pytest.raises(DeployFault, match="identityId, identityClientId"):
        outputs_of({"properties": {"outputs": {"subnetId": {"value": ""}}}})
