"""The deployment itself: after one that is at work, and again where Azure lags behind itself."""

from __future__ import annotations

import subprocess

import pytest

from deploy import deploying
from deploy.az import Az, AzFault
from tests.deploy.conftest import Clone

NAME = "apim-dr-foundation-contoso-weu"
AT_WORK = {"properties": {"provisioningState": "Running"}}
LAGS = [
    "ERROR: (RoleDefinitionDoesNotExist) The specified role definition with ID '1' does not exist.",
    "ERROR: (PrincipalNotFound) Principal 1 does not exist in the directory 2.",
    'ERROR: {"code": "Managed Identity Authorization Error", "message": "Managed Identity for x does not '
    "have permission. Managed identity for event subscription does not have authorization to deliver to the "
    'endpoint."}',
]


def words(clone: Clone) -> list[str]:
    """Return what was asked of the deployment, in order."""
    return [call[2] for call in clone.calls() if call[:2] == ["deployment", "sub"]]


def without_waiting(clone: Clone) -> subprocess.CompletedProcess[str]:
    """Run the hook with pauses that are only told."""
    program = (
        "import sys; from deploy import __main__, deploying\n"
        "deploying.sleep = lambda pause: print(f'slept {pause}')\n"
        "sys.exit(__main__.main(['foundation']))"
    )
    return clone.run_python("-c", program)


def test_a_deployment_that_azure_is_still_at_is_waited_for(clone: Clone) -> None:
    """As after Ctrl-C: a second one of that name would be refused with DeploymentActive."""
    clone.example("smallest")
    clone.state["deployments"][NAME] = AT_WORK

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    assert f"Azure is still at an earlier deployment {NAME}; waiting for it" in done.stdout
    assert words(clone) == ["show", "wait", "create"]


def test_one_that_fails_meanwhile_is_no_fault_of_the_next(clone: Clone) -> None:
    """`az deployment sub wait` fails with it."""
    clone.example("smallest")
    clone.state["deployments"][NAME] = {"properties": {"provisioningState": "Running"}}
    clone.state |= {"ends_as": "Failed"}

    done = clone.run("foundation")

    assert done.returncode == 0, done.stderr
    assert words(clone) == ["show", "wait", "show", "create"]


def test_one_that_cannot_be_waited_for_stops(clone: Clone) -> None:
    """It is at work after all, and nothing else is deployed."""
    clone.example("smallest")
    clone.state["deployments"][NAME] = AT_WORK
    clone.state["faults"] = [{"command": "az deployment sub wait", "stderr": "ERROR: timed out", "exit": 1}]

    done = clone.run("foundation")

    assert done.returncode == 1
    assert "timed out" in done.stderr
    assert "create" not in words(clone)


@pytest.mark.parametrize("said", LAGS, ids=["role", "identity", "topic"])
def test_what_azure_does_not_know_everywhere_yet_is_tried_again(clone: Clone, said: str) -> None:
    """After half a minute, and it says so."""
    clone.example("smallest")
    clone.state["faults"] = [{"command": "az deployment sub create", "stderr": said, "exit": 1, "times": 1}]

    done = without_waiting(clone)

    assert done.returncode == 0, done.stderr
    assert "trying again in 30 seconds" in done.stdout
    assert done.stdout.count("slept") == 1
    assert words(clone) == ["show", "create", "create"]


def test_after_the_third_try_it_is_told(clone: Clone) -> None:
    """With what Azure said, and not as if the account lacked rights."""
    clone.example("smallest")
    clone.state["faults"] = [{"command": "az deployment sub create", "stderr": LAGS[2], "exit": 1}]

    done = without_waiting(clone)

    assert done.returncode == 1
    assert done.stdout.index("slept 30") < done.stdout.index("slept 60")
    assert words(clone) == ["show", "create", "create", "create"]
    assert "What Azure made before stays, and another azd provision goes on" in done.stderr


def test_another_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause for what time does not mend."""
    pauses: list[float] = []
    monkeypatch.setattr(deploying, "sleep", pauses.append)
    az = Az("")
    answers = iter([None, AzFault("deploying", "ERROR: (StorageAccountAlreadyTaken)")])

    def answer(*_: object, **__: object) -> None:
        said = next(answers)
        if said is not None:
            raise said

    monkeypatch.setattr(az, "json", answer)

    with pytest.raises(AzFault, match="AlreadyTaken"):
        deploying.deploy(az, NAME, [], lambda _: None)
    assert pauses == []
