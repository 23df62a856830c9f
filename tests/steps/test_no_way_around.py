"""No path reaches the POST of a restore around the guards."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from shared.core.restore_guards import GUARDS
from shared.core.runs import Outcome
from shared.core.steps import StepState
from tests.steps.restore_world import FATES, WRONGS, World

KINDS = st.sampled_from(["restore", "replicate", "drill"])
FLAGS = st.fixed_dictionaries({"overwrite_source": st.booleans(), "despite_traffic": st.booleans()})
SCENES = st.fixed_dictionaries(
    {"kind": KINDS, "into_source": st.booleans(), "is_of_former": st.booleans(), "flags": FLAGS}
)
RIGHT = st.just(frozenset())
WRONG = st.one_of(RIGHT, RIGHT, RIGHT, st.frozensets(st.sampled_from(sorted(WRONGS)), min_size=1, max_size=2))
MOMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "wrong": WRONG,
            "step": st.sampled_from(["begin", "begin", "begin", "begin", "check", "resume"]),
            "fate": st.sampled_from(["lost before", "busy", "lost before", "busy", "accepted", *FATES]),
            "minutes": st.sampled_from([3, 3, 3, 3, 3, 0, 20, 60 * 24 * 29, 60 * 24 * 31]),
        }
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=200)
@given(scene=SCENES, at_the_call=WRONG, moments=MOMENTS, asks=st.booleans())
def test_a_post_was_allowed_at_the_moment_it_was_sent(scene, at_the_call, moments, asks):
    """
    Whatever is wrong when, whatever was lost, however the run came to its step.

    A run begins with a call, or without any guard having been asked; its steps come in any order; facts
    change between them. Only a wish that a false record led to takes its steps in their order, as the
    orchestrator does: the check reads the blob through, and so finds that out.
    """
    world = World(**scene)
    world.make_wrong(at_the_call)
    if world.kind == "restore" and asks:
        if world.call() != 202:
            assert world.posts == []
            return
    else:
        world.begin_run()
    is_true = world.request.point == world.point
    for moment in moments:
        world.ports.clock.advance(60 * moment["minutes"])
        world.make_wrong(moment["wrong"])
        if moment["step"] == "resume":
            world.resume()
        elif moment["step"] == "check" or not is_true:
            is_true |= world.check().state is StepState.DONE
        else:
            world.begin(moment["fate"])

    event(f"{len(world.posts)} POSTs")
    assert all(is_allowed for _, is_allowed in world.posts), world.posts


def test_where_nothing_is_wrong_the_post_is_sent():
    """The property would hold as well if nothing was ever sent; this is not how it holds."""
    for kind in ("restore", "replicate", "drill"):
        world = World(kind=kind)
        world.begin_run()

        assert world.check().state is StepState.DONE
        assert world.begin().state is StepState.DONE
        assert world.posts == [("", True)]


def test_a_second_post_is_sent_where_the_first_one_was_lost():
    """And the guards are asked before it as before the first one."""
    for wrong, posts in ((frozenset(), 2), (frozenset({"traffic"}), 1)):
        world = World()
        world.begin_run()
        world.begin("lost before")
        world.ports.clock.advance(180)
        world.make_wrong(wrong)
        result = world.begin()

        assert len(world.posts) == posts
        assert (result.outcome is Outcome.OUTCOME_UNKNOWN) == bool(wrong)


HARMLESS = {"custom host"}
"""What only a drill minds."""


@pytest.mark.parametrize("name", sorted(WRONGS))
@pytest.mark.parametrize("kind", ["restore", "replicate", "drill"])
def test_what_turns_wrong_between_check_and_post_stops_it(kind, name):
    """The first look may be hours old: everything is looked at again, and nothing was changed."""
    world = World(kind=kind)
    world.begin_run()
    assert world.check().state is StepState.DONE
    world.make_wrong(frozenset({name}))

    result = world.begin()

    passes = name in HARMLESS and kind != "drill"
    assert len(world.posts) == (1 if passes else 0)
    assert passes or result.outcome is Outcome.REFUSED
    if name == "in transition":
        assert result.state is StepState.RETRY
    elif not passes:
        assert result.state is StepState.END


@pytest.mark.parametrize("kind", ["restore", "replicate", "drill"])
def test_the_run_keeps_every_verdict_of_before_its_post(kind):
    """For whoever writes the evidence."""
    world = World(kind=kind)
    world.begin_run()
    world.begin()

    guards = world.ports.runs.read(world.request.run_id)[0].guards

    assert {guard.verdict.value for guard in guards} == {"ok"}
    assert [guard.name for guard in guards] == [row.name for row in GUARDS if kind in row.kinds]


def test_a_run_whose_post_is_out_is_not_refused_by_a_check():
    """It was taken up again: what is sent is sent, and its end is to be read."""
    world = World()
    world.begin_run()
    world.begin("lost after")
    world.resume()
    world.make_wrong(frozenset({"traffic", "blob gone"}))

    assert world.check().state is StepState.DONE


@pytest.mark.parametrize("is_of_former", [False, True])
def test_a_primary_is_never_overwritten_by_a_drill_or_a_replication(is_of_former):
    """Whatever the request says, and wherever the point was taken from."""
    flags = {"overwrite_source": True, "despite_traffic": True}
    for kind in ("replicate", "drill"):
        world = World(kind=kind, into_source=True, is_of_former=is_of_former, flags=flags)
        world.begin_run()

        assert world.begin().outcome is Outcome.REFUSED
        assert world.posts == []


@pytest.mark.parametrize("is_of_former", [False, True])
@pytest.mark.parametrize("is_said", [False, True])
def test_a_primary_is_overwritten_by_a_call_that_says_so(is_said, is_of_former):
    """Also with a point that was not taken from it."""
    world = World(into_source=True, is_of_former=is_of_former, flags={"overwrite_source": is_said})

    assert world.call() == (202 if is_said else 409)
    if is_said:
        assert world.check().state is StepState.DONE
        assert world.begin().state is StepState.DONE
    assert len(world.posts) == is_said


def test_the_blob_is_read_through_once_in_a_run():
    """At the check; right before the POST size and ETag are enough, as long as they are those recorded."""
    world = World()
    world.begin_run()
    measured, measure = [], world.backups.measure
    world.backups.measure = lambda key: measured.append(key) or measure(key)

    world.check()
    assert len(measured) == 1
    world.begin()
    assert len(measured) == 1


def test_a_blob_written_anew_with_the_same_content_is_the_recorded_one():
    """Its ETag is another: it is read through, and its hash decides."""
    world = World()
    world.begin_run()
    world.backups.put(world.point.name, world.blob)

    assert world.begin().state is StepState.DONE


def test_a_busy_target_is_not_read_through_again_and_again():
    """While something runs on it nothing is sent, so a look is enough."""
    world = World()
    world.begin_run()
    world.make_wrong(frozenset({"in transition"}))
    measured = []
    world.backups.measure = measured.append

    assert world.check().state is StepState.RETRY
    assert measured == []


def test_a_record_that_says_something_false_is_found_out_by_the_check():
    """Size and ETag are those of the record, its hash is another: the call believes it, the run does not."""
    world = World()
    world.make_wrong(frozenset({"other record"}))
    assert world.call() == 202

    result = world.check()

    assert (result.outcome, "BlobAsRecorded" in result.fault.message) == (Outcome.REFUSED, True)
    assert world.posts == []
