"""Firing the timer, and catching up: one night for each occurrence, however late, however often."""

from __future__ import annotations

import datetime as dt
import json
import logging

import pytest

from backup_timer import night
from shared.core import layout, names, schedule
from shared.core.errors import UnavailableError
from shared.core.nights import NightWish
from shared.core.reports import NightRecord
from shared.nights import open_nights
from tests.fakes import FakeClock, FakePorts
from tests.fakes.clock import START
from tests.steps.conftest import run

NIGHTLY = schedule.parse("0 0 2 * * *")
TONIGHT = names.night_id(START)
INSTANCE = names.night_instance(TONIGHT)
LAST_NIGHT = names.night_id(START - dt.timedelta(days=1))
DOWN = RuntimeError("the host said 500")


def record(ports, night_id=TONIGHT):
    """Leave the record of a night that has ended."""
    ended = NightRecord(
        night=night_id, trigger="timer", requested_at=START, ended_at=START, words={}, services=()
    )
    ports.records().put(layout.night_key(night_id), ended.to_bytes())


def mark(ports, night_id=TONIGHT, **changes):
    """Leave the mark of a night that has begun."""
    wish = NightWish(
        night=night_id, trigger="timer", scheduled_at=START, requested_at=START, begun_at=START
    ).model_copy(update=changes)
    ports.records().put(layout.open_night_key(night_id), wish.to_bytes())


def fire(ports, client, after=dt.timedelta()):
    """Fire the timer that long after the occurrence."""
    ports.clock.advance(after.total_seconds())
    run(night.start(client, ports, NIGHTLY))


def catch_up(ports, client, after=dt.timedelta(minutes=13), plan=NIGHTLY):
    """Let the catch-up look that long after the occurrence."""
    ports.clock.advance(after.total_seconds())
    run(night.catch_up(client, ports, plan))


def started(client):
    """Return the ids of the nights that were started."""
    return [instance_id.removeprefix("night-") for _, instance_id, _ in client.started]


@pytest.fixture
def early():
    """The ports of an app whose timer fires a moment too early."""
    return FakePorts(clock=FakeClock(START - dt.timedelta(milliseconds=30)))


def test_a_firing_starts_the_night_that_is_due(ports, client):
    """With its mark in storage, and everything that it is to know in its wish."""
    fire(ports, client)

    ((function, instance_id, payload),) = client.started
    assert (function, instance_id) == ("back_up_fleet", INSTANCE)
    wish = NightWish.from_json(payload)
    assert (wish.trigger, wish.scheduled_at, wish.services, wish.starts) == ("timer", START, None, 1)
    assert open_nights(ports) == [TONIGHT]


@pytest.mark.parametrize("late", [dt.timedelta(minutes=50), dt.timedelta(hours=23)], ids=str)
def test_a_late_firing_means_the_night_that_was_due(ports, client, late):
    """Past midnight, too; the night says when it was due and when it was asked for."""
    fire(ports, client, late)

    wish = NightWish.from_json(client.started[0][2])
    assert (wish.night, wish.scheduled_at, wish.requested_at) == (TONIGHT, START, START + late)


def test_an_early_firing_means_the_night_that_is_about_to_come(early, client):
    """Clocks differ by moments."""
    fire(early, client)

    assert started(client) == [TONIGHT]


def test_a_late_firing_does_not_swallow_the_next_night(ports, client):
    """One that comes an hour before the next occurrence is still last night's."""
    fire(ports, client, dt.timedelta(hours=23))
    client.put(INSTANCE, "Completed")
    fire(ports, client, dt.timedelta(hours=1))

    assert started(client) == [TONIGHT, names.night_id(START + dt.timedelta(days=1))]


@pytest.mark.parametrize("status", ["Running", "Pending", "Completed"])
def test_a_second_firing_of_a_night_starts_nothing(ports, client, status, caplog):
    """One night is one fleet, at work or done."""
    mark(ports)
    client.put(INSTANCE, status)

    with caplog.at_level(logging.WARNING, logger="apim_dr"):
        fire(ports, client, dt.timedelta(minutes=1))

    assert client.started == []
    assert f"night.already_started night={TONIGHT} reason={status}" in caplog.text


def test_a_second_firing_finds_the_record_when_the_history_was_purged(ports, client):
    """Durable forgets; storage does not."""
    record(ports)

    fire(ports, client, dt.timedelta(hours=20))

    assert client.started == []


def test_two_firings_at_the_same_moment_are_one_night(ports, client):
    """Whoever writes the mark starts it, and the other one sees that somebody does."""
    mark(ports)

    fire(ports, client)
    records = ports.records()
    records.delete(layout.open_night_key(TONIGHT))
    plain = records.create

    def overtaken(key, content, **more):
        plain(key, content, **more)
        plain(key, content, **more)

    records.create = overtaken
    fire(ports, client)

    assert client.started == []


@pytest.mark.parametrize("status", ["Failed", "Terminated"])
def test_a_night_that_was_cut_off_can_be_fired_again(ports, client, status):
    """What ended without its record must not cost the whole night; it knows that it began before."""
    mark(ports, requested_at=START - dt.timedelta(seconds=3))
    client.put(INSTANCE, status)

    fire(ports, client, dt.timedelta(minutes=1))

    wish = NightWish.from_json(client.started[0][2])
    assert (started(client), wish.starts) == ([TONIGHT], 2)
    assert wish.requested_at == START - dt.timedelta(seconds=3)


def test_a_night_that_durable_does_not_take_is_started_by_the_catch_up(ports, client):
    """The firing fails, so that somebody sees it, and its mark stays."""
    client.on_start = DOWN
    with pytest.raises(UnavailableError, match="Durable Functions did not take it"):
        fire(ports, client)
    client.on_start = None
    catch_up(ports, client)

    assert started(client) == [TONIGHT]
    assert NightWish.from_json(client.started[0][2]).starts == 1


def test_a_missed_night_is_caught_up_once(ports, client, caplog):
    """Last night has its record, tonight was never heard of: it is started, and then found."""
    record(ports, LAST_NIGHT)

    with caplog.at_level(logging.WARNING, logger="apim_dr"):
        catch_up(ports, client, dt.timedelta(hours=5))
        catch_up(ports, client)

    wish = NightWish.from_json(client.started[0][2])
    assert started(client) == [TONIGHT]
    assert (wish.scheduled_at, wish.requested_at, wish.caught_up) == (
        START,
        START + dt.timedelta(hours=5),
        True,
    )
    assert caplog.text.count("night.caught_up") == 1


def test_a_night_that_is_under_way_without_a_record_shows_that_the_app_was_at_work(ports, client):
    """Last night takes longer than a day: tonight was missed all the same."""
    mark(ports, LAST_NIGHT, scheduled_at=START - dt.timedelta(days=1))
    client.put(names.night_instance(LAST_NIGHT), "Running")

    catch_up(ports, client)

    assert started(client) == [TONIGHT]


@pytest.mark.parametrize("hours", [3, 27])
def test_a_fresh_deployment_does_not_back_up_at_once(ports, client, hours):
    """No earlier night of the timer: what somebody asked for by hand is none."""
    record(ports, names.night_id(START - dt.timedelta(hours=hours), because="a call"))

    catch_up(ports, client, dt.timedelta(hours=5))

    assert client.started == []


@pytest.mark.parametrize("standing", ["recorded", "running", "about to begin"])
def test_a_night_that_took_place_is_not_caught_up(ports, client, standing):
    """It ended, it is at work, or it is being started at this moment."""
    record(ports, LAST_NIGHT)
    if standing == "recorded":
        record(ports)
    else:
        mark(ports, begun_at=START + dt.timedelta(minutes=12))
    if standing == "running":
        client.put(INSTANCE, "Running")

    catch_up(ports, client)

    assert client.started == []


def test_an_occurrence_is_left_to_the_timer_for_some_minutes(ports, client):
    """Nobody catches up what is just being fired."""
    record(ports, LAST_NIGHT)

    catch_up(ports, client, dt.timedelta(minutes=3))

    assert client.started == []


def test_a_schedule_that_was_changed_causes_no_night(ports, client):
    """The new one's last occurrence lies before the night that the old one had."""
    record(ports)

    catch_up(ports, client, dt.timedelta(hours=10), schedule.parse("0 0 1 * * *"))
    catch_up(ports, client, dt.timedelta(), schedule.parse("0 0 11 * * *"))

    assert client.started == []


@pytest.mark.parametrize("status", ["Failed", "Terminated"])
def test_a_night_that_was_cut_off_is_started_again_once(ports, client, status, caplog):
    """Not for ever: what fails twice needs a hand."""
    mark(ports)
    client.put(INSTANCE, status)

    with caplog.at_level(logging.WARNING, logger="apim_dr"):
        for _ in range(4):
            catch_up(ports, client)
            client.put(INSTANCE, status)

    assert started(client) == [TONIGHT]
    assert NightWish.from_json(client.started[0][2]).starts == 2
    assert caplog.text.count("night.caught_up") == 1


def test_a_night_that_was_cut_off_gives_way_to_a_newer_one(ports, client):
    """Two rounds over the same services would help nobody."""
    mark(ports, LAST_NIGHT, scheduled_at=START - dt.timedelta(days=1))
    client.put(names.night_instance(LAST_NIGHT), "Failed")
    mark(ports)
    client.put(INSTANCE, "Running")

    catch_up(ports, client)

    assert client.started == []


@pytest.mark.parametrize(("hours", "count"), [(1, 1), (25, 0)])
def test_a_night_that_somebody_asked_for_is_started_again_within_a_day(ports, client, hours, count):
    """Later nobody waits for it any more."""
    asked = names.night_id(START, because="a call")
    mark(ports, asked, trigger="http", scheduled_at=None, services=("contoso",))
    client.put(names.night_instance(asked), "Failed")
    record(ports)
    record(ports, names.night_id(START + dt.timedelta(days=1)))

    catch_up(ports, client, dt.timedelta(hours=hours))

    assert [NightWish.from_json(payload).services for _, _, payload in client.started] == [
        ("contoso",)
    ] * count


def test_a_mark_that_was_left_behind_is_cleared_away(ports, client):
    """A crash between the record and the end of the mark leaves no night that looks open."""
    mark(ports)
    record(ports)

    catch_up(ports, client)

    assert open_nights(ports) == []
    assert client.started == []


def test_one_mark_that_cannot_be_read_does_not_hide_the_others(ports, client, caplog):
    """It is named in the log."""
    ports.records().put(layout.open_night_key(LAST_NIGHT), b"{")
    mark(ports)
    client.put(INSTANCE, "Failed")

    catch_up(ports, client)

    assert started(client) == [TONIGHT]
    assert f"open-nights/{LAST_NIGHT}.json" in caplog.text


def test_a_start_whose_answer_was_lost_is_a_start(ports, client):
    """Durable took it: the firing does not fail, and nothing is started twice."""

    class Lossy(type(client)):
        async def start_new(self, *arguments, **more):
            await super().start_new(*arguments, **more)
            raise ConnectionResetError("the answer was lost")

    lossy = Lossy()
    fire(ports, lossy)
    fire(ports, lossy)

    assert started(lossy) == [TONIGHT]
    assert json.loads(lossy.instances[INSTANCE].input_)["night"] == TONIGHT
