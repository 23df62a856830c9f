"""The last step of a restore: what it leaves as evidence, and what never changes its verdict."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from restore_http.verify import verify_restore
from shared.core import layout, names
from shared.core.errors import AccessError, UnavailableError
from shared.core.preflight_facts import Check, Verdict
from shared.core.reports import RestoreReport
from shared.core.requests import RestoreRequest
from shared.core.restore_points import StoredDocument
from shared.core.runs import Outcome, RunPhase, advance
from shared.core.steps import StepResult, StepState
from tests.core.settings import source
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.fakes.ports import ENTITIES

GUARD = Check(name="TierEqual", verdict=Verdict.OK, cause="both are Standard")


class Scene:
    """A restore into the standby that Azure says is over."""

    def __init__(self, *, has_sidecar: bool = True, **changes: Any) -> None:
        self.ports = FakePorts().in_region("northeurope")
        at = START - dt.timedelta(hours=1)
        point = make_point(self.ports, at, names.backup_name("contoso", at))
        self.sidecar_key = layout.sidecar_key("contoso", point.name)
        self.shelf = self.ports.records("westeurope")
        if has_sidecar:
            self.shelf.put(self.sidecar_key, source().to_bytes())
            place = StoredDocument(
                account=self.shelf.account, container=self.shelf.container, key=self.sidecar_key
            )
            point = point.model_copy(update={"sidecar": place})
        standby = self.ports.first.standby
        assert standby is not None
        self.request = RestoreRequest(
            run_id=names.run_id("restore", "contoso", START, because="a test"),
            kind="restore",
            service="contoso",
            target=standby.ref,
            access=standby.access,
            point=point,
            trigger="http",
            requested_at=START,
            deadline_at=START + dt.timedelta(hours=8),
        ).model_copy(update=changes)
        self.target = self.ports.arm.service(standby.ref)
        self.target.entities = dict(ENTITIES)
        run = self.request.first_record()
        for phase in (RunPhase.SUBMITTING, RunPhase.RUNNING):
            run = advance(run, phase, START, posted_at=START, first_posted_at=START, guards=(GUARD,))
        self.ports.runs.create(run)
        self.ports.clock.advance(1200)

    def verify(self, **found: Any) -> StepResult:
        """Run the step once."""
        return StepResult.from_json(verify_restore({**self.request.to_json(), **found}, self.ports))

    def report(self) -> RestoreReport:
        """Return the evidence."""
        return RestoreReport.from_bytes(self.ports.records().read(self._key)[0])

    def text(self) -> str:
        """Return the evidence for a person."""
        key = layout.readable_report_key(self.request.run_id)
        return self.ports.records().read(key)[0].decode()

    @property
    def _key(self) -> str:
        return layout.report_key(self.request.run_id)

    def end_run(self, **changes: Any) -> None:
        """Write a word without proof, as if the run had ended."""
        run, etag = self.ports.runs.read(self.request.run_id)
        ended = advance(
            run, RunPhase.ENDED, self.ports.clock.now(), outcome=Outcome.OUTCOME_UNKNOWN, **changes
        )
        self.ports.runs.replace(ended, etag)

    def look(self) -> StepResult:
        """Run the step as a later look that has Azure's verdict."""
        return self.verify(isVerdictRead=True)


def test_the_report_tells_the_whole_course() -> None:
    """Guards and safety backup as they were handed on; every moment that is known."""
    scene = Scene(rto_s=3600)
    seen_at = START + dt.timedelta(minutes=19)

    result = scene.verify(runningAt=seen_at.isoformat(), safetyBackup="safety.apimbackup")

    report = scene.report()
    assert (result.state, report.outcome) == (StepState.DONE, Outcome.SUCCEEDED)
    assert [check.name for check in report.guards] == ["TierEqual"]
    assert report.safety_backup == "safety.apimbackup"
    assert (report.posted_at, report.running_at) == (START, seen_at)
    assert report.restored_at == report.verified_at == START + dt.timedelta(minutes=20)
    assert (report.restore_duration_s, report.rto_kept) == (1200, True)
    assert "safety.apimbackup" in scene.text()


def test_a_restore_slower_than_promised_is_a_warning() -> None:
    """Proven all the same."""
    scene = Scene(rto_s=600)

    result = scene.verify()

    assert (result.state, scene.report().rto_kept) == (StepState.DONE, False)
    assert result.value["warnings"] == ["the restore took 1200 s, and 600 s were promised"]


def test_a_wish_for_a_safety_backup_is_not_its_name() -> None:
    """A later look has only the wish."""
    scene = Scene(safety_backup=True)

    assert scene.verify().state is StepState.DONE
    assert scene.report().safety_backup is None


def test_a_later_look_keeps_what_the_run_knew() -> None:
    """The safety backup comes from the report that the run left."""
    scene = Scene()
    scene.verify(safetyBackup="safety.apimbackup")
    scene.end_run()
    scene.ports.clock.advance(3600)

    scene.look()

    report = scene.report()
    assert (len(report.guards), report.safety_backup) == (1, "safety.apimbackup")
    assert report.verified_at == START + dt.timedelta(seconds=1200 + 3600)


def test_a_difference_leaves_a_report_with_the_word_and_its_cause() -> None:
    """Failed is evidence as well: what is missing first, each with its kind."""
    scene = Scene()
    scene.target.entities = {"/apis/orders": "f" * 16, "/products/gold": ENTITIES["/products/gold"]}

    result = scene.verify()

    report = scene.report()
    assert (result.outcome, report.outcome) == (Outcome.FAILED, Outcome.FAILED)
    assert report.fault is not None
    assert report.fault.message == (
        "2 entities differ from the backup: /apis/orders/operations/get missing, /apis/orders altered"
    )
    assert [one.kind for one in report.differences] == ["missing", "unexpected"]


def test_a_difference_found_late_is_reported_as_not_proven() -> None:
    """The report has the word that the run gets, and all differences."""
    scene = Scene()
    scene.target.entities = {}
    scene.ports.clock.advance(2 * 3600)

    result = scene.verify()

    assert (result.outcome, result.fault and result.fault.code) == (Outcome.OUTCOME_UNKNOWN, "ComparedLate")
    assert scene.report().outcome == Outcome.OUTCOME_UNKNOWN
    assert scene.report().differences_total == 3


def test_all_differences_are_in_the_evidence() -> None:
    """Not only those that fit into a line: up to a thousand, and the total."""
    scene = Scene()
    scene.target.entities = {**ENTITIES, **{f"/apis/a{number}": "0" for number in range(1200)}}

    scene.verify()

    assert (len(scene.report().differences), scene.report().differences_total) == (1000, 1200)


def test_settings_are_compared_with_the_sidecar() -> None:
    """Every part, and what has to be done about it."""
    scene = Scene()

    result = scene.verify()

    report = scene.report()
    assert result.state is StepState.DONE
    assert report.settings is not None
    parts = {"host_names", "identity", "ca_certificates", "places", "diagnostics"}
    assert parts <= {one.part for one in report.settings}
    assert report.settings_total == len(report.settings)
    assert "custom host names" in {one.what for one in report.fix_ups if one.is_needed}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda scene: scene.shelf.delete(scene.sidecar_key),
        lambda scene: scene.shelf.put(scene.sidecar_key, b"{"),
        # the inventory is read before it
        lambda scene: scene.shelf.faults["read"].extend([None, AccessError("no")]),
    ],
    ids=["gone", "broken", "forbidden"],
)
def test_without_a_sidecar_the_proof_stands(spoil: Any) -> None:
    """The entities are what is proven; the report says what could not be compared."""
    scene = Scene()
    spoil(scene)

    result = scene.verify()

    assert result.state is StepState.DONE
    assert scene.report().settings is None
    assert "there is no sidecar" in scene.report().not_compared[-1]


def test_diagnostics_that_cannot_be_read_are_named() -> None:
    """The role is missing on the target; the rest is compared."""
    scene = Scene()
    path = f"{scene.request.target.resource_id}/providers/Microsoft.Insights/diagnosticSettings".lower()
    scene.ports.arm.resources.pop(path, None)

    scene.verify()

    (line,) = scene.report().not_compared
    assert line.startswith("diagnostics of the target: may not be read")


def test_a_silent_gateway_is_asked_again_for_some_minutes_only() -> None:
    """Then the comparison counts, and the gateway is a warning."""
    scene = Scene()
    scene.ports.gateway = [None] * 9

    states = []
    for pause in (15, 30, 60, 60):
        states.append(scene.verify().state)
        scene.ports.clock.advance(pause)
    result = scene.verify()

    assert states == [StepState.RETRY, StepState.RETRY, StepState.RETRY, StepState.RETRY]
    assert result.state is StepState.DONE
    assert "could not be reached" in result.value["warnings"][0]


def test_a_later_look_does_not_wait_for_the_gateway() -> None:
    """It may have been silent for days."""
    scene = Scene()
    scene.end_run()
    scene.ports.gateway = [503]

    assert scene.look().state is StepState.DONE


def test_a_service_without_a_gateway_url_is_not_asked() -> None:
    """Nothing is made up, and it is said."""
    scene = Scene()
    scene.target.properties["gatewayUrl"] = None

    result = scene.verify()

    assert (scene.ports.probed, scene.report().gateway) == ([], None)
    assert "not asked" in result.value["warnings"][0]


def test_records_that_cannot_be_written_repeat_the_step() -> None:
    """No word without evidence."""
    scene = Scene()
    scene.ports.records().faults["put"].append(UnavailableError("storage is down"))

    assert scene.verify().state is StepState.RETRY
    assert scene.verify().state is StepState.DONE
