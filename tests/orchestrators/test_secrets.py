"""With access by key: the key reaches Azure Resource Manager, and is stored nowhere."""

from __future__ import annotations

import base64

import pytest

from shared.core.runs import Outcome
from tests.fakes.clock import START

KEY = base64.b64encode(b"a made-up key that nobody may find again").decode()
ACCESS = {"type": "AccessKey", "keySetting": "BACKUP_KEY"}


@pytest.fixture(autouse=True)
def key_setting(monkeypatch):
    """The app setting that holds the key."""
    monkeypatch.setenv("BACKUP_KEY", KEY)


def test_a_backup_stores_no_key(make_stage, caplog):
    """The key is in the POST, and in no history, payload, record or log line."""
    caplog.set_level("DEBUG")
    stage = make_stage(access=ACCESS)

    run = stage.back_up()

    assert run.outcome == Outcome.SUCCEEDED
    assert [post.access_key for post in stage.ports.arm.posts] == [KEY]
    stored = stage.stored_state()
    assert "BACKUP_KEY" in stored  # what names the key is there, so the search looks in the right place
    assert KEY not in stored
    assert KEY not in stage.ports.storage.everything_written()
    assert KEY not in caplog.text


def test_a_restore_stores_no_key(make_stage, caplog):
    """The key is in the POST of a restore, and in no history, payload, record or log line."""
    caplog.set_level("DEBUG")
    stage = make_stage(region="northeurope", access=ACCESS)

    run = stage.restore(stage.put_point(START))

    assert run.outcome == Outcome.SUCCEEDED
    assert [post.access_key for post in stage.ports.arm.posts] == [KEY]
    assert KEY not in stage.stored_state()
    assert KEY not in stage.ports.storage.everything_written()
    assert KEY not in caplog.text


def test_a_missing_key_is_refused_and_named(make_stage, monkeypatch):
    """Without the setting nothing is sent, and the fault names the setting, not a key."""
    monkeypatch.delenv("BACKUP_KEY")
    stage = make_stage(access=ACCESS)

    run = stage.back_up()

    assert (run.outcome, run.fault.code) == (Outcome.REFUSED, "Refused")
    assert "BACKUP_KEY" in run.fault.message
    assert stage.ports.arm.posts == []
