"""What tests of replication ask and do."""

from __future__ import annotations

import datetime as dt

from shared.core import layout, names
from shared.core.replication import ReplicationState
from shared.core.reports import Replica
from tests.orchestrators.conftest import Stage

HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)
LOOK = dt.timedelta(minutes=10)
LONG = dt.timedelta(days=3)
COPIES = {"account": "drcopies", "container": "apim-copies"}


def instance(stage: Stage) -> str:
    """Return the id of the first service's replication."""
    assert stage.ports.first.standby is not None
    return names.replication_instance(stage.ports.first.standby.resource_id)


def finish(stage: Stage) -> dict:
    """Let the first service be replicated, as after an event, until nothing is to do; return the output."""
    done = stage.host.run_until_done(stage.replicate(), LONG)
    assert done.runtime_status == "Completed", done
    return done.output


def let_pass(stage: Stage, duration: dt.timedelta) -> None:
    """Let time pass with the timer of replication at work."""
    end = stage.host.clock.now() + duration
    while stage.host.clock.now() + LOOK <= end:
        stage.host.run_for(LOOK)
        stage.fire("find_unreplicated")
    stage.host.run_for(end - stage.host.clock.now())


def replicas(stage: Stage) -> list[Replica]:
    """Return the replica records, in order."""
    records = stage.ports.records()
    return [Replica.from_bytes(records.read(key)[0]) for key in records.keys(layout.REPLICAS)]


def restored(stage: Stage) -> list[str]:
    """Return the names of the points whose restores were sent, in order."""
    return [post.backup_name for post in stage.ports.arm.posts]


def said(stage: Stage) -> ReplicationState:
    """Return what is stored of the first service's replication."""
    key = layout.replication_key(stage.ports.first.name)
    return ReplicationState.from_bytes(stage.ports.records().read(key)[0])


def target(stage: Stage):
    """Return the standby as Azure has it."""
    assert stage.ports.first.standby is not None
    return stage.ports.arm.service(stage.ports.first.standby.ref)
