"""Reports as they are stored: the published schema, and what older releases wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from shared.core.reports import RestoreReport, restore_report_schema
from tests.core.test_evidence_text import report

PUBLISHED = Path(__file__).parents[2] / "docs" / "restore-report.schema.json"


def _accepts(stored: dict[str, Any]) -> bool:
    return bool(jsonschema.Draft202012Validator(restore_report_schema()).is_valid(stored))


def test_the_published_schema_of_a_report_is_the_generated_one() -> None:
    """docs/restore-report.schema.json is what the model says."""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == restore_report_schema()


def test_a_report_fits_its_schema() -> None:
    """As it is written, with everything and with what may be null."""
    jsonschema.Draft202012Validator.check_schema(restore_report_schema())

    assert _accepts(json.loads(report().to_bytes()))
    assert _accepts(json.loads(report(settings=None, gateway=None, rto_s=None, fault=None).to_bytes()))
    assert not _accepts({**json.loads(report().to_bytes()), "kind": "backup"})


def test_a_report_survives_its_bytes() -> None:
    """It is read for years, also without this app."""
    assert RestoreReport.from_bytes(report().to_bytes()) == report()


def test_a_report_of_an_older_release_is_still_read() -> None:
    """It knew no kinds of differences, and nothing of settings, gateway and fix-ups."""
    known = ("v", "runId", "service", "target", "point", "requestedAt", "verifiedAt", "recoveryPointAgeS")
    known += ("restoreDurationS", "entities", "counts", "differencesTotal")
    stored = {key: value for key, value in report().to_json().items() if key in known}
    stored["differences"] = [{"entity": "/apis/orders", "what": "missing"}]

    read = RestoreReport.from_json(stored)

    assert (read.differences[0].kind, read.settings, read.outcome) == (None, None, None)
