"""The calls of docs/failover.md, run against the app and a simulated Azure."""

from __future__ import annotations

from tests.world.conftest import MakeWorld
from tests.world.operators import AtShell, nightly, replicate
from tests.world.runbooks import DOCS, blocks_of

PAGE = DOCS / "failover.md"


def test_the_three_calls_that_say_how_a_service_stands(make_world: MakeWorld, at_shell: AtShell) -> None:
    """The list, one service, its readiness; with the standby's key, and nothing else prepared."""
    primary = make_world(copies=True)
    nightly(primary)
    standby = primary.in_region("northeurope")
    replicate(standby)
    operator = at_shell({"westeurope": primary, "northeurope": standby})

    (calls,) = blocks_of(PAGE)
    said = operator.do(calls)

    assert said.count('"service": "contoso"') == 3
    assert '"isReady": true' in said
