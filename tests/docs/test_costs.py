"""docs/costs.md: its arithmetic gives its sums, and what it takes from the templates is in them."""

from __future__ import annotations

import json
import re

import costs_page
import docpages
import pytest

CONTENT = docpages.text("docs/costs.md")
PAGE = costs_page.Page(CONTENT)
MONTHS = {services: PAGE.month(services) for services in costs_page.SIZES}


def cells(section: str) -> dict[str, list[float]]:
    """Return the rows of the tables of sums, by the name in back-ticks that begins each."""
    rows = re.findall(r"^\| \*{0,2}`(\w+)`[^|]*\|(.*)\|$", docpages.section(CONTENT, section), re.M)
    return {name: [costs_page.number(cell) for cell in rest.split("|")] for name, rest in rows}


def test_every_cell_by_the_month_is_what_the_arithmetic_gives() -> None:
    """Dollars to the cent, quantities to the unit."""
    shown = cells("By the month")
    wrong = [
        f"{name} of {services} services: {cell} is shown, {MONTHS[services][name]} is computed"
        for name, row in shown.items()
        for services, cell in zip(costs_page.SIZES, row, strict=True)
        if abs(cell - MONTHS[services][name]) > (0.5 if cell == int(cell) and cell > 10_000 else 0.00501)
    ]

    assert {"total", "total2"} <= shown.keys()
    assert wrong == []


def test_every_sum_of_the_arithmetic_is_in_the_table() -> None:
    """Nothing is added that a reader cannot see."""
    assert [name for name, _ in PAGE.formulas if name not in cells("By the month")] == []


def test_the_totals_at_the_top_are_those_of_the_arithmetic() -> None:
    """What is read first is what is computed last."""
    top = CONTENT[: CONTENT.index("## Prices")]
    rows = {name: rest for name, rest in re.findall(r"^\| (one region|two regions)[^|]*\|(.*)\|$", top, re.M)}

    for title, name in (("one region", "total"), ("two regions", "total2")):
        shown = [costs_page.number(cell) for cell in rows[title].split("|")]
        assert shown == [round(MONTHS[services][name], 2) for services in costs_page.SIZES]


def test_the_column_of_a_hundred_follows_from_the_other_two() -> None:
    """Ten services and ninety ninths of what nine more make."""
    assert PAGE.counts
    assert {
        name: (one, ten, hundred)
        for name, (one, ten, hundred) in PAGE.counts.items()
        if hundred != ten + 10 * (ten - one)
    } == {}


@pytest.mark.parametrize(
    "name", ["pExecutions", "pGBs", "pWrites", "pReads", "pQueue", "pStored", "pLogs", "pRule"]
)
def test_every_price_counts(name: str) -> None:
    """Another price is another total: none is shown for decoration."""
    dearer = costs_page.Page(CONTENT)
    dearer.constants[name] *= 1000

    assert dearer.month(100)["total2"] > MONTHS[100]["total2"]


def test_a_wrong_cell_would_be_found() -> None:
    """A cent more in one cell is a difference that the first test sees."""
    assert abs(cells("By the month")["total"][0] + 0.01 - MONTHS[1]["total"]) > 0.00501


def test_the_counts_of_alert_rules_and_days_are_those_of_the_templates() -> None:
    """Rules, days of versions and of soft delete, memory of an instance, private endpoints."""
    alerts = docpages.text("infra/app/alerts.bicep")
    foundation = docpages.text("infra/foundation.bicep")
    days = {
        name: int(re.search(rf"param {name} int = (\d+)", foundation)[1])
        for name in ("softDeleteDays", "versionDays")
    }
    memory = int(re.search(r"param instanceMemoryMB int = (\d+)", docpages.text("infra/main.bicep"))[1])

    assert len(re.findall(r"^    query: ", alerts, re.M)) == 12
    assert PAGE.constants["rules"] == 12 - 1
    assert PAGE.constants["daysStored"] == days["versionDays"] + days["softDeleteDays"]
    assert PAGE.constants["memoryGB"] == memory / 1024


def test_the_polls_of_an_idle_app_are_those_of_host_json() -> None:
    """Durable's queues every maxQueuePollingInterval, the app's own every minute; partitions in a table."""
    host = json.loads(docpages.text("host.json"))
    storage = host["extensions"]["durableTask"]["storageProvider"]
    index = json.loads(docpages.text("tests/functions/expected_index.json"))
    own = [
        one["queueName"] for bindings in index.values() for one in bindings if one["type"] == "queueTrigger"
    ]
    minutes = 30 * 24 * 60

    assert storage["maxQueuePollingInterval"] == "00:00:10"
    assert "partitionCount" not in storage
    assert storage["useTablePartitionManagement"] is True
    assert "maxPollingInterval" not in host["extensions"]["queues"]
    assert [name for name in own if f"`{name}`" not in CONTENT] == []
    assert PAGE.constants["idleQueueCalls"] == (5 * 12 + len(own) * 7) * minutes
    assert PAGE.constants["idleTableCalls"] == 6 * (1 + 4) * minutes
    assert PAGE.constants["idleBlobCalls"] == 20 * minutes
