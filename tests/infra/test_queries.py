"""Alerts and workbook ask for what the app logs, cut it out of its lines, and lead to a page that helps."""

import ast
import datetime as dt
import json
import logging
import re

import pytest
import queries
from queries import Query

from shared import telemetry
from shared.core.errors import ConfigError
from shared.core.names import backup_name
from shared.core.runs import Outcome

ROOT = queries.ROOT
ALERTS = {query.name: query for query in queries.alerts()}
EVERY = [*ALERTS.values(), *queries.workbook()]
BICEP = (ROOT / "infra/app/alerts.bicep").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
RULES = re.findall(r"^  \{\n(    name: .*?)^  \}\n", BICEP, re.M | re.S)
FREE_TEXTS = {"message", "reason"}
VALUES = ["contoso", "with spaces", "2 of 3", "a=b", "kv:x"]


def logged():
    """Return each event's level and fields, from the table that tells operators of them."""
    page = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \| .* \|([^|]*)\|$", page, re.M)
    known = {event.value for event in telemetry.Event}
    return {
        name: (level, set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", fields))))
        for name, level, fields in rows
        if name in known
    }


LOGGED = logged()
FIELDS_OF = {name: fields for name, (_, fields) in LOGGED.items()}


def said(rule, key):
    """Return one value of a rule in alerts.bicep, without its quotes."""
    (value,) = re.findall(rf"^    {key}: (.*)$", rule, re.M)
    return value.strip("'")


def line_of(caplog, event, **fields):
    """Return the line that the app logs."""
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="apim_dr"):
        telemetry.log(event, **fields)
    return caplog.records[-1].getMessage()


def log_calls():
    """Yield the calls of telemetry.log in the app: where, which event ("" if a variable says), its fields."""
    apart = {"tests", "build", "devhost", "simulator", "demo", "bench", "tools", "deploy", "node_modules"}
    for path in sorted(ROOT.glob("*/**/*.py")):
        top = path.relative_to(ROOT).parts[0]
        if top in apart or top.startswith("."):
            continue
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "telemetry.log":
                member = ast.unparse(call.args[0]).removeprefix("telemetry.Event.")
                event = telemetry.Event.__members__.get(member, "")
                yield f"{path.name}:{call.lineno}", str(event), [word.arg for word in call.keywords]


def test_every_event_has_a_row_that_says_its_level_and_fields():
    """What the other tests go by is complete."""
    assert LOGGED.keys() == {event.value for event in telemetry.Event}
    assert set().union(*FIELDS_OF.values()) <= telemetry.FIELDS


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.name)
def test_a_query_names_only_events_and_fields_that_are_logged(query):
    """A misspelt name would be an alert that never fires."""
    assert queries.faults(query, FIELDS_OF) == []


def test_an_event_and_a_field_that_nobody_logs_are_found():
    """The check finds what it is there for."""
    query = ALERTS["run-failed"].text
    misspelt = Query(name="q", text=query.replace("'run.given_up'", "'run.givenup'"))
    misnamed = Query(name="q", text=query.replace("@' service=", "@' servise="))
    elsewhere = Query(name="q", text=ALERTS["replication-failed"].text.replace("@' service=", "@' tries="))

    assert queries.faults(misspelt, FIELDS_OF) == ["q: there is no event run.givenup"]
    assert queries.faults(misnamed, FIELDS_OF) == ["q: no event of it has a field servise"]
    assert queries.faults(elsewhere, FIELDS_OF) == ["q: no event of it has a field tries"]


@pytest.mark.parametrize("query", EVERY, ids=lambda query: query.name)
def test_a_query_reads_only_tables_that_functions_fill(query):
    """The classic names (traces, exceptions) mean nothing to a workspace."""
    assert query.tables <= {"AppTraces", "AppExceptions"}
    assert query.tables


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("field", sorted({field for query in EVERY for field in query.fields}))
def test_a_field_is_cut_out_of_a_line_as_it_was_logged(caplog, field, value):
    """Wherever it stands in the line, with spaces and without."""
    patterns = {pattern for query in EVERY for pattern in query.patterns if pattern.startswith(f" {field}=")}
    around = {"event_id": "before", field: value, "message": f'said "no", {field}=other'}
    line = line_of(caplog, telemetry.Event.RUN_ENDED, **around)

    assert {queries.cut(pattern, line) for pattern in patterns} == {value}


@pytest.mark.parametrize("event", telemetry.Event)
def test_the_name_of_an_event_is_cut_out_of_its_line(caplog, event):
    """With fields, without any, and whatever the text says."""
    patterns = {pattern for query in EVERY for pattern in query.patterns if pattern.startswith("^")}
    lines = [line_of(caplog, event), line_of(caplog, event, reason="run.ended it was")]

    assert {queries.cut(pattern, line) for pattern in patterns for line in lines} == {event.value}


def test_lines_begin_as_the_queries_say(caplog):
    """`startswith_cs` has the blank after the name, so that no other event begins like it."""
    begins = {found for query in EVERY for found in re.findall(r"startswith_cs '([^']*)'", query.code)}
    lines = [line_of(caplog, event, service="contoso") for event in telemetry.Event]

    assert begins
    assert all(sum(line.startswith(begin) for line in lines) == 1 for begin in begins)


def test_fields_that_queries_cut_out_stand_before_free_texts():
    """A text may hold anything, also ` service=other`; the first match must be the field itself."""
    for where, event, names in log_calls():
        asking = [query for query in EVERY if not event or event in query.events]
        cut_out = {field for query in asking for field in query.fields}
        texts = [place for place, name in enumerate(names) if name in FREE_TEXTS]
        late = [name for name in names[min(texts, default=len(names)) :] if name in cut_out]
        assert late == [], where


def test_words_that_queries_compare_are_the_words_of_the_code():
    """Outcomes, triggers, the name of an exception."""
    assert Outcome.SUCCEEDED.value == "Succeeded"
    assert f"has '{ConfigError.__name__}'" in ALERTS["configuration-invalid"].code
    assert "'timer'" in ALERTS["night-missing"].code
    words = set(re.findall(r"outcome != '(\w+)'", "".join(query.code for query in EVERY)))
    assert words == {"Succeeded", "Exported"}


def test_the_stamp_of_a_restore_point_is_found_in_its_name():
    """The workbook takes from it when the backup was started."""
    name = backup_name("contoso-2", dt.datetime(2026, 11, 23, 2, 0, 5, tzinfo=dt.UTC))
    code = next(query.code for query in EVERY if query.name == "workbook: replicas")
    (pattern,) = re.findall(r"extract\(@'([^']*)', 1, point\)", code)

    assert queries.cut(pattern, name) == "20261123T020005Z"


@pytest.mark.parametrize("name", sorted(name for name, (level, _) in LOGGED.items() if "error" in level))
def test_every_error_has_an_alert(name):
    """What the app itself calls an error is somebody's business."""
    assert any(name in query.events for query in ALERTS.values())


@pytest.mark.parametrize("name", sorted(name for name, (level, _) in LOGGED.items() if "warning" in level))
def test_every_warning_has_an_alert_or_a_reason_why_not(name):
    """A warning without an alert is one that somebody has thought about."""
    reasons = PAGE.partition("## What is not alerted")[2]

    assert any(name in query.events for query in ALERTS.values()) or f"`{name}`" in reasons


def test_every_query_belongs_to_one_rule():
    """A file that no rule loads is an alert that is not there."""
    used = re.findall(r"loadTextContent\('queries/([a-z-]+)\.kql'\)", BICEP)

    assert sorted(used) == sorted(ALERTS)
    assert [said(rule, "name") for rule in RULES] == used


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: said(rule, "name"))
def test_a_rule_leads_to_its_section_and_stands_in_the_table(rule):
    """Who reads the mail finds out what to do."""
    name, severity = said(rule, "name"), said(rule, "severity")
    (anchor,) = re.findall(r"docs/monitoring\.md#([a-z-]+)", rule)
    (row,) = re.findall(rf"^\| `{name}` \| {severity} \|.*$", PAGE, re.M)
    headings = re.findall(r"^### (.*)\n\n`([a-z-]+)`", PAGE, re.M)

    assert (said(rule, "lasts") == "true") == row.endswith("| lasts |")
    assert (anchor, name) in {(title.lower().replace(" ", "-"), rule) for title, rule in headings}
    assert anchor == said(rule, "title").lower().replace(" ", "-")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: said(rule, "name"))
def test_a_rule_is_split_by_columns_that_its_query_gives(rule):
    """Azure refuses or ignores a dimension that is no column."""
    columns = re.findall(r"'(\w+)'", said(rule, "splitBy") + "'")

    assert set(columns) <= ALERTS[said(rule, "name")].columns


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: said(rule, "name"))
def test_a_rule_that_tells_each_event_once_takes_what_came_in_since_its_last_look(rule):
    """By when a line came in, not by when it was logged: one that is late counts too."""
    query = ALERTS[said(rule, "name")].code
    if said(rule, "lasts") == "false":
        minutes = said(rule, "frequency").removeprefix("PT").lower()
        assert query.startswith(f"AppTraces\n| where ingestion_time() > ago({minutes})\n")
        assert said(rule, "lookBack") == "PT1H"
    else:
        assert "ingestion_time" not in query


def test_places_that_the_template_fills_are_filled():
    """A placeholder that is left over would be a service of that name."""
    left = {place for query in ALERTS.values() for place in re.findall(r"__[A-Z]+__", query.text)}
    filled = set(re.findall(r"'(?:\[\")?(__[A-Z]+__)(?:\"\])?'", BICEP))

    assert left == filled == {"__EXPECTED__", "__HOURS__"}


def test_the_silent_alerts_begin_with_what_is_expected_and_not_with_the_log():
    """A query that begins with a table has no rows where nothing is logged, and does not fire."""
    for name in ("restore-point-missing", "replica-missing", "night-missing"):
        statements = [part.strip() for part in ALERTS[name].code.split(";")]
        assert statements[-1].startswith("print ")
        assert "isnull(newest)" in statements[-1]


def test_the_workbook_is_a_workbook():
    """Names are unique, every query has its workspace, and only known places are left open."""
    content = (ROOT / "infra/app/workbook.json").read_text(encoding="utf-8")
    book = json.loads(content)
    names = [item["name"] for item in book["items"]]

    assert book["version"] == "Notebook/1.0"
    assert len(names) == len(set(names))
    assert set(re.findall(r"__[A-Z]+__", content)) == {"__WORKSPACE__", "__SUBSCRIPTION__"}
    assert all(item["content"].get("crossComponentResources") for item in book["items"] if item["type"] == 3)
