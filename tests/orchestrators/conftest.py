"""The real app on a virtual host: its orchestrators, activities and seams, with fake ports behind them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.functions import meta

import function_app
from backup_timer import activities as backup_activities
from devhost.testing import InstanceStatus, VirtualHost
from shared import wiring
from shared.core import layout, names
from shared.core.nights import NightWish
from shared.core.reports import NightRecord
from shared.core.requests import BackupRequest, RestoreRequest
from shared.core.restore_points import RestorePoint
from shared.core.runs import RunRecord
from tests.fakes import FakePorts
from tests.fakes.points import make_point
from tests.fakes.ports import plan_json

LONG = dt.timedelta(days=3)


class Stage:
    """The app of one region at work in a virtual world."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, ports: FakePorts, stand_ins: dict[str, Any] | None = None
    ) -> None:
        self.ports = ports
        monkeypatch.setattr(wiring, "ports", lambda: self.ports)
        self.host = VirtualHost(function_app.app, activities=stand_ins, start=ports.clock.now())
        ports.clock.follow(self.host.clock.now)

    @property
    def recorder(self) -> dict[tuple[str, str], tuple[str, dict[str, Any], dict[str, Any]]]:
        """What the host remembers of each generation: (instance, execution) to (name, payload, answer)."""
        return self.host._workers.recorder._last

    def check_determinism(self) -> None:
        """Replay whatever ran here, each generation from scratch."""
        for instance in {instance for instance, _ in self.recorder}:
            self.host.check_determinism(instance)

    def stored_state(self) -> str:
        """Return all that the host has stored: every table, every history, every payload."""
        tables = "\n".join(self.host._engine._store.database.iterdump())
        return tables + json.dumps(list(self.recorder.values())) + json.dumps(self.host.calls)

    def start_backup(self) -> BackupRequest:
        """Start a backup of the first service; nothing runs yet."""
        request = backup_activities.request_for(self.ports.first, self.ports.clock.now(), self.ports)
        self.ports.runs.create(request.first_record())
        self.host.start("back_up_service", request.to_json(), request.first_record().instance_id)
        return request

    def back_up(self, within: dt.timedelta = LONG) -> RunRecord:
        """Back up the first service and return its run record at the end."""
        request = self.start_backup()
        done = self.host.run_until_done(request.first_record().instance_id, within)
        assert done.runtime_status == "Completed", done
        return self.run_of(request)

    def start_restore(self, point: RestorePoint, **changes: Any) -> RestoreRequest:
        """Start the restore of a point into the first service's standby; nothing runs yet."""
        standby = self.ports.first.standby
        assert standby is not None
        now = self.ports.clock.now()
        request = RestoreRequest(
            run_id=names.run_id("restore", point.service, now, because="a test"),
            kind="restore",
            service=point.service,
            target=standby.ref,
            access=standby.access,
            point=point,
            trigger="http",
            requested_at=now,
            deadline_at=now + dt.timedelta(seconds=self.ports.intervals.deadline_s),
            intervals=self.ports.intervals,
        ).model_copy(update=changes)
        self.ports.runs.create(request.first_record())
        self.host.start("restore_service", request.to_json(), request.first_record().instance_id)
        return request

    def restore(self, point: RestorePoint, **changes: Any) -> RunRecord:
        """Restore a point and return the run record at the end."""
        request = self.start_restore(point, **changes)
        done = self.host.run_until_done(request.first_record().instance_id, LONG)
        assert done.runtime_status == "Completed", done
        return self.run_of(request)

    def run_of(self, request: BackupRequest | RestoreRequest) -> RunRecord:
        """Return the run record of a request."""
        return self.ports.runs.read(request.run_id)[0]

    def start_night(self, **changes: Any) -> str:
        """Start the night that is due now, or another one; nothing runs yet. Return its id."""
        now = self.ports.clock.now()
        wish = NightWish(
            night=names.night_id(now),
            trigger="timer",
            scheduled_at=now,
            requested_at=now,
            begun_at=now,
            intervals=self.ports.intervals,
        ).model_copy(update=changes)
        self.host.start("back_up_fleet", wish.to_json(), names.night_instance(wish.night))
        return wish.night

    def night_record(self, night: str) -> NightRecord:
        """Return the record of a night that has ended."""
        return NightRecord.from_bytes(self.ports.records().read(layout.night_key(night))[0])

    def fleet(self, **changes: Any) -> tuple[NightRecord, InstanceStatus]:
        """Run a whole night and return its record."""
        night = self.start_night(**changes)
        done = self.host.run_until_done(names.night_instance(night), LONG)
        assert done.runtime_status == "Completed", done
        return self.night_record(night), done

    def put_point(self, at: dt.datetime, entities: dict[str, str] | None = None) -> RestorePoint:
        """Back up the first service at a time, as the primary's app would have done, and record the point."""
        name = names.backup_name(self.ports.first.name, at)
        return make_point(self.ports, at, name, entities)

    def replicate(self) -> str:
        """Start the replication of the first service, as its event or the timer does; nothing runs yet."""
        standby = self.ports.first.standby
        assert standby is not None
        wish = {"v": 1, "service": self.ports.first.name, "trigger": "event"}
        wish["intervals"] = self.ports.intervals.to_json()
        instance = names.replication_instance(standby.resource_id)
        return self.host.start("replicate_service", wish, instance)

    def activities(self) -> list[str]:
        """Return the names of the activities that were called, in order."""
        return [name for name, _ in self.host.calls]

    def fire(self, timer: str) -> None:
        """Fire one of the app's timers at the present time; what it starts does not run yet."""
        said = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
        self._invoke(timer, meta.Datum(json.dumps(said), "json"))

    def ask(self, method: str, function: str, body: Any = None, **route: str) -> tuple[int, Any]:
        """Call one of the app's HTTP functions; return status and JSON. What it starts does not run yet."""
        value = {
            "method": meta.Datum(method, "string"),
            "url": meta.Datum("https://dr.example/api/x", "string"),
            "headers": {},
            "query": {},
            "params": {name: meta.Datum(text, "string") for name, text in route.items()},
            "body": meta.Datum(b"" if body is None else json.dumps(body).encode(), "bytes"),
        }
        answer = self._invoke(function, meta.Datum(value, "http")).value
        return int(answer["status_code"].value), json.loads(answer["body"].value)

    def _invoke(self, name: str, trigger: meta.Datum) -> Any:
        invoker = self.host._workers.app._invoker
        return self.host._runner.run(invoker.invoke(invoker._functions[name], trigger))


MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStage]:
    """Return a function that makes a stage; each is replayed from scratch when its test is over."""
    made: list[Stage] = []

    def make(
        *services: str,
        region: str = "westeurope",
        access: Any = None,
        stand_ins: dict[str, Any] | None = None,
        **plan: Any,
    ) -> Stage:
        ports = FakePorts(plan_json(services or ("contoso",), region=region, access=access, **plan))
        made.append(Stage(monkeypatch, ports, stand_ins))
        return made[-1]

    yield make
    try:
        for stage in made:
            stage.check_determinism()
    finally:
        for stage in made:
            stage.host.close()


@pytest.fixture
def stage(make_stage: MakeStage) -> Stage:
    """The app of the primary's region, with one service."""
    return make_stage()


@pytest.fixture
def standby_stage(make_stage: MakeStage) -> Stage:
    """The app of the standby's region, with one service."""
    return make_stage(region="northeurope")
