"""A night that was cut off: what its runs came to, for a further start or for its record. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from shared.core.fleet import ActiveRun, Finished, FleetState, Turn, after_end, lost
from shared.core.intervals import Intervals
from shared.core.nights import cut_off
from shared.core.runs import Outcome, RunRecord


def took_up(state: FleetState, runs: Mapping[str, Sequence[RunRecord]], now: dt.datetime) -> FleetState:
    """
    Return the state of a night that was started again, with what its runs came to so far.

    Nothing is sent twice: who has a run under way is looked at, who has a word keeps it, and a verdict
    counts as one of the tries.

    Args:
        state: as if the night had just begun.
        runs: this night's runs of each service, oldest first.
        now: aware UTC.
    """
    active, later = list(state.active), list(state.later)
    ended = [finished for finished in state.ended if finished.service not in runs]
    again_for = list(state.again_for)
    for service, found in runs.items():
        stand = _stand(found, service in again_for, now, state.intervals)
        has_had = Outcome.SUCCEEDED in {run.word for run in found} and not isinstance(stand, Finished)
        if has_had and service in again_for:
            again_for.remove(service)
        if isinstance(stand, ActiveRun):
            active.append(stand)
        elif isinstance(stand, Turn):
            later.append(stand)
        elif stand is not None:
            ended.append(stand)
    return state.model_copy(
        update={
            "waiting": tuple(name for name in state.waiting if name not in runs),
            "later": tuple(later),
            "active": tuple(active),
            "ended": tuple(ended),
            "again_for": tuple(again_for),
        }
    )


def given_up(state: FleetState) -> FleetState:
    """Return the state of a night that is not started again: who has no word by a run is without proof."""
    ended = list(state.ended)
    ended += [lost(run) for run in state.active]
    for turn in state.later:
        word = turn.kept or (Outcome.FAILED if turn.run_ids else Outcome.OUTCOME_UNKNOWN)
        ended.append(Finished(service=turn.service, word=word, run_ids=turn.run_ids))
    fault = cut_off()
    ended += [Finished(service=name, word=Outcome.OUTCOME_UNKNOWN, fault=fault) for name in state.waiting]
    return state.model_copy(update={"waiting": (), "later": (), "active": (), "ended": tuple(ended)})


def _stand(
    runs: Sequence[RunRecord], may_again: bool, now: dt.datetime, intervals: Intervals
) -> ActiveRun | Turn | Finished | None:
    """Return where a service stands after the runs that a night has had of it."""
    stand: ActiveRun | Turn | Finished | None = None
    run_ids: tuple[str, ...] = ()
    kept: Outcome | None = None
    for run in runs:
        active = ActiveRun(
            service=run.service,
            run_id=run.run_id,
            instance_id=run.instance_id,
            since=run.requested_at,
            run_ids=run_ids or None,
            kept=kept,
        )
        run_ids = (*run_ids, run.run_id)
        if run.word is None:
            stand = active
            continue
        end = {"outcome": run.word, "changedWhileRunning": run.changed_while_running}
        stand = after_end(active, end, may_again, run.ended_at or now, intervals)
        kept = kept or (run.word if run.word is Outcome.SUCCEEDED else None)
    return stand
