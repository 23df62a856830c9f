"""docs/settings.md names what shared/settings.py reads, and nothing else."""

import ast
import json

import docpages

from shared import settings

READ_HERE = docpages.section(docpages.text("docs/settings.md"), "Read by the app")


def names_read():
    """Return the names of the environment that shared/settings.py reads, as its code says."""
    tree = ast.parse(docpages.text("shared/settings.py"))
    found = {settings.QUEUE_CONNECTION}
    for call in ast.walk(tree):
        is_get = (
            isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "get"
        )
        if not is_get or getattr(call.func.value, "id", "") != "environment":
            continue
        name = call.args[0]
        if isinstance(name, ast.Constant):
            found.add(name.value)
        elif isinstance(name, ast.Name):
            found.add(getattr(settings, name.id))
        else:
            found.add("Settings that the plan names")  # its name stands in the plan, not in the code
    return found


def test_every_setting_has_a_heading_and_every_heading_a_setting():
    """Settings and headings are the same set."""
    documented = {title.strip("`") for title in docpages.headings(READ_HERE, 3)}

    assert names_read() == documented


def test_defaults_are_the_ones_of_the_code():
    """The schedule's default, the queue's name and the limit of the speed stand in the page."""
    assert f"Default `{settings.BACKUP_SCHEDULE_DEFAULT}`" in READ_HERE
    assert f"Default `{settings.USAGE_SCHEDULE_DEFAULT}`" in READ_HERE
    assert f"Default `{settings.DRILL_SCHEDULE_DEFAULT}`" in READ_HERE
    assert f"`{settings.QUEUE}`" in READ_HERE
    assert f"From 1 to {settings.SPEED_MAX:.0f}." in READ_HERE


def test_every_value_of_host_json_has_its_reason():
    """Each setting of host.json stands in the table of reasons."""
    page = docpages.section(docpages.text("docs/settings.md"), "host.json")
    host = json.loads(docpages.text("host.json"))
    durable = host["extensions"]["durableTask"]
    names = [
        *(name for name in host if name not in {"version", "extensions", "logging"}),
        *host["logging"],
        *durable,
        *durable["storageProvider"],
        *(f"queues.{name}" for name in host["extensions"]["queues"]),
        *(f"http.{name}" for name in host["extensions"]["http"]),
    ]
    covered = {"applicationInsights": "samplingSettings", "type": "AzureStorage"}
    missing = [name for name in names if covered.get(name, name) not in page]

    assert missing == []
