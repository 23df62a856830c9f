"""
The engine: a loop that feeds messages to episodes, runs activities, and fires timers.

All state is in the store; what is in memory here is only what runs at this moment, so a killed process
starts again from the store alone: open activities run again, due timers fire, waiting messages are fed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import logging
import re
import uuid

from devhost.clock import Clock
from devhost.engine import actions, episode, events, versions
from devhost.engine.decision import (
    Completed,
    ContinuedAsNew,
    Decision,
    Failed,
    Generation,
    ScheduledChild,
)
from devhost.engine.protocol import (
    ActivityError,
    Instance,
    InstanceEndedError,
    InstanceExistsError,
    InstanceNotFoundError,
    InvalidIdError,
    Query,
    Status,
    UnknownFunctionError,
    Wish,
    Workers,
)
from devhost.engine.store import Birth, Store

log = logging.getLogger("devhost.durable")

# https://learn.microsoft.com/azure/azure-functions/durable/durable-functions-orchestrations (instance IDs)
ID_LENGTH_MAX = 100
_ID_FORBIDDEN = re.compile(r"^@|[/\\#?\x00-\x1f\x7f-\x9f]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How much runs at once, and which version this host is of, as host.json says.

    `default_version` goes to instances and sub-orchestrations started without one; newer ones are not run.
    """

    activities: int = 10
    orchestrators: int = 10
    default_version: str | None = None


class DurableEngine:
    """An `Engine` on one store."""

    def __init__(self, store: Store, clock: Clock, workers: Workers, limits: Limits | None = None) -> None:
        self._store = store
        self._clock = clock
        self._workers = workers
        self._limits = limits or Limits()
        self._functions = actions.Functions(
            orchestrators=frozenset(workers.orchestrators), activities=frozenset(workers.activities)
        )
        self._wake = asyncio.Event()
        self._episodes: dict[str, asyncio.Task[None]] = {}
        self._activities: dict[int, asyncio.Task[None]] = {}
        self._fault: BaseException | None = None
        self._is_resting = False
        self._left: set[str] = set()

    # The interface.

    async def start(
        self, name: str, input_json: str | None, instance_id: str | None = None, version: str | None = None
    ) -> str:
        """See `Engine.start`."""
        if name not in self._functions.orchestrators:
            known = ", ".join(sorted(self._functions.orchestrators)) or "none"
            raise UnknownFunctionError(
                f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function."
                f" Additional info: The following are the known orchestrator functions: {known}."
            )
        instance_id = instance_id or uuid.uuid4().hex
        if len(instance_id) > ID_LENGTH_MAX or _ID_FORBIDDEN.search(instance_id):
            raise InvalidIdError(
                "Instance IDs have at most 100 characters, do not start with '@', and contain no"
                f" '/', '\\', '#', '?' or control characters: {instance_id!r}"
            )
        birth = Birth(
            instance_id=instance_id,
            execution_id=uuid.uuid4().hex,
            name=name,
            input=input_json,
            version=version or self._limits.default_version,
        )
        in_the_way = self._store.begin(birth, self._clock.now())
        if in_the_way is not None:
            raise InstanceExistsError(
                f"An Orchestration instance with the status {in_the_way} already exists."
            )
        log.info("%s: instance '%s' scheduled", name, instance_id)
        self._wake.set()
        return instance_id

    async def get(self, instance_id: str) -> Instance | None:
        """See `Engine.get`."""
        return self._store.get(instance_id)

    async def find(self, query: Query) -> list[Instance]:
        """See `Engine.find`."""
        return self._store.find(query)

    async def history(self, instance_id: str) -> list[str]:
        """See `Engine.history`."""
        return self._store.history(instance_id)

    async def raise_event(self, instance_id: str, name: str, payload_json: str) -> None:
        """See `Engine.raise_event`."""
        self._living(instance_id)
        self._store.post(instance_id, events.event_raised(self._clock.now(), name, payload_json))
        self._wake.set()

    async def set_state(self, instance_id: str, wish: Wish, reason: str) -> None:
        """See `Engine.set_state`."""
        instance = self._living(instance_id)
        now = self._clock.now()
        if wish is Wish.TERMINATE:
            self._store.end(instance_id, Status.TERMINATED, json.dumps(reason), now)
        elif wish is Wish.SUSPEND:
            self._store.set_status(instance_id, Status.SUSPENDED, now)
        elif instance.status is Status.SUSPENDED:
            self._store.set_status(instance_id, Status.RUNNING, now)
        log.info("%s: instance '%s': %s", instance.name, instance_id, wish)
        self._wake.set()

    async def purge(self, instance_id: str) -> bool:
        """See `Engine.purge`."""
        instance = self._store.get(instance_id)
        if instance is None or not instance.status.is_final:
            return False
        self._store.purge(instance_id)
        return True

    def _living(self, instance_id: str) -> Instance:
        instance = self._store.get(instance_id)
        if instance is None:
            raise InstanceNotFoundError(f"there is no instance '{instance_id}'")
        if instance.status.is_final:
            raise InstanceEndedError(f"the instance '{instance_id}' has ended ({instance.status})")
        return instance

    # The loop.

    async def run(self) -> None:
        """Work until cancelled. What is running then is abandoned and runs again next time."""
        try:
            while True:
                self._wake.clear()
                self._advance()
                await self._clock.wait(self._store.next_timer(), self._wake)
        finally:
            await self.abandon()

    async def settle(self) -> None:
        """Work until nothing is left to do at the clock's present time."""
        while True:
            self._wake.clear()
            self._advance()
            if not self._episodes and not self._activities:
                return
            await self._wake.wait()

    def next_timer(self) -> dt.datetime | None:
        """Return when the next timer is due."""
        return self._store.next_timer()

    async def rest(self, seconds: float) -> None:
        """Start nothing more and give what runs a while to end."""
        self._is_resting = True
        running = [*self._episodes.values(), *self._activities.values()]
        if running:
            await asyncio.wait(running, timeout=seconds)

    async def abandon(self) -> None:
        """Stop waiting for what runs; its results are dropped, the store still lists it as open."""
        running = [*self._episodes.values(), *self._activities.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _advance(self) -> None:
        """Start everything that can be started now."""
        if self._fault is not None:
            raise self._fault
        if self._is_resting:
            return
        self._store.fire_timers(self._clock.now())
        for instance_id, version in self._store.ready():
            if len(self._episodes) >= self._limits.orchestrators:
                break
            if not versions.is_run_by(self._limits.default_version, version):
                self._leave(instance_id, version)
            elif instance_id not in self._episodes:
                task = asyncio.create_task(self._run_episode(instance_id))
                self._episodes[instance_id] = task
                task.add_done_callback(self._note_end)
        for row, instance_id, name, input_json in self._store.open_activities():
            if len(self._activities) >= self._limits.activities:
                break
            if row not in self._activities:
                task = asyncio.create_task(self._run_activity(row, instance_id, name, input_json))
                self._activities[row] = task
                task.add_done_callback(self._note_end)

    def _leave(self, instance_id: str, version: str | None) -> None:
        """Leave a newer instance, with its messages, to a host that knows its version; say so once."""
        if instance_id not in self._left:
            self._left.add(instance_id)
            ours = self._limits.default_version or "none"
            log.warning("instance '%s' is of version %s, this host of %s: left", instance_id, version, ours)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """Forget an ended task; an exception here is a defect of the devhost and ends the loop."""
        self._episodes = {key: value for key, value in self._episodes.items() if value is not task}
        self._activities = {key: value for key, value in self._activities.items() if value is not task}
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
        self._wake.set()

    async def _run_episode(self, instance_id: str) -> None:
        generation = self._store.generation(instance_id)
        if generation is None:
            return
        consumed, messages = self._store.messages(generation)
        work = episode.prepare(generation, messages, now=self._clock.now())
        try:
            text = await self._workers.run_orchestrator(generation.name, work.payload)
        except Exception as err:  # noqa: BLE001 - whatever an orchestrator raises fails its instance
            decision = episode.decide_failure(work, str(err) or type(err).__name__)
        else:
            decision = episode.decide(work, json.loads(text), functions=self._functions)
        decision.children = [self._versioned(child) for child in decision.children]
        now = self._clock.now()
        if self._store.commit(generation, consumed, decision, now, uuid.uuid4().hex):
            _log_outcome(generation, decision)

    def _versioned(self, child: ScheduledChild) -> ScheduledChild:
        """Give a sub-orchestration this host's version, not its parent's, if its caller named none."""
        return dataclasses.replace(child, version=child.version or self._limits.default_version)

    async def _run_activity(self, row: int, instance_id: str, name: str, input_json: str | None) -> None:
        result: str | tuple[str, str]
        try:
            result = await self._workers.run_activity(name, input_json)
        except ActivityError as err:
            result = (err.reason, err.details)
        if not self._store.finish_activity(row, self._clock.now(), result):
            log.info("%s: its instance '%s' does not wait for it any more", name, instance_id)


def _log_outcome(generation: Generation, decision: Decision) -> None:
    name, instance_id, outcome = generation.name, generation.instance_id, decision.outcome
    if not generation.history:
        log.info("%s: instance '%s' started", name, instance_id)
    if isinstance(outcome, Completed):
        log.info("%s: instance '%s' completed", name, instance_id)
    elif isinstance(outcome, Failed):
        log.error("%s: instance '%s' failed: %s", name, instance_id, outcome.error)
    elif isinstance(outcome, ContinuedAsNew):
        log.info("%s: instance '%s' continues as new", name, instance_id)
