"""A clone of the repository in which hooks run as azd runs them, with a stand-in for `az` and `azd`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
STANDIN = Path(__file__).with_name("standin.py")


def service(name: str, region: str, *, group: str, tier: str = "Standard", **changes: Any) -> dict[str, Any]:
    """Return an API Management service as `az apim list` shows it."""
    return {
        "id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.ApiManagement"
        f"/service/{name}",
        "location": region,
        "sku": {"name": tier, "capacity": 1},
        "identity": {"type": "SystemAssigned", "principalId": f"principal-of-{name}"},
        "tags": {},
        **changes,
    }


class Clone:
    """A copy of what the hooks need, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "infra", folder / "infra")
        (folder / "shared").symlink_to(ROOT / "shared")
        for program in ("az", "azd"):
            self.install(program)
        self.environment = {
            "AZURE_ENV_NAME": "contoso-weu",
            "AZURE_LOCATION": "westeurope",
            "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
        }
        self.state: dict[str, Any] = {
            "cloud": "AzureCloud",
            "services": [
                service("contoso-weu", "West Europe", group="rg-contoso-weu"),
                service("contoso-neu", "North Europe", group="rg-contoso-neu"),
            ],
            **{key: [] for key in ("accounts", "taken", "containers", "policies", "identities", "topics")},
            **{key: [] for key in ("listeners", "groups", "assignments", "roles", "faults")},
            **{"immutability": {}, "skus": [], "providers": {}, "ends_as": "Succeeded"},
            "deployments": {},
            "stored": {},
        }

    def install(self, program: str) -> None:
        """Put the stand-in on the PATH under a name."""
        (self.bin / program).write_text(f"#!{sys.executable} -IS\n{STANDIN.read_text()}")
        (self.bin / program).chmod(0o755)

    def plan(self, document: Any) -> None:
        """Write infra/plan.json."""
        text = document if isinstance(document, str) else json.dumps(document)
        (self.folder / "infra" / "plan.json").write_text(text)

    def example(self, name: str) -> dict[str, Any]:
        """Write a plan of docs/examples, and return it."""
        document: dict[str, Any] = json.loads((EXAMPLES / f"{name}.json").read_text())
        self.plan(document)
        return document

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of `deploy` over the state, and take the state over that it leaves."""
        return self.run_python("-m", "deploy", *arguments, **variables)

    def run_python(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the clone, over the state."""
        state = self.bin / "state.json"
        state.write_text(json.dumps(self.state))
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**self.inherited(), **self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.state = json.loads(state.read_text())
        return done

    def inherited(self) -> dict[str, str]:
        """Return what every program needs of this environment; the PATH has nothing but the stand-ins."""
        return {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ} | {
            "PATH": str(self.bin)
        }

    def calls(self, program: str = "az") -> list[list[str]]:
        """Return the calls of a program so far, without its name."""
        file = self.bin / "calls.jsonl"
        made = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [one[1:] for one in made if one[0] == program]

    def made(self) -> list[list[str]]:
        """Return the calls of `az` that change something."""
        words = ("create", "delete", "update")
        return [one for one in self.calls() if any(word in one for word in words)]

    def parameters(self, environment: str = "contoso-weu", template: str = "foundation") -> dict[str, Any]:
        """Return the parameters that were written last."""
        file = self.folder / "build" / "deploy" / environment / f"{template}.parameters.json"
        document = json.loads(file.read_text())
        return {name: one["value"] for name, one in document["parameters"].items()}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone with two services in one subscription, and nothing deployed."""
    return Clone(tmp_path / "clone")
