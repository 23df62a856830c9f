"""The plan of a rebuild, as a generator. Only yields, pure calls and returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from typing import Any

from shared.core.rebuilding import RebuildState
from shared.core.steps import Patience, StepState, repeat
from shared.operation import insist

STEPS_PER_GENERATION = 20


def rebuild_catalog(context: Any) -> Generator[Any, Any, dict[str, Any] | None]:
    """
    Rebuild the records of some services, one service after the other.

    Input: RebuildState. Output: {"rebuildId", "counts", "faults"}; the record of the rebuild has the rest.
    """
    state = RebuildState.from_json(context.get_input())
    for _ in range(STEPS_PER_GENERATION):
        if not state.waiting:
            output = yield from _end(context, state)
            return output
        wish = {"rebuildId": state.rebuild_id, "service": state.waiting[0], "after": state.after}
        until = context.current_utc_datetime + dt.timedelta(seconds=state.intervals.catalog_patience_s)
        patience = Patience(until=until, intervals=state.intervals)
        result = yield from repeat(context, "rebuild_service", wish, patience)
        if result.state is StepState.END:
            state = state.next_service(result.fault)
        elif result.value["after"] is None:
            state = state.next_service()
        else:
            state = state.model_copy(update={"after": result.value["after"]})
    context.continue_as_new(state.to_json())
    return None


def _end(context: Any, state: RebuildState) -> Generator[Any, Any, dict[str, Any]]:
    wish = {"rebuildId": state.rebuild_id, "faults": state.to_json()["faults"]}
    ended = yield from repeat(context, "end_rebuild", wish, insist(context, state.intervals))
    if ended.state is StepState.END:
        raise RuntimeError(f"what {state.rebuild_id} came to could not be recorded")
    return {"rebuildId": state.rebuild_id, **ended.value}
