"""docs/changes.md shows what the code reads and writes."""

import json

import docpages

from shared import settings
from shared.core import change_events
from shared.core.changes import Changes
from shared.core.plan import AfterChanges

PAGE = docpages.text("docs/changes.md")


def test_the_rule_in_the_page_is_the_usual_one():
    """What is shown can be copied into a plan."""
    shown = json.loads("{" + docpages.fenced(PAGE, "json")[0] + "}")

    assert AfterChanges.model_validate(shown["afterChanges"]) == AfterChanges()


def test_the_record_in_the_page_is_one():
    """Every field of the record is shown, and none that it does not have."""
    shown = json.loads(docpages.fenced(PAGE, "json")[1])

    assert list(Changes.from_json(shown).to_json()) == list(shown)


def test_the_event_subscription_in_the_page_brings_what_is_read():
    """Its types are those that count, and its queue is the one that is read."""
    (command,) = docpages.fenced(PAGE, "bash")
    words = command.replace("\\\n", " ").split()

    types = {word.lower() for word in words if word.startswith("Microsoft.Resources.")}
    assert types == change_events.ARM
    assert any(word.endswith(f'/queues/{settings.CHANGES_QUEUE}"') for word in words)
    assert f"`{settings.CHANGES_QUEUE}`" in docpages.text("docs/settings.md")
