"""One restore from wish to word, on a virtual clock."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from restore_http import activities
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.runs import Outcome
from tests.fakes.arm import HANGS, error, lost_after, lost_before
from tests.fakes.clock import START
from tests.fakes.ports import ENTITIES

HOUR = dt.timedelta(hours=1)
LOST = UnavailableError("azure resource manager could not be reached: ReadTimeout", code="ReadTimeout")


@pytest.fixture
def stage(standby_stage):
    """The app of the standby's region."""
    return standby_stage


@pytest.fixture
def point(stage):
    """A restore point, one hour old."""
    return stage.put_point(START - HOUR)


def target(stage):
    """Return the standby as Azure has it."""
    return stage.ports.arm.service(stage.ports.first.standby.ref)


def report(stage, run):
    """Return the evidence of a restore."""
    return json.loads(stage.ports.records().read(layout.report_key(run.run_id))[0])


def test_steps_come_in_their_order(stage, point):
    """Check, begin, polls, verify, end: each once, in this order."""
    stage.restore(point)

    steps = list(dict.fromkeys(stage.activities()))
    assert steps == ["check_restore", "begin_restore", "poll_once", "verify_restore", "end_run"]


def test_a_restore_that_succeeded_leaves_equal_services(stage, point):
    """The standby holds what the primary held, and the report says so with the measured times."""
    run = stage.restore(point)

    assert (run.outcome, run.restore_point, run.polls) == (Outcome.SUCCEEDED, point.name, 19)
    assert target(stage).entities == ENTITIES
    found = report(stage, run)
    assert (found["differences"], found["entities"]) == ([], 3)
    assert (found["restoreDurationS"], found["recoveryPointAgeS"]) == (1140, 1140 + 3600)


def test_a_restore_that_differs_is_failed_and_names_the_entities(stage, point):
    """Azure said succeeded, but an API is missing: Failed, RestoreDiffers, with its name."""
    target(stage).loses = frozenset({"/apis/orders"})

    run = stage.restore(point)

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "RestoreDiffers")
    assert "/apis/orders missing" in run.fault.message
    (found,) = report(stage, run)["differences"]
    assert found == {"entity": "/apis/orders", "what": "missing", "kind": "missing"}


def test_a_list_that_cannot_be_read_leaves_the_outcome_unknown(stage, point):
    """Equal as far as it was read is no proof: OutcomeUnknown, with the list that is missing."""
    stage.ports.unreadable["contoso-neu"] = ("subscriptions: AuthorizationFailed",)

    run = stage.restore(point)

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "PartlyCompared")
    assert "subscriptions" in run.fault.message


def test_a_point_without_inventory_leaves_the_outcome_unknown(stage, point):
    """Nothing to compare with: the restore runs, and nobody claims that it worked."""
    stage.ports.records("westeurope").delete(point.inventory.key)

    run = stage.restore(point)

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "NotCompared")


def test_the_verdict_of_azure_is_failed_with_its_code(stage, point):
    """RestoreFailed on the poll is the word, with ARM's code."""
    target(stage).failure = ("RestoreFailed", "the tier differs")

    run = stage.restore(point)

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "RestoreFailed")
    found = report(stage, run)
    assert (found["outcome"], found["fault"]["code"], found["entities"]) == ("Failed", "RestoreFailed", None)
    assert found["guards"]


@pytest.mark.parametrize(
    ("spoil", "guard"),
    [
        (lambda stage, _point: setattr(target(stage), "tier", "Premium"), "TierEqual"),
        (lambda stage, _point: setattr(target(stage), "region", "eastus"), "RegionAsPlanned"),
        (
            lambda stage, point: stage.ports.backups("drprimary", "apim-backups").put(point.name, b"other"),
            "BlobAsRecorded",
        ),
        (
            lambda stage, point: stage.ports.backups("drprimary", "apim-backups").delete(point.name),
            "BlobAsRecorded",
        ),
    ],
    ids=["tier", "region", "blob changed", "blob gone"],
)
def test_a_guard_refuses_without_a_post(stage, point, spoil, guard):
    """What a guard sees at the last moment ends the run as Refused, and nothing is sent."""
    spoil(stage, point)

    run = stage.restore(point)

    assert run.outcome == Outcome.REFUSED
    assert guard in run.fault.message
    assert stage.ports.arm.posts == []


def test_an_expired_point_is_refused(stage):
    """A point of 30 days is refused by us, before Azure would refuse it after an hour."""
    run = stage.restore(stage.put_point(START - dt.timedelta(days=30)))

    assert run.outcome == Outcome.REFUSED
    assert "PointNotExpired" in run.fault.message
    assert stage.ports.arm.posts == []


def test_a_busy_target_is_waited_for(stage, point):
    """Somebody else's operation on the standby delays the restore, and no more."""
    target(stage).foreign_until = START + HOUR

    run = stage.restore(point)

    assert (run.outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1)


def test_an_answer_lost_after_the_effect_is_found_by_evidence(stage, point):
    """The connection broke after the restore began: one POST, and Succeeded by comparison."""
    stage.ports.arm.on_post.append(lost_after(LOST))

    run = stage.restore(point)

    assert (run.outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1)


def test_a_post_lost_before_the_effect_is_sent_again(stage, point):
    """The standby is idle and differs after the grace: the POST is sent again."""
    stage.ports.arm.on_post.append(lost_before(LOST))

    run = stage.restore(point)

    assert (run.outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 2)
    assert target(stage).entities == ENTITIES


def test_a_standby_that_was_equal_before_is_no_evidence_at_once(stage, point):
    """A target that equals the point may have done so before: its effect is not believed in the grace."""
    target(stage).entities = dict(ENTITIES)
    stage.ports.arm.on_post.append(lost_before(LOST))

    run = stage.restore(point)

    assert run.ended_at >= START + dt.timedelta(seconds=stage.ports.intervals.evidence_grace_s)


def test_still_running_at_the_deadline_is_outcome_unknown(stage, point):
    """A restore that hangs ends at the deadline as OutcomeUnknown, with the Location kept."""
    target(stage).duration_s["restore"] = HANGS

    run = stage.restore(point, deadline_at=START + HOUR)

    assert (run.outcome, run.ended_at) == (Outcome.OUTCOME_UNKNOWN, START + HOUR)
    assert run.operation.location_url == stage.ports.arm.polled[-1][1]


def test_a_worker_that_dies_after_the_post_starts_nothing_twice(make_stage):
    """The worker is lost between the POST of a restore and its record: one POST."""
    dies = iter([True])

    def begin(wish):
        if next(dies, False):
            stage.ports.arm.on_post.append(lost_after(RuntimeError("SIGKILL")))
        return activities.begin_restore(wish, stage.ports)

    stage = make_stage(region="northeurope", stand_ins={"begin_restore": begin})

    run = stage.restore(stage.put_point(START - HOUR))

    assert (run.outcome, len(stage.ports.arm.posts)) == (Outcome.SUCCEEDED, 1)


def test_a_poll_that_stays_forbidden_is_poll_denied(stage, point):
    """403 on the operation beyond the patience ends as PollDenied."""
    stage.ports.arm.on_poll = lambda _now, _honest: error(403, "AuthorizationFailed", "no right")

    assert stage.restore(point).outcome == Outcome.POLL_DENIED


def test_a_comparison_in_pieces_proves_the_restore(stage, point):
    """The target's inventory needs three pieces: the run goes on until it is whole."""
    stage.ports.inventory_pieces = [{}, {}]

    run = stage.restore(point)

    assert (run.outcome, stage.activities().count("verify_restore")) == (Outcome.SUCCEEDED, 3)
    assert list(stage.ports.records().keys(f"evidence/{run.run_id}.part")) == []


def test_a_look_that_read_less_than_the_backup_is_no_evidence(stage, point):
    """The answer was lost and lists cannot be read: nobody says that the restore took effect."""
    stage.ports.arm.on_post.append(lost_before(LOST))
    target(stage).entities = dict(ENTITIES)
    stage.ports.unreadable["contoso-neu"] = ("apis: AuthorizationFailed", "products: AuthorizationFailed")

    run = stage.restore(point)

    assert run.outcome == Outcome.OUTCOME_UNKNOWN
    assert run.fault.code == "AnswerLost"


def test_a_broken_inventory_of_the_point_leaves_the_outcome_unknown(stage, point):
    """As one that is gone: NotCompared."""
    stage.ports.records("westeurope").put(point.inventory.key, b"{")

    run = stage.restore(point)

    assert (run.outcome, run.fault.code) == (Outcome.OUTCOME_UNKNOWN, "NotCompared")
