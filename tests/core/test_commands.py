"""Lines for a shell with names that are legal and odd: bash reads every one, and none becomes two."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator

import pytest

from shared.core.ends import Standby
from shared.core.failback_steps import failback_steps
from shared.core.failover_facts import Facts
from shared.core.failover_steps import failover_steps
from shared.core.fix_up_scene import Scene
from shared.core.fix_ups import fix_ups
from shared.core.reports import FixUp
from shared.core.services import ServiceRef
from shared.core.sidecar import Sidecar
from tests.core import make
from tests.core.settings import KEY_VAULT_HOST, LOGS, ROOT, UPLOADED_HOST, source, target
from tests.core.takeovers import APPS, UNSEEN, facts

GROUP = "rg(prod)_eu.1"
"""Of the signs that a resource group may have, those that mean something to a shell."""
OWNER = 'O\'Brien & $(Söhne); "APIs" `x` #1 !'
"""A publisher may be called anything."""


def odd(service: ServiceRef) -> ServiceRef:
    """Return a service in a resource group with parentheses."""
    return ServiceRef(resource_id=service.resource_id.replace("rg-weu", GROUP), region=service.region)


TARGET = odd(make.service("contoso-neu", "northeurope"))
POINT = make.restore_point(source=odd(make.service("contoso-weu")))


def odd_source() -> Sidecar:
    """Return the settings of a source in which people have chosen odd values."""
    found = source(
        publisherName=OWNER,
        certificates=[{**ROOT, "certificate": {"thumbprint": "1", "subject": "CN=O'Brien (Root)"}}],
        hostnameConfigurations=[
            {**KEY_VAULT_HOST, "keyVaultId": "https://vault.vault.azure.net/secrets/o'brien"},
            UPLOADED_HOST,
        ],
    )
    settings = found.diagnostics or ()
    named = tuple(one.model_copy(update={"name": f"all of {OWNER}"}) for one in settings)
    assert LOGS and named
    return found.model_copy(update={"diagnostics": named, "source": POINT.source})


ENDS = [(odd_source(), target()), (odd_source(), None), (None, target()), (None, None)]


def missing(ends: tuple[Sidecar | None, Sidecar | None]) -> tuple[FixUp, ...]:
    """Return the fix-up list for these ends."""
    entities = {"/gateways/o'brien (home)": "0"}
    return fix_ups(POINT, TARGET, sidecar=ends[0], settings=ends[1], entities=entities)


def taking_over(ends: tuple[Sidecar | None, Sidecar | None]) -> Iterator[Facts]:
    """Yield what may be known of a takeover between these ends: all, or next to nothing."""
    end = Standby.model_validate(make.standby() | {"resourceId": TARGET.resource_id})
    place = {"end": end, "instead_of": POINT.source, "newest": POINT}
    if ends[0] and ends[1]:
        scene = Scene(point=POINT, target=TARGET, source=ends[0], now=ends[1])
        yield facts(**place, scene=scene)
        yield facts(**place, scene=scene, held_days=3)
    yield facts(**place, scene=UNSEEN, held=UNSEEN, resource=UNSEEN)


def lines(ends: tuple[Sidecar | None, Sidecar | None]) -> Iterator[str]:
    """Yield every line that anybody is shown for these ends."""
    lacking = missing(ends)
    yield from (one.command for one in lacking)
    for found in taking_over(ends):
        for steps in (failover_steps(found, lacking, APPS, ()), failback_steps(found, lacking, APPS, ())):
            yield from (line for step in steps for line in step.commands)


@pytest.mark.parametrize("ends", ENDS, ids=["both", "target-unknown", "source-unknown", "nothing-known"])
def test_bash_reads_every_line(ends: tuple[Sidecar | None, Sidecar | None]) -> None:
    """Fix-ups, and all steps of failover and failback."""
    for line in set(lines(ends)):
        read = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, ""), line
        assert "\n" not in line
        shlex.split(line)


def test_the_odd_names_are_in_the_lines() -> None:
    """Else the test above would read nothing that is odd."""
    shown = "\n".join(lines(ENDS[0]))

    assert all(word in shown for word in (GROUP, "(home)", "(Root)", "$(Söhne)", "secrets/o"))


@pytest.mark.parametrize("ends", ENDS, ids=["both", "target-unknown", "source-unknown", "nothing-known"])
def test_every_step_names_the_subscription_that_it_acts_on(
    ends: tuple[Sidecar | None, Sidecar | None],
) -> None:
    """Whoever runs them may be logged in to another one."""
    for line in set(lines(ends)):
        if line.startswith(("az functionapp", "az apim", "az network", "az resource")):
            assert " --subscription " in line or " --ids " in line, line
