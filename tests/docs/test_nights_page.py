"""docs/nights.md says what the code does: its record, its numbers, its fields."""

import json
import re

import docpages

from backup_timer import night
from shared.core import fleet, nights, schedule
from shared.core.intervals import Intervals
from shared.core.reports import NightRecord, ServiceNight

PAGE = docpages.text("docs/nights.md")
WAIT = Intervals()


def test_the_record_in_the_page_can_be_read():
    """The example is of the form that the app writes and reads."""
    shown = docpages.fenced(docpages.section(PAGE, "The record"), "json")[0]

    record = NightRecord.from_json(json.loads(shown))

    assert json.loads(record.to_bytes()) == json.loads(shown)


def test_every_field_of_a_record_is_in_the_page():
    """In the example, and those that need a word in the table."""
    section = docpages.section(PAGE, "The record")
    fields = [*NightRecord.model_fields.values(), *ServiceNight.model_fields.values()]

    assert [field.alias for field in fields if f'"{field.alias}"' not in section] == []
    for name in ("caughtUp", "starts", "words", "rpoMissed", "newestPoint", "recoveryPointAgeS", "rpoKept"):
        assert re.search(rf"`(services\[\]\.)?{name}`", section), name


def test_the_numbers_in_the_page_are_those_of_the_code():
    """Waiting times, and how often what is tried."""
    going = docpages.section(PAGE, "How it goes")

    for text, value in (
        ("looks at them every 30 s", WAIT.follow_s == 30),
        ("for 30 minutes. One that takes longer", WAIT.slot_s == 1800),
        ("after 30 s, doubling to 10 minutes, for at most 4 hours", WAIT.follow_s == 30),
        ("doubling to 10 minutes", WAIT.busy_max_s == 600),
        ("for at most 4 hours", WAIT.busy_patience_s == 4 * 3600),
        ("twice at most, 30 minutes after", fleet.RETRIES_MAX == 2 and WAIT.retry_failed_s == 1800),
        ("given up after 15 minutes", WAIT.lost_patience_s == 900),
        ("every 20 looks or 100 starts", fleet.LOOKS_PER_GENERATION == 20),
        ("or 100 starts", fleet.STARTS_PER_GENERATION == 100),
    ):
        assert (text, text in going, value) == (text, True, True)


def test_what_the_page_says_of_the_catch_up_is_so():
    """Its timer, its grace, how often a night is started again, and how early a firing may be."""
    index = json.loads(docpages.text("tests/functions/expected_index.json"))
    timer = next(one for one in index["catch_up_night"] if one["type"] == "timerTrigger")
    missed = docpages.section(PAGE, "A missed night")

    assert timer["schedule"] == "0 3-53/10 * * * *"
    assert "every ten minutes, at three minutes past" in missed
    assert (night.GRACE.total_seconds(), "more than five minutes old" in missed) == (300, True)
    assert (nights.STARTS_MAX, bool(re.search("starts it again, once.", missed))) == (2, True)
    assert (night.WORTHWHILE.days, "within a day" in missed) == (1, True)
    assert (schedule.EARLY.total_seconds(), "half a minute of being early" in PAGE) == (30, True)


def test_the_fault_of_a_schedule_is_the_one_in_the_page():
    """docs/settings.md shows what a broken schedule is answered with, word for word."""
    from shared import settings
    from shared.core.errors import ConfigError

    section = docpages.section(docpages.text("docs/settings.md"), "`BACKUP_SCHEDULE`")
    try:
        settings.read_schedule({"BACKUP_SCHEDULE": "61 0 25 * * *"})
    except ConfigError as err:
        said = str(err)

    assert said == docpages.fenced(section, "text")[0]
