"""What a night's record says of one service: from what the night saw, and from the records of its runs."""

from __future__ import annotations

from typing import Any

import pytest

from shared.core import names
from shared.core.lro import Fault
from shared.core.nights import NightWish, tell, with_newest
from shared.core.reports import NewestPoint, NightRecord, ServiceNight
from shared.core.runs import Outcome, Resolution, RunPhase, RunRecord
from tests.core import make


def _run(number: int, word: Outcome | None, **more: Any) -> RunRecord:
    changes: dict[str, Any] = {"run_id": f"r{number}", "outcome": word, "restore_point": f"p{number}"}
    if word is not None and word is not Outcome.SUCCEEDED:
        changes["fault"] = Fault(code=f"Code{number}", message="because")
    return make.run(RunPhase.ENDED if word else RunPhase.RUNNING, **changes | more)


def _tell(word: Outcome, *runs: RunRecord, fault: Fault | None = None, run_ids: Any = None) -> ServiceNight:
    return tell("contoso", word, fault, run_ids or tuple(run.run_id for run in runs), runs)


def test_a_success_names_its_restore_point_and_carries_its_warnings() -> None:
    """The run's own words are the night's."""
    told = _tell(Outcome.SUCCEEDED, _run(1, Outcome.SUCCEEDED, warnings=("small",)))

    assert (told.outcome, told.restore_point, told.fault) == (Outcome.SUCCEEDED, "p1", None)
    assert (told.run_ids, told.warnings) == (("r1",), ("small",))


def test_a_failure_says_why_and_names_all_its_tries() -> None:
    """The last try's fault, and a warning for each one before."""
    told = _tell(Outcome.FAILED, _run(1, Outcome.FAILED), _run(2, Outcome.FAILED))

    assert (told.outcome, told.fault and told.fault.code) == (Outcome.FAILED, "Code2")
    assert (told.restore_point, told.warnings) == (None, ("run r1 ended as Failed: Code1",))


def test_a_further_try_that_was_refused_takes_nothing_back() -> None:
    """Azure failed the first one: that is the word and the reason, and the refusal is a warning."""
    told = _tell(Outcome.FAILED, _run(1, Outcome.FAILED), _run(2, Outcome.REFUSED))

    assert (told.outcome, told.fault and told.fault.code) == (Outcome.FAILED, "Code1")
    assert told.warnings == ("run r2 ended as Refused: Code2",)


def test_a_success_after_a_failure_is_a_success_with_a_warning() -> None:
    """Somebody may want to know that it took two tries."""
    told = _tell(Outcome.SUCCEEDED, _run(1, Outcome.FAILED), _run(2, Outcome.SUCCEEDED))

    assert (told.outcome, told.restore_point) == (Outcome.SUCCEEDED, "p2")
    assert told.warnings == ("run r1 ended as Failed: Code1",)


def test_one_more_backup_that_failed_leaves_the_first_ones_point() -> None:
    """The word stays, the newest good point is named, and the further run is a warning."""
    told = _tell(Outcome.SUCCEEDED, _run(1, Outcome.SUCCEEDED), _run(2, Outcome.OUTCOME_UNKNOWN))

    assert (told.outcome, told.restore_point) == (Outcome.SUCCEEDED, "p1")
    assert told.warnings == ("run r2 ended as OutcomeUnknown: Code2",)


def test_a_refusal_without_a_run_says_why() -> None:
    """Paused, busy, unknown: the night alone knows it."""
    fault = Fault(code="Paused", message="moving house")

    told = _tell(Outcome.REFUSED, fault=fault)

    assert (told.outcome, told.fault, told.run_ids, told.is_paused) == (Outcome.REFUSED, fault, (), True)


def test_a_further_try_that_could_not_start_is_a_warning() -> None:
    """The verdict of the run before is the word."""
    told = _tell(
        Outcome.FAILED, _run(1, Outcome.FAILED), fault=Fault(code="ServiceBusy", message="the other")
    )

    assert (told.outcome, told.fault and told.fault.code) == (Outcome.FAILED, "Code1")
    assert told.warnings == ("no further backup was started: ServiceBusy: the other",)


def test_a_run_that_was_settled_after_the_night_had_given_it_up_counts() -> None:
    """The record is newer than the look: nobody needs to be told of a loss that is none."""
    resolved = Resolution(outcome=Outcome.SUCCEEDED, at=make.NOW, restore_point="later")
    told = _tell(Outcome.OUTCOME_UNKNOWN, _run(1, Outcome.OUTCOME_UNKNOWN, resolution=resolved))

    assert (told.outcome, told.restore_point, told.fault) == (Outcome.SUCCEEDED, "later", None)


def test_a_run_without_a_word_is_told_as_the_night_saw_it() -> None:
    """Given up, and its record still says that it is under way."""
    fault = Fault(code="RunAbandoned")
    told = _tell(Outcome.OUTCOME_UNKNOWN, _run(1, None), fault=fault)

    assert (told.outcome, told.fault) == (Outcome.OUTCOME_UNKNOWN, fault)
    assert told.warnings == ("run r1 has no word; nothing drives it any more",)


def test_a_record_that_cannot_be_read_does_not_hide_the_word() -> None:
    """What the night saw is told, with a warning, and never without a reason."""
    good = _tell(Outcome.SUCCEEDED, run_ids=("r1",))
    bad = _tell(Outcome.FAILED, _run(1, Outcome.REFUSED), run_ids=("r1", "r2"))

    assert (good.outcome, good.warnings) == (
        Outcome.SUCCEEDED,
        ("run r1 has no record that can be read",),
    )
    assert (bad.outcome, bad.fault and bad.fault.code) == (Outcome.FAILED, "RunAbandoned")


TOLD = ServiceNight(service="contoso", outcome=Outcome.FAILED)


@pytest.mark.parametrize(("hours", "kept"), [(30, True), (29, False), (None, None)])
def test_the_rpo_is_judged_at_the_nights_end(hours: int | None, kept: bool | None) -> None:
    """By the age of the newest point, whichever night made it; the plan says how old it may be."""
    old = make.restore_point(name="old", started_at=make.after(hours=-54))
    new = make.restore_point(name="new", started_at=make.after(hours=-30))

    told = with_newest(TOLD, [old, new], hours, make.NOW)

    assert told.newest_point == NewestPoint(name="new", started_at=new.started_at)
    assert (told.recovery_point_age_s, told.rpo_kept) == (30 * 3600, kept)


def test_a_service_without_a_point_misses_its_rpo() -> None:
    """And one whose points have all expired has none that can be used."""
    expired = make.restore_point(age_days=31)
    for points in ([], [expired]):
        told = with_newest(TOLD, points, 24 * 90, make.NOW)
        assert (told.newest_point, told.recovery_point_age_s, told.rpo_kept) == (None, None, False)


def _record(*words: Outcome, paused: int = 0) -> NightRecord:
    services = [ServiceNight(service=f"s{number}", outcome=word) for number, word in enumerate(words)]
    fault = Fault(code="Paused")
    services += [
        ServiceNight(service=f"p{number}", outcome=Outcome.REFUSED, fault=fault) for number in range(paused)
    ]
    return NightRecord(
        night="20261123T020000Z",
        trigger="timer",
        requested_at=make.NOW,
        ended_at=make.NOW,
        words={},
        services=tuple(services),
    )


@pytest.mark.parametrize(
    ("words", "worst"),
    [
        ((), Outcome.SUCCEEDED),
        ((Outcome.SUCCEEDED,), Outcome.SUCCEEDED),
        ((Outcome.SUCCEEDED, Outcome.REFUSED), Outcome.REFUSED),
        ((Outcome.REFUSED, Outcome.POLL_DENIED), Outcome.POLL_DENIED),
        ((Outcome.POLL_DENIED, Outcome.OUTCOME_UNKNOWN), Outcome.OUTCOME_UNKNOWN),
        (tuple(Outcome), Outcome.FAILED),
    ],
)
def test_a_nights_word_is_its_worst(words: tuple[Outcome, ...], worst: Outcome) -> None:
    """One service that failed is what somebody must look at."""
    assert _record(*words).worst is worst


def test_what_is_paused_does_not_spoil_a_night() -> None:
    """Nothing was wanted of it."""
    assert _record(Outcome.SUCCEEDED, paused=2).worst is Outcome.SUCCEEDED


def test_a_wish_survives_its_json() -> None:
    """The mark in storage is what the night was asked to do."""
    wish = make.night_wish(services=("a", "b"), reason="before the release", starts=2)

    assert NightWish.from_bytes(wish.to_bytes()) == wish


def test_nights_of_one_second_are_told_apart_except_the_timers() -> None:
    """Two firings for one occurrence are one night, two calls are two; all sort by time."""
    timer = names.night_id(make.NOW)
    calls = [names.night_id(make.NOW, because=because) for because in ("a", "b")]

    assert timer == names.night_id(make.NOW) == "20261123T020000Z"
    assert len({timer, *calls}) == 3
    assert sorted([names.night_id(make.after(seconds=1)), *calls])[-1] == "20261123T020001Z"
    assert all(names.is_night_id(night) for night in (timer, *calls))


@pytest.mark.parametrize(
    "text", ["", "2026-11-23", "20261123T020000Z-", "20261123T020000Z-XYZ", "20261123T020000Z\n", "../x"]
)
def test_a_text_that_is_no_night_id_is_never_used_as_a_blob_name(text: str) -> None:
    """What comes in a URL is checked to its last character."""
    assert not names.is_night_id(text)
