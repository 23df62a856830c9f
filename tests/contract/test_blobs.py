"""What every Blobs and every Runs does, over memory like over Azurite."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from shared.adapters.runs import RunStore
from shared.core import layout
from shared.core.errors import ConflictError, NotFoundError
from shared.core.runs import RunPhase, RunRecord, advance
from shared.core.services import ServiceRef
from tests.fakes.clock import START
from tests.fakes.ports import resource_id


def test_what_was_written_is_read(blobs):
    """The bytes come back, with an ETag."""
    blobs.create("a", b"one")

    content, etag = blobs.read("a")
    assert (content, bool(etag)) == (b"one", True)


def test_create_is_create_only(blobs):
    """A blob that exists is a conflict, and stays as it was."""
    blobs.create("a", b"one")

    with pytest.raises(ConflictError):
        blobs.create("a", b"two")
    assert blobs.read("a")[0] == b"one"


def test_put_overwrites(blobs):
    """Written whether it exists or not."""
    for content in (b"one", b"two"):
        blobs.put("a", content)

    assert blobs.read("a")[0] == b"two"


def test_replace_with_the_etag_that_was_read(blobs):
    """The new ETag is that of the new content."""
    blobs.create("a", b"one")
    etag = blobs.replace("a", b"two", blobs.read("a")[1])

    assert blobs.read("a") == (b"two", etag)


def test_replace_with_a_stale_etag_is_a_conflict(blobs):
    """Somebody else wrote meanwhile: nothing is overwritten."""
    blobs.create("a", b"one")
    stale = blobs.read("a")[1]
    blobs.put("a", b"two")

    with pytest.raises(ConflictError):
        blobs.replace("a", b"three", stale)
    assert blobs.read("a")[0] == b"two"


def test_replace_of_nothing_is_a_conflict(blobs):
    """A blob that was deleted meanwhile is not made again."""
    with pytest.raises(ConflictError):
        blobs.replace("a", b"one", '"0x1"')


@pytest.mark.parametrize("method", ["read", "measure"])
def test_a_blob_that_is_not_there_is_not_found(blobs, method):
    """NotFoundError, not an empty answer."""
    with pytest.raises(NotFoundError):
        getattr(blobs, method)("nothing")


def test_whether_a_blob_is_there_is_an_answer(blobs):
    """No error for a blob that is not there."""
    blobs.put("a", b"")

    assert (blobs.exists("a"), blobs.exists("b")) == (True, False)


def test_a_blob_is_measured(blobs):
    """Size, SHA-256 in hex, and an ETag without quotation marks."""
    blobs.put("a", b"content")

    facts = blobs.measure("a")
    assert (facts.size_bytes, facts.sha256) == (7, hashlib.sha256(b"content").hexdigest())
    assert facts.etag in blobs.read("a")[1]
    assert '"' not in facts.etag


def test_a_look_shows_what_measuring_would(blobs):
    """Size and ETag, without the content; None for a blob that is not there."""
    blobs.put("a", b"content")

    seen, facts = blobs.look("a"), blobs.measure("a")
    assert (seen.size_bytes, seen.etag) == (facts.size_bytes, facts.etag)
    assert seen.modified_at.utcoffset() == dt.timedelta(0)
    assert blobs.look("b") is None


def test_a_deleted_blob_is_gone(blobs):
    """The second deletion finds nothing, which is no error."""
    blobs.put("a", b"one")

    assert (blobs.delete("a"), blobs.delete("a")) == (True, False)
    assert not blobs.exists("a")


@pytest.mark.parametrize("etag_of", [lambda blobs: blobs.look("a").etag, lambda blobs: blobs.read("a")[1]])
def test_a_blob_is_deleted_by_its_etag(blobs, etag_of):
    """With the ETag as a look shows it, or as reading gives it."""
    blobs.put("a", b"one")

    assert blobs.delete("a", etag=etag_of(blobs))
    assert not blobs.delete("a", etag='"0x1"')


def test_a_blob_with_another_etag_is_not_deleted(blobs):
    """The same content written anew is another blob: a conflict, and it stays."""
    blobs.put("a", b"one")
    stale = blobs.look("a").etag
    blobs.put("a", b"one")

    with pytest.raises(ConflictError):
        blobs.delete("a", etag=stale)
    assert blobs.exists("a")


def test_names_are_listed_in_order(blobs):
    """By prefix, in the order of the names."""
    for key in ("p/b", "q/a", "p/a", "p/c/d"):
        blobs.put(key, b"")

    assert list(blobs.keys("p/")) == ["p/a", "p/b", "p/c/d"]


def test_a_container_that_is_there(blobs):
    """There, and empty."""
    assert blobs.container_exists()
    assert list(blobs.keys("")) == []


def test_a_container_that_is_missing(missing_blobs):
    """Not there; its blobs are neither; writing says so."""
    assert not missing_blobs.container_exists()
    assert not missing_blobs.exists("a")
    assert missing_blobs.look("a") is None
    assert not missing_blobs.delete("a")
    for call in (
        lambda: missing_blobs.read("a"),
        lambda: missing_blobs.put("a", b""),
        lambda: list(missing_blobs.keys("")),
    ):
        with pytest.raises(NotFoundError):
            call()


def run_of(second: int) -> RunRecord:
    """Return a run as it is first written."""
    return RunRecord(
        run_id=f"20261123T0200{second:02d}Z-backup-contoso",
        kind="backup",
        service="contoso",
        subject=ServiceRef(resource_id=resource_id("contoso-weu"), region="westeurope"),
        instance_id="svc-1",
        trigger="timer",
        requested_at=START,
        phase_at=START,
    )


def test_a_run_is_created_once(blobs):
    """The second creation says so, and changes nothing."""
    runs = RunStore(blobs)
    again = run_of(1).model_copy(update={"service": "other"})

    etag = runs.create(run_of(1))

    assert runs.create(again) is None
    assert runs.read(run_of(1).run_id) == (run_of(1), etag)


def test_an_unknown_run_is_not_found(blobs):
    """With a code of its own."""
    with pytest.raises(NotFoundError) as caught:
        RunStore(blobs).read("20261123T020000Z-backup-nobody")

    assert caught.value.code == "RunNotFound"


def test_a_stale_run_is_a_conflict(blobs):
    """Of two writers who read the same run, the second is told."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    run, etag = runs.read(run_of(1).run_id)
    runs.replace(advance(run, RunPhase.SUBMITTING, START), etag)

    with pytest.raises(ConflictError):
        runs.replace(advance(run, RunPhase.ENDED, START), etag)


def test_runs_are_listed_newest_first(blobs):
    """As many as asked for, by their names, which begin with the time."""
    runs = RunStore(blobs)
    for second in (2, 3, 1):
        runs.create(run_of(second))

    assert [run.run_id for run in runs.newest(2, START)] == [run_of(3).run_id, run_of(2).run_id]


def test_a_run_is_open_until_it_is_closed(blobs):
    """Its mark is there with its record, and goes without it."""
    runs = RunStore(blobs)
    for second in (2, 1):
        runs.create(run_of(second))
    assert runs.open_ids() == [run_of(1).run_id, run_of(2).run_id]

    for _ in range(2):
        runs.close(run_of(1).run_id)

    assert runs.open_ids() == [run_of(2).run_id]
    assert runs.read(run_of(1).run_id)[0] == run_of(1)


def test_a_run_that_was_closed_is_not_opened_by_its_wish(blobs):
    """The same wish again writes nothing, and marks nothing."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    runs.close(run_of(1).run_id)

    assert (runs.create(run_of(1)), runs.open_ids()) == (None, [])


def test_a_discarded_run_leaves_nothing(blobs):
    """Record and mark are gone."""
    runs = RunStore(blobs)
    runs.discard(run_of(1).run_id, runs.create(run_of(1)))

    assert list(blobs.keys("")) == []


def test_a_run_that_was_written_since_is_not_discarded(blobs):
    """Somebody else may be starting it: record and mark stay."""
    runs = RunStore(blobs)
    etag = runs.create(run_of(1))
    runs.replace(run_of(1).model_copy(update={"resumes": 1}), etag)

    runs.discard(run_of(1).run_id, etag)

    assert (runs.read(run_of(1).run_id)[0].resumes, runs.open_ids()) == (1, [run_of(1).run_id])


def test_a_mark_that_is_set_while_a_run_is_discarded_stays(blobs, monkeypatch):
    """Somebody writes the run down once more at this moment: the new mark is not the one to delete."""
    runs = RunStore(blobs)
    etag = runs.create(run_of(1))
    delete = type(blobs).delete

    def delete_and_mark(self, key, **condition):
        done = delete(self, key, **condition)
        if key == layout.run_key(run_of(1).run_id):
            runs.create(run_of(1))
        return done

    monkeypatch.setattr(type(blobs), "delete", delete_and_mark)

    runs.discard(run_of(1).run_id, etag)

    assert runs.open_ids() == [run_of(1).run_id]
    assert runs.read(run_of(1).run_id)[0] == run_of(1)


def test_a_mark_keeps_when_its_run_was_seen(blobs):
    """Nothing at first; then the time that was noted."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    mark, etag = runs.mark(run_of(1).run_id)
    assert mark.seen_at is None

    runs.note(run_of(1).run_id, START, etag)

    assert runs.mark(run_of(1).run_id)[0].seen_at == START


def test_a_mark_that_changed_is_neither_noted_nor_closed(blobs):
    """Who looked before somebody else wrote has nothing to say about what is there now."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    _, stale = runs.mark(run_of(1).run_id)
    runs.note(run_of(1).run_id, START, stale)

    runs.note(run_of(1).run_id, START + dt.timedelta(hours=1), stale)
    runs.close(run_of(1).run_id, stale)

    assert runs.mark(run_of(1).run_id)[0].seen_at == START


def test_a_mark_that_is_gone_is_not_made_again_by_a_note(blobs):
    """A run that ended while it was looked at stays closed."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    _, etag = runs.mark(run_of(1).run_id)
    runs.close(run_of(1).run_id)

    runs.note(run_of(1).run_id, START, etag)

    assert (runs.mark(run_of(1).run_id), runs.open_ids()) == (None, [])


def test_a_mark_that_cannot_be_read_is_a_mark(blobs):
    """That it is there says more than what is in it."""
    blobs.put(layout.open_run_key(run_of(1).run_id), b"?")

    assert RunStore(blobs).mark(run_of(1).run_id)[0].seen_at is None


def test_runs_since_a_time_are_named(blobs):
    """By their ids, which begin with the time; oldest first."""
    runs = RunStore(blobs)
    for second in (3, 1, 2):
        runs.create(run_of(second))

    assert runs.ids_since(START + dt.timedelta(seconds=2), START) == [run_of(2).run_id, run_of(3).run_id]


@pytest.mark.parametrize("days", [0, 2, 400])
def test_runs_are_found_however_long_ago_they_were(blobs, days):
    """After days, and after an idle year; also those of a clock that goes ahead."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    ahead = run_of(2).model_copy(update={"run_id": "20261124T000001Z-backup-contoso"})
    runs.create(ahead)

    now = START + dt.timedelta(days=days)

    assert [run.run_id for run in runs.newest(2, now)] == [ahead.run_id, run_of(1).run_id]
    assert runs.ids_since(START - dt.timedelta(days=1), now) == [run_of(1).run_id, ahead.run_id]


def test_a_broken_run_hides_no_other(blobs):
    """It is passed over among the newest."""
    runs = RunStore(blobs)
    runs.create(run_of(1))
    blobs.put(layout.run_key(run_of(2).run_id), b"?")

    assert [run.run_id for run in runs.newest(2, START)] == [run_of(1).run_id]
