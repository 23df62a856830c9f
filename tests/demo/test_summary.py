"""The verdict of the demo: good only if everything is good."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from rich.console import Console

from demo import summary, verdict
from demo.findings import Ended, Findings, Lost
from demo.inventory import Difference
from demo.storage import Evidence, Recorded

FIX_UPS = [
    {"what": "custom host names", "why": "the target lacks one", "command": "az", "isNeeded": True},
    {"what": "DNS", "why": "only when it serves", "command": "az", "isNeeded": None},
    {"what": "virtual network", "why": "the source had none", "command": "az", "isNeeded": False},
]
LOST = Lost(region="westeurope", arm_calls=0, storage_calls=0)
GOOD = Findings(
    speed=60,
    addresses={"primary.app": "http://127.0.0.1:7071"},
    backup=Ended(run_id="b1", outcome="Succeeded", seconds=13, polls=11, ended_at="2026-11-23T02:00:13Z"),
    recorded=Recorded(
        name="nordhav_1",
        started_at="2026-11-23T02:00:01.5Z",
        size_bytes=10,
        sha256="aa",
        found_size_bytes=10,
        found_sha256="aa",
    ),
    copied=Recorded(
        name="nordhav_1",
        started_at="2026-11-23T02:00:01.5Z",
        size_bytes=10,
        sha256="aa",
        found_size_bytes=10,
        found_sha256="aa",
        copied_after_s=4.2,
    ),
    evidence=Evidence(report={"differencesTotal": 0, "fixUps": FIX_UPS}, text="# Restore"),
    restore=Ended(run_id="r1", outcome="Succeeded", seconds=20, polls=19, ended_at="2026-11-23T02:00:34Z"),
    entities=272,
    differences=(),
    counts={"POST backup": 1, "POST restore": 1},
)
RECORDED = GOOD.recorded
BACKUP = GOOD.backup
RESTORE = GOOD.restore
COPIED = GOOD.copied
assert RECORDED is not None
assert COPIED is not None
assert BACKUP is not None
assert RESTORE is not None


def test_a_good_night_has_no_faults() -> None:
    """A recorded backup, an equal standby and one POST each: nothing to say."""
    assert verdict.faults(GOOD) == []
    assert summary.document(GOOD)["result"] == "Succeeded"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fault": "the simulator was ended"}, "the simulator was ended"),
        ({"backup": None}, "the backup did not succeed (no end)"),
        ({"backup": dataclasses.replace(BACKUP, outcome="Failed")}, "the backup did not succeed (Failed)"),
        ({"recorded": None}, "no restore point is recorded"),
        ({"recorded": dataclasses.replace(RECORDED, found_size_bytes=None)}, "does not exist"),
        ({"recorded": dataclasses.replace(RECORDED, found_size_bytes=9)}, "says 10 bytes, the blob has 9"),
        ({"recorded": dataclasses.replace(RECORDED, found_sha256="ab")}, "SHA-256"),
        ({"copied": None}, "no copy of the restore point"),
        ({"copied": dataclasses.replace(COPIED, found_size_bytes=None)}, "of the copy: the blob"),
        ({"copied": dataclasses.replace(COPIED, sha256="ab", found_sha256="ab")}, "not the blob that was"),
        ({"copied": dataclasses.replace(COPIED, copied_after_s=None)}, "does not say that it is a copy's"),
        ({"evidence": None}, "no evidence"),
        ({"evidence": Evidence(report={"differencesTotal": 0}, text="#")}, "no evidence with a fix-up list"),
        (
            {"evidence": Evidence(report={"differencesTotal": 1, "fixUps": FIX_UPS}, text="#")},
            "the app's own report",
        ),
        ({"lost": Lost(region="westeurope")}, "was not looked at"),
        ({"lost": dataclasses.replace(LOST, arm_calls=1)}, "after its loss: 1 of ARM, 0 of storage"),
        ({"lost": dataclasses.replace(LOST, storage_calls=2)}, "after its loss: 0 of ARM, 2 of storage"),
        ({"restore": None}, "the restore did not succeed (no end)"),
        (
            {"restore": dataclasses.replace(RESTORE, outcome="Refused")},
            "the restore did not succeed (Refused)",
        ),
        ({"lost_seed": ("apis",)}, "lost what was put into it: apis"),
        ({"differences": None}, "was not compared"),
        ({"entities": 0}, "was not compared"),
        ({"differences": (Difference(entity="tags/core", what="is not the same"),)}, "in 1 entities"),
        ({"counts": {"POST backup": 2, "POST restore": 1}}, "2 backups instead of one"),
        ({"counts": {"POST backup": 1}}, "0 restores instead of one"),
    ],
)
def test_every_way_to_fail_is_told(changes: dict[str, Any], said: str) -> None:
    """Each single thing that is not good makes the result Failed, in words."""
    found = dataclasses.replace(GOOD, **changes)
    document = summary.document(found)

    assert document["result"] == "Failed"
    assert len(document["faults"]) == 1
    assert said in document["faults"][0]


def test_the_summary_says_what_was_measured() -> None:
    """Bytes, digest, polls, durations, age of the recovery point and addresses stand in the document."""
    document = json.loads(json.dumps(summary.document(GOOD)))

    assert document["v"] == 1
    assert document["backup"]["restorePoint"] == "nordhav_1"
    assert (document["backup"]["bytes"], document["backup"]["sha256"]) == (10, "aa")
    assert (document["backup"]["polls"], document["restore"]["polls"]) == (11, 19)
    assert document["recoveryPointAgeS"] == 32.5
    assert document["restoreDurationS"] == 20
    assert document["copy"] == {"seconds": 4.2, "blobBytes": 10, "blobSha256": "aa"}
    assert [one["what"] for one in document["fixUps"]] == ["custom host names", "DNS", "virtual network"]
    assert document["lostRegion"] is None
    assert document["differences"] == []
    assert document["counts"] == {"backupPosts": 1, "restorePosts": 1}
    assert document["addresses"] == {"primary.app": "http://127.0.0.1:7071"}


def test_a_lost_region_that_nobody_called_is_no_fault() -> None:
    """The counts stand in the document, and on the screen."""
    found = dataclasses.replace(GOOD, lost=LOST)

    assert verdict.faults(found) == []
    lost = summary.document(found)["lostRegion"]
    assert lost == {"region": "westeurope", "armCalls": 0, "storageCalls": 0}
    assert "calls to westeurope" in _shown(found)


def test_fix_ups_are_told_by_whether_they_are_needed() -> None:
    """Those that are needed, those for a person to look at, and the rest by name."""
    assert list(summary.fix_ups(GOOD)) == [
        "needed      custom host names: the target lacks one",
        "to look at  DNS: only when it serves",
        "not needed  virtual network",
    ]


def test_a_summary_of_nothing_can_be_written() -> None:
    """A demo that fails at its first step still leaves a summary that says so."""
    document = summary.document(Findings(speed=60, addresses={}, fault="there is no node"))

    assert document["result"] == "Failed"
    assert document["faults"][0] == "there is no node"
    assert document["backup"] is None


def test_the_table_names_the_first_differences_and_counts_the_rest() -> None:
    """Of many differences ten are named."""
    many = tuple(Difference(entity=f"apis/a{number:02}", what="is not the same") for number in range(13))
    text = _shown(dataclasses.replace(GOOD, differences=many))

    assert "apis/a09 is not the same" in text
    assert "apis/a10" not in text
    assert "and 3 more" in text


def test_the_table_shows_the_runs_and_the_facts() -> None:
    """What, result, seconds, polls, bytes, restore point, age, duration and differences are shown."""
    text = _shown(GOOD)

    for word in (
        "Succeeded",
        "equal hash",
        "4.2",
        "13.0",
        "11",
        "nordhav_1",
        "32.5 s",
        "32 min",
        "20 min",
        "none in 272 entities",
    ):
        assert word in text


def _shown(found: Findings) -> str:
    console = Console(width=118)
    with console.capture() as capture:
        console.print(summary.runs_table(found))
        console.print(summary.facts_table(found))
    return capture.get()
