"""The benchmark measures what it says; how fast this machine is, is no business of a test."""

from __future__ import annotations

import pytest

from bench import fleet, metering, report
from shared.adapters.pace import AZURE

READS = ("s1", "reads")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Three services, one night."""
    return fleet.measure(3, traces_memory=False, work=tmp_path_factory.mktemp("bench"))


def test_a_plain_backup_costs_one_post_its_polls_and_one_read_beside_preflight(measured):
    """Inventories apart: what preflight and sidecar ask, one POST, the polls, and one read at the end."""
    calls = dict(measured["callsPerService"])
    before = [count for kind, count in calls.items() if kind.startswith("preflight")]

    assert measured["outcomes"] == {"Succeeded": 3}
    assert calls["POST"] == 1
    assert calls["polls"] == 11
    assert calls["reads of the service"] == 2  # one is preflight's
    assert set(before) == {1.0}
    assert sum(calls.values()) == 1 + 11 + 2 + len(before) + calls["lists of inventories"]


def test_the_calls_of_a_night_stay_inside_azures_buckets(measured):
    """No moment of the night would have been answered 429."""
    assert {kind: one["tokensLeftMin"] >= 0 for kind, one in measured["bucket"].items()} == {
        "reads": True,
        "writes": True,
    }


def test_a_bucket_that_runs_dry_is_reported():
    """Fifty calls more than the bucket holds, at one moment: fifty tokens short."""
    moments = [10.0] * int(AZURE["reads"].burst + 50)

    assert metering.bucket_report({READS: moments})["reads"]["tokensLeftMin"] == -50


def test_a_bucket_refills_with_time():
    """Four seconds give a hundred tokens back."""
    moments = [0.0] * 200 + [4.0] * 50

    assert metering.bucket_report({READS: moments})["reads"]["tokensLeftMin"] == 50


def test_growth_is_told_against_the_smallest_fleet():
    """Twice the CPU for one service of a tenfold fleet is a growth of two."""
    small = {
        "services": 10,
        "cpuSecondsPerService": {"app": 0.1, "host": 0.1},
        "replayedBytesPerService": {"back_up_fleet": 5.0, "back_up_service": 5.0},
        "peakBytesByFunction": {"poll_once": 100},
        "keptObjects": 100,
        "rssPeakBytes": 100,
    }
    large = small | {"services": 100, "cpuSecondsPerService": {"app": 0.2, "host": 0.1}}

    growth = report.growth([small, large])["100"]

    assert (growth["services"], growth["appCpuOfOneService"], growth["hostCpuOfOneService"]) == (10, 2, 1)
