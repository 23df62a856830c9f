"""Orchestrations through the real SDK on the engine with a virtual clock."""

import datetime as dt
import pathlib
import uuid

import azure.durable_functions as df
import pytest

from devhost.engine.protocol import (
    InstanceEndedError,
    InstanceExistsError,
    InvalidIdError,
    UnknownFunctionError,
)
from devhost.replay import DeterminismError
from devhost.testing import START, StuckError, VirtualHost

MINUTE = dt.timedelta(minutes=1)


def orchestrator(app, name=None):
    """Register a generator under its own name, without the two decorators' noise."""

    def register(code):
        return app.orchestration_trigger(context_name="context", orchestration=name)(code)

    return register


def host_of(code, activities=None, **more):
    """Make a host whose app has this one orchestrator."""
    app = df.DFApp()
    orchestrator(app)(code)
    return VirtualHost(functions=app, activities=activities, **more)


def test_results_of_activities_come_back_in_order():
    """An activity's JSON result is the value of its yield, and the orchestrator's return is the output."""

    def chain(context):
        first = yield context.call_activity("double", context.get_input())
        return (yield context.call_activity("double", first))

    with host_of(chain, {"double": lambda number: number * 2}) as host:
        done = host.run_until_done(host.start("chain", 5))

    assert (done.runtime_status, done.output) == ("Completed", 20)
    assert host.calls == [("double", 5), ("double", 10)]


def test_five_hours_of_polling_pass_on_the_virtual_clock():
    """300 polls a minute apart, with continue_as_new every 20, end five virtual hours after the start."""

    def poll(context):
        state = context.get_input()
        for _ in range(20):
            if (yield context.call_activity("poll_once", state["polls"])):
                return state
            state["polls"] += 1
            yield context.create_timer(context.current_utc_datetime + MINUTE)
        context.continue_as_new(state)

    start = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)
    with host_of(poll, {"poll_once": lambda polls: polls == 300}, start=start) as host:
        done = host.run_until_done(host.start("poll", {"polls": 0}, "p"))

        assert done.output == {"polls": 300}
        assert host.clock.now() == start + dt.timedelta(hours=5)
        assert len(host.calls) == 301
        assert host.check_determinism("p") == 16


def test_an_exception_of_an_activity_reaches_the_orchestrator():
    """A failed activity is raised at its yield, with the function and the exception in the text."""

    def careful(context):
        try:
            yield context.call_activity("fail")
        except Exception as err:  # noqa: BLE001 - the SDK raises nothing narrower
            return str(err)

    def fail(_):
        raise ValueError("no such thing")

    with host_of(careful, {"fail": fail}) as host:
        done = host.run_until_done(host.start("careful"))

    assert "Activity function 'fail' failed: ValueError: no such thing" in done.output


def test_an_unhandled_exception_fails_the_instance():
    """What an orchestrator raises is its output, and the custom status set before is kept."""

    def broken(context):
        context.set_custom_status("trying")
        yield context.call_activity("nothing")
        raise RuntimeError("out of ideas")

    with host_of(broken, {"nothing": None}) as host:
        done = host.run_until_done(host.start("broken"))

    assert done.runtime_status == "Failed"
    assert done.output == "Orchestrator function 'broken' failed: out of ideas"
    assert done.custom_status == "trying"


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda c: c.call_activity("gone"), "The function 'gone' doesn't exist"),
        (lambda c: c.call_sub_orchestrator("gone"), "is not an orchestrator function"),
        (lambda c: c.call_http("GET", "http://127.0.0.1/"), "the devhost does not run call_http"),
        (lambda c: c.call_entity(df.EntityId("e", "k"), "op"), "the devhost does not run entities"),
    ],
)
def test_what_cannot_be_had_fails_the_instance(what, message):
    """A missing function, an entity or call_http ends the instance with a sentence that says so."""

    def asking(context):
        yield what(context)

    with host_of(asking) as host:
        done = host.run_until_done(host.start("asking"))

    assert done.runtime_status == "Failed"
    assert message in done.output


def test_fan_out_returns_results_in_the_order_of_the_calls():
    """task_all gives results by position, not by time of arrival."""

    def fan(context):
        return (yield context.task_all([context.call_activity("square", n) for n in range(10)]))

    with host_of(fan, {"square": lambda n: n * n}) as host:
        done = host.run_until_done(host.start("fan"))

    assert done.output == [n * n for n in range(10)]


def test_a_timeout_wins_over_an_event_that_does_not_come():
    """task_any resumes at the timer's time when no event was raised."""

    def wait(context):
        answer = context.wait_for_external_event("answer")
        timeout = context.create_timer(context.current_utc_datetime + 30 * MINUTE)
        winner = yield context.task_any([answer, timeout])
        if winner is answer:
            timeout.cancel()
            return answer.result
        return "timed out"

    with host_of(wait) as host:
        done = host.run_until_done(host.start("wait"))

        assert done.output == "timed out"
        assert done.updated - done.created == 30 * MINUTE


def test_an_event_wins_and_its_timer_is_cancelled():
    """A cancelled timer is no longer due, so nothing is left to wake the instance."""

    def wait(context):
        answer = context.wait_for_external_event("answer")
        timeout = context.create_timer(context.current_utc_datetime + 30 * MINUTE)
        yield context.task_any([answer, timeout])
        timeout.cancel()
        yield context.wait_for_external_event("never")

    with host_of(wait) as host:
        instance_id = host.start("wait")
        host.settle()
        host.raise_event(instance_id, "answer", {"yes": True})

        with pytest.raises(StuckError, match="it waits for an event"):
            host.run_until_done(instance_id)
        assert host.clock.now() == START


def test_an_event_raised_before_it_is_waited_for_is_kept():
    """Events are buffered in the history until a wait takes them."""

    def wait(context):
        yield context.create_timer(context.current_utc_datetime + MINUTE)
        return (yield context.wait_for_external_event("early"))

    with host_of(wait) as host:
        instance_id = host.start("wait")
        host.settle()
        host.raise_event(instance_id, "early", [1, 2])

        assert host.run_until_done(instance_id).output == [1, 2]


def test_an_event_never_waited_for_survives_continue_as_new():
    """The next generation receives what the last one did not take."""

    def wait(context):
        if context.get_input() == "second":
            return (yield context.wait_for_external_event("late"))
        yield context.create_timer(context.current_utc_datetime + MINUTE)
        context.continue_as_new("second")

    with host_of(wait) as host:
        instance_id = host.start("wait", "first")
        host.settle()
        host.raise_event(instance_id, "late", "kept")

        assert host.run_until_done(instance_id).output == "kept"


def test_a_child_keeps_its_parent_through_continue_as_new():
    """A sub-orchestration with a given id that starts over still answers its parent."""
    app = df.DFApp()

    @orchestrator(app)
    def parent(context):
        return (yield context.call_sub_orchestrator("child", 0, "the-child"))

    @orchestrator(app)
    def child(context):
        count = context.get_input()
        yield context.create_timer(context.current_utc_datetime + MINUTE)
        if count < 3:
            context.continue_as_new(count + 1)
            return None
        return {"count": count, "parent": context.parent_instance_id}

    with VirtualHost(functions=app) as host:
        done = host.run_until_done(host.start("parent", instance_id="the-parent"))

        assert done.output == {"count": 3, "parent": "the-parent"}
        assert host.get("the-child").runtime_status == "Completed"


def test_a_failed_child_fails_the_call():
    """The parent sees the child's failure at its yield."""
    app = df.DFApp()

    @orchestrator(app)
    def parent(context):
        try:
            yield context.call_sub_orchestrator("child")
        except Exception as err:  # noqa: BLE001 - the SDK raises nothing narrower
            return str(err)

    @orchestrator(app)
    def child(context):
        yield context.call_activity("nothing")
        raise RuntimeError("child is broken")

    with VirtualHost(functions=app, activities={"nothing": None}) as host:
        done = host.run_until_done(host.start("parent"))

    assert "Orchestrator function 'child' failed: child is broken" in done.output


def test_a_child_whose_id_is_taken_fails_the_call():
    """A running instance is not replaced by a sub-orchestration of the same id."""
    app = df.DFApp()

    @orchestrator(app)
    def parent(context):
        try:
            yield context.call_sub_orchestrator("sleeper", None, "taken")
        except Exception as err:  # noqa: BLE001 - the SDK raises nothing narrower
            return str(err)

    @orchestrator(app)
    def sleeper(context):
        yield context.wait_for_external_event("never")

    with VirtualHost(functions=app) as host:
        host.start("sleeper", instance_id="taken")
        host.settle()

        done = host.run_until_done(host.start("parent"))

    assert "An Orchestration instance with the status Running already exists." in done.output


def sleeper(context):
    """Wait for an event named "wake" and return its payload."""
    return (yield context.wait_for_external_event("wake"))


def test_an_id_in_use_is_refused():
    """A pending or running instance is not replaced."""
    with host_of(sleeper) as host:
        host.start("sleeper", instance_id="one")

        with pytest.raises(InstanceExistsError, match="status Pending already exists"):
            host.start("sleeper", instance_id="one")
        host.settle()
        with pytest.raises(InstanceExistsError, match="status Running already exists"):
            host.start("sleeper", instance_id="one")


def test_an_ended_instance_is_replaced():
    """An id can be used again when its instance has ended; nothing of the old one is left."""
    with host_of(sleeper) as host:
        host.start("sleeper", instance_id="one")
        host.terminate("one", "enough")
        host.start("sleeper", instance_id="one")
        host.raise_event("one", "wake", "second life")

        assert host.run_until_done("one").output == "second life"


def test_an_unknown_orchestrator_is_refused():
    """The error names the orchestrators there are."""
    with host_of(sleeper) as host, pytest.raises(UnknownFunctionError, match="sleeper"):
        host.start("slepper")


@pytest.mark.parametrize("instance_id", ["@a", "a/b", "a\\b", "a#b", "a?b", "a\nb", "a" * 101])
def test_an_id_that_azure_refuses_is_refused(instance_id):
    """A bad instance id is found on the developer's machine, not in Azure."""
    with host_of(sleeper) as host, pytest.raises(InvalidIdError):
        host.start("sleeper", instance_id=instance_id)


def test_terminate_ends_at_once_and_drops_what_was_open():
    """The reason is the output, and no timer of the instance fires afterwards."""

    def long(context):
        yield context.create_timer(context.current_utc_datetime + 60 * MINUTE)
        yield context.call_activity("after")

    with host_of(long, {"after": None}) as host:
        instance_id = host.start("long")
        host.settle()
        host.terminate(instance_id, "not needed")
        host.run_for(dt.timedelta(hours=2))

        assert host.get(instance_id).runtime_status == "Terminated"
        assert host.get(instance_id).output == "not needed"
        assert host.calls == []
        with pytest.raises(InstanceEndedError):
            host.raise_event(instance_id, "wake")


def test_a_suspended_instance_waits_and_goes_on():
    """Messages for a suspended instance are kept until it is resumed."""
    with host_of(sleeper) as host:
        instance_id = host.start("sleeper")
        host.settle()
        host.suspend(instance_id)
        host.raise_event(instance_id, "wake", 7)
        host.settle()
        assert host.get(instance_id).runtime_status == "Suspended"

        host.resume(instance_id)

        assert host.run_until_done(instance_id).output == 7


def test_only_an_ended_instance_can_be_purged():
    """Purging forgets an ended instance and leaves a living one alone."""
    with host_of(sleeper) as host:
        instance_id = host.start("sleeper")
        assert not host.purge(instance_id)
        host.terminate(instance_id)

        assert host.purge(instance_id)
        assert host.get(instance_id) is None


def test_run_until_done_gives_up_in_time():
    """The clock stands at the end of the time given, not at the next timer."""

    def long(context):
        yield context.create_timer(context.current_utc_datetime + 60 * MINUTE)

    with host_of(long) as host:
        began = host.clock.now()

        with pytest.raises(StuckError, match="not done after"):
            host.run_until_done(host.start("long"), within=MINUTE)
        assert host.clock.now() == began + MINUTE


def test_a_falsy_custom_status_leaves_the_old_one():
    """The SDK does not send {} or 0, so the last status stays, as in Azure."""

    def status(context):
        context.set_custom_status("busy")
        yield context.call_activity("nothing")
        context.set_custom_status({})
        yield context.call_activity("nothing")

    with host_of(status, {"nothing": None}) as host:
        done = host.run_until_done(host.start("status"))

    assert done.custom_status == "busy"


def test_an_activity_with_a_durable_client_reaches_this_host():
    """The SDK's client talks to the rpc routes: start, status and the refusal of a second start."""
    app = df.DFApp()

    @orchestrator(app)
    def main(context):
        return (yield context.call_activity("start_twice", "worker-1"))

    orchestrator(app, "sleeper")(sleeper)

    @app.activity_trigger(input_name="wanted")
    @app.durable_client_input(client_name="client")
    async def start_twice(wanted: str, client: df.DurableOrchestrationClient) -> dict:
        missing = await client.get_status(wanted)
        started = await client.start_new("sleeper", wanted, {"some": "input"})
        try:
            await client.start_new("sleeper", wanted)
        except Exception as err:  # noqa: BLE001 - the SDK raises nothing narrower
            refused = str(err)
        status = await client.get_status(wanted)
        await client.raise_event(wanted, "wake", {"n": 1})
        return {
            "missing": bool(missing),
            "started": started,
            "refused": refused,
            "status": status.runtime_status.value,
            "input": status.input_,
        }

    with VirtualHost(functions=app) as host:
        done = host.run_until_done(host.start("main"))

        assert done.output["missing"] is False
        assert done.output["started"] == "worker-1"
        assert "already exists" in done.output["refused"]
        assert done.output["status"] in ("Pending", "Running")
        assert done.output["input"] == {"some": "input"}
        assert host.run_until_done("worker-1").output == {"n": 1}


def test_the_client_steers_instances_over_rpc():
    """suspend, resume, terminate, restart, list and purge do through the SDK what they say."""
    app = df.DFApp()
    orchestrator(app)(sleeper)

    @orchestrator(app)
    def main(context):
        return (yield context.call_activity("steer"))

    @app.activity_trigger(input_name="unused")
    @app.durable_client_input(client_name="client")
    async def steer(unused: str, client: df.DurableOrchestrationClient) -> list:
        seen = []

        async def look(instance_id):
            seen.append((await client.get_status(instance_id)).runtime_status.value)

        await client.start_new("sleeper", "s")
        await client.suspend("s", "hold on")
        await look("s")
        await client.resume("s", "go on")
        await client.terminate("s", "enough")
        await look("s")
        new_id = await client.restart("s")
        seen.append(new_id != "s")
        seen.append(
            len(await client.get_status_by(runtime_status=[df.OrchestrationRuntimeStatus.Terminated]))
        )
        seen.append((await client.purge_instance_history("s")).instances_deleted)
        seen.append((await client.purge_instance_history("s")).instances_deleted)
        since = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        await client.terminate(new_id, "")
        seen.append((await client.purge_instance_history_by(since)).instances_deleted)
        return seen

    with VirtualHost(functions=app) as host:
        done = host.run_until_done(host.start("main"))

    assert done.output == ["Suspended", "Terminated", True, 1, 1, 0, 1]


def test_retries_wait_and_end_with_the_last_error():
    """A retried activity is tried as often as told, an interval apart, and raised one interval later."""

    def retrying(context):
        options = df.RetryOptions(60_000, 3)
        try:
            yield context.call_activity_with_retry("fail", options)
        except Exception as err:  # noqa: BLE001 - the SDK raises nothing narrower
            return str(err)

    def fail(_):
        raise RuntimeError("still no")

    with host_of(retrying, {"fail": fail}) as host:
        done = host.run_until_done(host.start("retrying"))

        assert "still no" in done.output
        assert len(host.calls) == 3
        assert done.updated - done.created == 3 * MINUTE


def test_retries_among_other_tasks_keep_their_ids_apart():
    """A retried task beside plain ones takes its ids in the SDK's order, so every result finds its task."""
    tries = {"a": 0, "b": 0}

    def mixed(context):
        options = df.RetryOptions(1_000, 5)
        tasks = [context.call_activity_with_retry("flaky", options, name) for name in "ab"]
        tasks.append(context.call_activity("plain", "c"))
        results = yield context.task_all(tasks)
        yield context.create_timer(context.current_utc_datetime + MINUTE)
        results.append((yield context.call_activity("plain", "d")))
        return results

    def flaky(name):
        tries[name] += 1
        if tries[name] < 3:
            raise RuntimeError("not yet")
        return name

    with host_of(mixed, {"flaky": flaky, "plain": lambda name: name}) as host:
        done = host.run_until_done(host.start("mixed", instance_id="m"))

        assert done.output == ["a", "b", "c", "d"]
        assert tries == {"a": 3, "b": 3}
        assert host.check_determinism("m") == 1


def test_a_failed_retry_that_arrives_with_another_result_keeps_its_ids():
    """Two results at once, the second a failed attempt: SDK and host deal the same ids in between."""
    tries = []

    def mixed(context):
        plain = context.call_activity("plain", "x")
        retried = context.call_activity_with_retry("flaky", df.RetryOptions(1_000, 3), "r")
        yield context.task_any([plain, retried])
        second = yield context.call_activity("plain", "y")
        return [second, (yield retried)]

    def flaky(name):
        tries.append(name)
        if len(tries) < 2:
            raise RuntimeError("not yet")
        return name

    with host_of(mixed, {"flaky": flaky, "plain": lambda name: name}) as host:
        done = host.run_until_done(host.start("mixed"))

    assert done.output == ["y", "r"]


def test_a_timer_longer_than_six_days_fires_at_its_time():
    """The SDK splits long timers; the parts end at the right moment."""

    def patient(context):
        began = context.current_utc_datetime
        yield context.create_timer(began + dt.timedelta(days=10))
        return (context.current_utc_datetime - began).days

    with host_of(patient) as host:
        done = host.run_until_done(host.start("patient"), within=dt.timedelta(days=30))

    assert done.output == 10


def test_a_different_decision_in_a_replay_fails_the_instance():
    """An orchestrator that schedules something else than before is stopped, as Durable Task does."""
    runs = []

    def fickle(context):
        runs.append(1)
        yield context.call_activity("one" if len(runs) == 1 else "two")
        yield context.call_activity("one")

    with host_of(fickle, {"one": None, "two": None}) as host:
        done = host.run_until_done(host.start("fickle"))

    assert done.runtime_status == "Failed"
    assert "Non-Deterministic workflow detected" in done.output


def test_the_determinism_check_catches_a_random_input():
    """The kinds of actions agree in every replay, only an input differs: the check sees it."""

    def random(context):
        yield context.call_activity("use", str(uuid.uuid4()))

    with host_of(random, {"use": None}) as host:
        instance_id = host.start("random")
        assert host.run_until_done(instance_id).runtime_status == "Completed"

        with pytest.raises(DeterminismError, match="action 0 was"):
            host.check_determinism(instance_id)


def test_the_determinism_check_catches_a_look_at_is_replaying():
    """What is decided by is_replaying is decided otherwise when everything is the past."""

    def peeking(context):
        yield context.call_activity("use")
        return "again" if context.is_replaying else "for the first time"

    with host_of(peeking, {"use": None}) as host:
        instance_id = host.start("peeking")
        host.run_until_done(instance_id)

        with pytest.raises(DeterminismError, match="output was 'for the first time'"):
            host.check_determinism(instance_id)


def test_many_instances_at_once_all_finish():
    """A fleet of 50 instances with timers of their own runs side by side."""

    def one(context):
        for _ in range(3):
            yield context.create_timer(context.current_utc_datetime + MINUTE)
            yield context.call_activity("work", context.get_input())
        return context.get_input()

    with host_of(one, {"work": None}) as host:
        ids = [host.start("one", n) for n in range(50)]

        assert [host.run_until_done(one_id).output for one_id in ids] == list(range(50))
        assert len(host.calls) == 150


def test_a_folder_can_be_run_twice_without_its_settings():
    """VirtualHost runs an app's orchestrators without the settings that its other triggers need."""
    folder = pathlib.Path(__file__).parent / "sample_app"
    for left in (2, 1):
        with VirtualHost.from_app(folder) as host:
            done = host.run_until_done(host.start("countdown", {"left": left, "every_s": 3600}))

            assert done.output == {"finished": True}
            assert done.updated - done.created == dt.timedelta(hours=left - 1)
