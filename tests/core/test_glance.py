"""What is shown of a night under way: bounded, and whoever is at work or in trouble first."""

from __future__ import annotations

import json

from shared.core import glance
from shared.core.fleet import ActiveRun, Finished, Turn
from shared.core.runs import Outcome
from tests.core import make

UTF16_MAX = 16 * 1024
"""What Durable Functions takes as a custom status."""


def test_every_service_of_a_small_night_is_shown_with_its_state() -> None:
    """Waiting, waiting until a time, at work with its run, ended with its word."""
    state = make.fleet("fresh").model_copy(
        update={
            "later": (Turn(service="busy", due_at=make.after(minutes=4)),),
            "active": (ActiveRun(service="one", run_id="r", instance_id="i"),),
            "ended": (
                Finished(service="good", word=Outcome.SUCCEEDED),
                Finished(service="bad", word=Outcome.FAILED),
            ),
        }
    )

    found = glance.glance(state)

    assert found["counts"] == {"waiting": 2, "active": 1, "Failed": 1, "Succeeded": 1}
    assert found["notShown"] == 0
    assert glance.services(found) == [
        {"service": "one", "state": "active", "runId": "r"},
        {"service": "busy", "state": "waiting", "dueAt": "2026-11-23T02:04:00Z"},
        {"service": "fresh", "state": "waiting", "dueAt": None},
        {"service": "bad", "state": "ended", "outcome": "Failed"},
        {"service": "good", "state": "ended", "outcome": "Succeeded"},
    ]


def test_a_large_night_is_cut_to_what_durable_takes() -> None:
    """The longest names there can be, in every state: the counts are true, and the rest is counted."""
    fleet = [f"s{number:04d}" + "x" * 45 for number in range(2000)]
    state = make.fleet(*fleet[600:]).model_copy(
        update={
            "active": tuple(
                ActiveRun(service=name, run_id=f"20261123T020000Z-backup-{name}-12345678", instance_id="i")
                for name in fleet[:10]
            ),
            "ended": tuple(Finished(service=name, word=Outcome.OUTCOME_UNKNOWN) for name in fleet[10:600]),
        }
    )

    found = glance.glance(state)

    assert len(json.dumps(found).encode("utf-16-le")) <= UTF16_MAX
    assert found["counts"] == {"waiting": 1400, "active": 10, "OutcomeUnknown": 590}
    assert len(found["active"]) == 10
    assert len(glance.services(found)) + found["notShown"] == 2000


def test_a_status_of_another_kind_shows_no_services() -> None:
    """While a night plans or writes its record, its status says only what it waits for."""
    assert glance.services({"step": "end_night", "waitingFor": "the records: ServerBusy"}) == []
