"""Facts of a takeover with which nothing is wrong: a test names only what it is about."""

from __future__ import annotations

from typing import Any

from shared.core.ends import Standby
from shared.core.failover_facts import Facts
from shared.core.fix_up_scene import Scene, without_parts
from shared.core.preflight_facts import Check, Unseen, Verdict
from shared.core.reports import GatewayProbe, Replica
from shared.core.sidecar import HostName, Sidecar
from shared.core.takeover_steps import Apps
from tests.core import make

APPS = Apps(own_region="northeurope", own_url="https://dr.example")
UNSEEN = Unseen(reason="may not be read: the app needs a right")
HOST = "api.contoso.example"


def side(service: str, *hosts: str) -> Sidecar:
    """Return the settings of a service with custom host names."""
    found = tuple(HostName(type="Proxy", host_name=host) for host in hosts)
    point = make.restore_point()
    return without_parts(point, make.service(service)).model_copy(update={"host_names": found})


def facts(*, held_days: float | None = 1, newest_days: float | None = 1, **changes: Any) -> Facts:
    """Return facts of which every check is ok: the standby holds the newest point, a day old."""
    standby = Standby.model_validate(make.standby())
    replica = None
    if held_days is not None:
        point = make.restore_point(age_days=held_days)
        replica = Replica(
            name=point.name,
            service="contoso",
            target=standby.ref,
            run_id="r",
            point_started_at=point.started_at,
            inventory_digest="",
            recorded_at=make.NOW,
        )
    newest = None if newest_days is None else make.restore_point(age_days=newest_days)
    scene = Scene(
        point=make.restore_point(),
        target=standby.ref,
        source=side("contoso-weu", HOST),
        now=side("contoso-neu", HOST),
    )
    settings: dict[str, Any] = {
        "service": "contoso",
        "now": make.NOW,
        "end": standby,
        "instead_of": make.service(),
        "rpo_hours": 36,
        "resource": {**make.resource(), "id": standby.resource_id},
        "is_missing": False,
        "tier": "Developer",
        "scene": scene,
        "gateway": GatewayProbe(url="https://contoso-neu.azure-api.net", status=200, said="OK"),
        "calls": 0,
        "held": replica,
        "newest": newest,
        "preflight": (Check(name="TierHasBackup", verdict=Verdict.OK, cause="tier"),),
    }
    return Facts(**settings | changes)
