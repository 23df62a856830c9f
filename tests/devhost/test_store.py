"""What the store keeps when something happens between the start of an episode and its commit."""

import datetime as dt
import json

import pytest

from devhost.engine import events
from devhost.engine.decision import Completed, ContinuedAsNew, Decision, ScheduledActivity, ScheduledChild
from devhost.engine.events import EventType
from devhost.engine.progress import Progress
from devhost.engine.protocol import Status
from devhost.engine.store import Birth, Store

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def store():
    """A store in memory with one pending instance."""
    made = Store(None, task_hub="t")
    made.begin(birth("first"), NOW)
    yield made
    made.close()


def birth(execution_id):
    return Birth(instance_id="i", execution_id=execution_id, name="o", input='"in"', version=None)


def kinds(store):
    """Return the types of the messages for the next episode."""
    return [message["EventType"] for message in store.messages(store.generation("i"))[1]]


def test_an_event_that_comes_during_the_last_episode_reaches_the_next_generation(store):
    """continue_as_new keeps events that arrived after the episode had taken its messages."""
    generation = store.generation("i")
    rows, _ = store.messages(generation)
    store.post("i", events.event_raised(NOW, "late", "1"))
    decision = Decision(events=[], progress=Progress(), outcome=ContinuedAsNew(input='"again"', carried=()))

    assert store.commit(generation, rows, decision, NOW, "second")
    assert kinds(store) == [EventType.EXECUTION_STARTED, EventType.EVENT_RAISED]
    assert store.generation("i").input == '"again"'


def test_a_result_for_an_older_generation_is_dropped(store):
    """An activity of a generation that is over answers nobody."""
    generation = store.generation("i")
    rows, _ = store.messages(generation)
    scheduled = Decision(
        events=[], progress=Progress(), activities=[ScheduledActivity(task_id=0, name="a", input=None)]
    )
    store.commit(generation, rows, scheduled, NOW, "unused")
    ((row, *_),) = store.open_activities()
    again = Decision(events=[], progress=Progress(), outcome=ContinuedAsNew(input=None, carried=()))
    store.commit(generation, [], again, NOW, "second")

    assert not store.finish_activity(row, NOW, "1")
    assert kinds(store) == [EventType.EXECUTION_STARTED]


def test_an_episode_of_a_terminated_instance_changes_nothing(store):
    """What was decided while somebody terminated the instance is thrown away."""
    generation = store.generation("i")
    rows, _ = store.messages(generation)
    store.end("i", Status.TERMINATED, json.dumps("enough"), NOW)
    decision = Decision(events=[], progress=Progress(), outcome=Completed(output="1"))

    assert not store.commit(generation, rows, decision, NOW, "unused")
    assert (store.get("i").status, store.get("i").output) == (Status.TERMINATED, '"enough"')


def test_an_episode_of_a_replaced_instance_changes_nothing(store):
    """The new instance of the same id does not receive the old one's end."""
    generation = store.generation("i")
    rows, _ = store.messages(generation)
    store.end("i", Status.TERMINATED, None, NOW)
    store.begin(birth("second"), NOW)
    decision = Decision(events=[], progress=Progress(), outcome=Completed(output="1"))

    assert not store.commit(generation, rows, decision, NOW, "unused")
    assert store.get("i").status is Status.PENDING


def test_a_wish_to_suspend_during_an_episode_is_kept(store):
    """The episode's work is stored, and the instance stays suspended."""
    generation = store.generation("i")
    rows, _ = store.messages(generation)
    store.set_status("i", Status.SUSPENDED, NOW)
    store.commit(generation, rows, Decision(events=[], progress=Progress()), NOW, "unused")

    assert store.get("i").status is Status.SUSPENDED


def test_a_child_of_an_older_execution_does_not_answer_the_new_one(store):
    """A sub-orchestration outlives its parent's generation; its result is for nobody."""
    generation = store.generation("i")
    child = ScheduledChild(task_id=0, name="c", input=None, instance_id="child", version=None)
    rows, _ = store.messages(generation)
    store.commit(generation, rows, Decision(events=[], progress=Progress(), children=[child]), NOW, "unused")
    again = Decision(events=[], progress=Progress(), outcome=ContinuedAsNew(input=None, carried=()))
    store.commit(generation, [], again, NOW, "second")
    store.end("child", Status.COMPLETED, "1", NOW)

    assert kinds(store) == [EventType.EXECUTION_STARTED]
