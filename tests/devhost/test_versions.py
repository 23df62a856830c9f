"""Versions of orchestrations, as host.json's defaultVersion gives them and the durable extension compares."""

import datetime as dt
import json

import azure.durable_functions as df
import pytest

from devhost.config import ConfigError, load_host_config
from devhost.engine.versions import is_run_by
from devhost.testing import StuckError, VirtualHost

MINUTE = dt.timedelta(minutes=1)


def say_version(context):
    """Return the version, before and after a minute."""
    yield context.create_timer(context.current_utc_datetime + MINUTE)
    return context.version


def ask_child(context):
    """Return the own version and a sub-orchestration's."""
    child = yield context.call_sub_orchestrator("say_version", None, "child")
    return [context.version, child]


def ask_child_of(context):
    """Start a sub-orchestration of a named version."""
    return (yield context.call_sub_orchestrator("say_version", None, "child", version=context.get_input()))


def twice(context):
    """Return the version in the second generation."""
    if context.get_input() == "again":
        return context.version
    yield context.create_timer(context.current_utc_datetime + MINUTE)
    context.continue_as_new("again")
    return None


def host_of(version=None, state=None, start=None):
    """Make a host of a version over a state file."""
    app = df.DFApp()
    for code in (say_version, ask_child, ask_child_of, twice):
        app.orchestration_trigger(context_name="context")(code)
    more = {} if start is None else {"start": start}
    return VirtualHost(app, state=state, default_version=version, **more)


@pytest.mark.parametrize(
    ("host", "instance", "runs"),
    [
        ("1.0", "1.0", True),
        ("2.0", "1.0", True),
        ("1.0", "2.0", False),
        ("10.0", "9.0", True),
        ("10", "9", False),
        ("1.0", "1.0.0", False),
        ("1.0", None, True),
        ("1.0", "", True),
        (None, None, True),
        (None, "1.0", False),
        ("v2-release", "V1-release", True),
        ("v1-release", "v2-release", False),
    ],
)
def test_a_host_runs_what_is_of_its_version_or_older(host, instance, runs):
    """Numbers need a point to be compared as numbers; everything else is text, and none at all the oldest."""
    assert is_run_by(host, instance) is runs


def test_a_new_instance_gets_the_hosts_version():
    """The orchestrator reads it from its context."""
    with host_of("3.0") as host:
        assert host.run_until_done(host.start("say_version")).output == "3.0"


def test_without_a_version_there_is_none():
    """As before there were versions."""
    with host_of() as host:
        assert host.run_until_done(host.start("say_version")).output is None


def test_an_instance_keeps_its_version_on_a_newer_host(tmp_path):
    """And is run to its end there."""
    state = tmp_path / "state.sqlite"
    with host_of("1.0", state) as old:
        instance = old.start("say_version")
        old.settle()
    with host_of("2.0", state) as new:
        assert new.run_until_done(instance).output == "1.0"


def test_continue_as_new_keeps_the_version(tmp_path):
    """Also when the next generation begins on a newer host."""
    state = tmp_path / "state.sqlite"
    with host_of("1.0", state) as old:
        instance = old.start("twice")
        old.settle()
    with host_of("2.0", state) as new:
        assert new.run_until_done(instance).output == "1.0"


def test_a_sub_orchestration_gets_the_hosts_version_and_not_its_parents(tmp_path):
    """What an old parent begins after an upgrade is new."""
    state = tmp_path / "state.sqlite"
    with host_of("1.0", state) as old:
        instance = old.start("ask_child")
    with host_of("2.0", state) as new:
        assert new.run_until_done(instance).output == ["1.0", "2.0"]


def test_a_sub_orchestration_can_be_given_a_version():
    """By its caller."""
    with host_of("2.0") as host:
        assert host.run_until_done(host.start("ask_child_of", "1.0")).output == "1.0"


def test_a_newer_instance_is_left_as_it_is_until_its_host_is_back(tmp_path):
    """It does not run, its due timer waits for it, and nothing of it is lost."""
    state = tmp_path / "state.sqlite"
    with host_of("2.0", state) as new:
        instance = new.start("say_version")
        new.settle()
        before = new.history(instance)
    with host_of("1.0", state) as old:
        old.run_for(10 * MINUTE)
        assert old.get(instance).runtime_status == "Running"
        assert old.history(instance) == before
        with pytest.raises(StuckError):
            old.run_until_done(instance)
        now = old.clock.now()
    with host_of("2.0", state, start=now) as new:
        assert new.run_until_done(instance).output == "2.0"


def test_a_newer_instance_holds_up_no_other(tmp_path):
    """The older host goes on with its own work."""
    state = tmp_path / "state.sqlite"
    with host_of("2.0", state) as new:
        new.start("say_version")
    with host_of("1.0", state) as old:
        assert old.run_until_done(old.start("say_version")).output == "1.0"


def test_a_newer_instance_can_be_terminated_by_an_older_host(tmp_path):
    """That needs no step of its code."""
    state = tmp_path / "state.sqlite"
    with host_of("2.0", state) as new:
        instance = new.start("say_version")
        new.settle()
    with host_of("1.0", state) as old:
        old.terminate(instance)
        assert old.get(instance).runtime_status == "Terminated"


def test_a_strategy_that_the_devhost_does_not_have_is_refused(tmp_path):
    """Rather than read over, which would run what Azure does not."""
    durable = {"defaultVersion": "1.0", "versionMatchStrategy": "Strict"}
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"durableTask": durable}}))

    with pytest.raises(ConfigError, match="no other versionMatchStrategy than CurrentOrOlder"):
        load_host_config(tmp_path)


def test_a_version_that_is_no_string_is_refused(tmp_path):
    """A number in JSON would lose its zero."""
    (tmp_path / "host.json").write_text('{"extensions": {"durableTask": {"defaultVersion": 1.0}}}')

    with pytest.raises(ConfigError, match="defaultVersion is a string"):
        load_host_config(tmp_path)
