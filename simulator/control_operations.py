"""The control routes about operations: how long they take, how they end, and who else holds a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator import ids
from simulator.entities import Path
from simulator.fields import FieldReader, raise_for
from simulator.operations import Failure, Kind, Progression
from simulator.outcomes import BLOBS, STATES_AFTER, Outcome
from simulator.runner import OperationRunner
from simulator.services import Service
from simulator.wire import Answer, Call
from simulator.world import World

DURATION_S_MAX = 30 * 86_400
POLLS_MAX = 10_000
TIMES_MAX = 1_000

_KINDS = {"backup": Kind.BACKUP, "restore": Kind.RESTORE}


class OperationScenes:
    """Answers POST progression, outcomes and states."""

    def __init__(self, world: World, runner: OperationRunner) -> None:
        self._world = world
        self._runner = runner

    def routes(self) -> dict[tuple[str, str], Callable[[Call], Answer]]:
        """Return what answers which route."""
        return {
            ("POST", "progression"): self._set_progression,
            ("POST", "outcomes"): self._add_outcome,
            ("POST", "states"): self._set_state,
        }

    def _set_progression(self, call: Call) -> Answer:
        ways = ("seconds", "polls", "immediate", "never")
        reader = FieldReader(call.json_object(), known=("operation", *ways, "retryAfter", "service"))
        kind = _KINDS[reader.choice("operation", tuple(_KINDS))]
        given = [name for name in ways if reader.has(name)]
        seconds: float | None = None
        polls: int | None = None
        if len(given) != 1:
            reader.fault("operation", f"exactly one of {', '.join(ways)} must be given")
        elif given == ["seconds"]:
            seconds = reader.number("seconds", low=0, high=DURATION_S_MAX)
        elif given == ["polls"]:
            polls = reader.integer("polls", low=0, high=POLLS_MAX)
        elif reader.raw(given[0]) is not True:
            reader.fault(given[0], "must be true")
        elif given == ["immediate"]:
            polls = 0
        service = self._service(reader) if reader.has("service") else None
        retry_after = self._retry_after(reader, kind)
        raise_for(reader)
        progression = Progression(seconds=seconds, polls=polls, retry_after=retry_after)
        self._world.progressions.set(kind, service.id.key if service else "", progression)
        return Answer(status=200, content=progression_json(progression))

    def _retry_after(self, reader: FieldReader, kind: Kind) -> str | None:
        """Return the header's text: as recorded if absent, none if null, else exactly what was given."""
        if not reader.has("retryAfter"):
            return self._world.progressions.default(kind).retry_after
        given = reader.raw("retryAfter")
        if given is None or (isinstance(given, str) and given.isprintable()):
            return given
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
        reader.fault("retryAfter", "must be a text on one line, a whole number or null")
        return None

    def _add_outcome(self, call: Call) -> Answer:
        """
        Read `{"operation", "service", "times": 1, "error": {"code", "message"}, "blob", "changed", "drops",
        "alters", "stateAfter"}` and put it behind the others. `drops` and `alters` are lists of entities such
        as `apis/orders`.
        """
        known = ("operation", "service", "times", "error", "blob", "changed", "drops", "alters", "stateAfter")
        reader = FieldReader(call.json_object(), known=known)
        kind = _KINDS[reader.choice("operation", tuple(_KINDS))]
        service = self._service(reader)
        if not any(reader.has(name) for name in known[3:]):
            reader.fault("operation", f"at least one of {', '.join(known[3:])} must be given")
        if kind is Kind.RESTORE and (reader.has("blob") or reader.has("changed")):
            reader.fault("operation", "only a backup writes a blob, or misses a change")
        if kind is Kind.BACKUP and (reader.has("drops") or reader.has("alters")):
            reader.fault("operation", "only a restore drops or alters what was in the backup")
        if reader.has("changed") and reader.raw("changed") is not True:
            reader.fault("changed", "must be true")
        outcome = Outcome(
            times=reader.integer("times", low=1, high=TIMES_MAX, default=1),
            failure=_failure(reader) if reader.has("error") else None,
            is_changed=reader.has("changed"),
            drops=_entities(reader, "drops"),
            alters=_entities(reader, "alters"),
            state_after=_choice(reader, "stateAfter", STATES_AFTER),
            blob=_choice(reader, "blob", BLOBS),
        )
        raise_for(reader)
        if service is not None:
            self._world.outcomes.add(kind, service.id.key, outcome)
        return Answer(status=201, content={"operation": kind.value.lower(), "times": outcome.times})

    def _set_state(self, call: Call) -> Answer:
        """
        Read `{"service", "state"}`: Succeeded or Failed from now on; or Updating for `seconds`, because
        somebody else changes the service.
        """
        reader = FieldReader(call.json_object(), known=("service", "state", "seconds"))
        service = self._service(reader)
        state = reader.choice("state", (*STATES_AFTER, "Updating"))
        seconds = 0.0
        if state == "Updating":
            seconds = reader.number("seconds", low=0, high=DURATION_S_MAX)
        elif reader.has("seconds"):
            reader.fault("seconds", "only Updating passes by itself")
        if service is not None and service.operation_id is not None:
            reader.fault("service", "is in transition already")
        raise_for(reader)
        if service is not None and state == "Updating":
            self._runner.hold(service, seconds)
        elif service is not None:
            service.state = state
        return Answer(status=200, content={"state": state})

    def _service(self, reader: FieldReader) -> Service | None:
        service_id = ids.parse_service_id(reader.text("service"))
        found = self._world.services.get(service_id) if service_id else None
        if found is None:
            reader.fault("service", "must be the resource id of a service that exists")
        return found


def progression_json(progression: Progression) -> dict[str, Any]:
    """Return a progression for the control routes."""
    return {
        "seconds": progression.seconds,
        "polls": progression.polls,
        "retryAfter": progression.retry_after,
    }


def _choice(reader: FieldReader, name: str, options: tuple[str, ...]) -> str:
    """Return one of the options, the first if the field is absent."""
    return reader.choice(name, options) if reader.has(name) else options[0]


def _entities(reader: FieldReader, name: str) -> tuple[Path, ...]:
    """Return paths of entities, such as ("apis", "orders"); none if the field is absent."""
    given = reader.raw(name) if reader.has(name) else []
    if isinstance(given, list) and all(isinstance(one, str) for one in given):
        paths = tuple(tuple(part for part in one.split("/") if part) for one in given)
        if all(path and len(path) % 2 == 0 for path in paths):
            return paths
    reader.fault(name, "must be a list of entities such as apis/orders")
    return ()


def _failure(reader: FieldReader) -> Failure:
    inner = FieldReader(reader.mapping("error"), known=("code", "message"), prefix="error.")
    failure = Failure(code=inner.text("code"), message=inner.text("message"))
    reader.faults.extend(inner.faults)
    return failure
