"""What the measurements say: a table for people, and growth from the smallest fleet to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]


def table(reports: Sequence[Report]) -> str:
    """Return a Markdown table: a row for each measure, a column for each size."""
    columns = [_cells(report) for report in reports]
    titles = list(dict.fromkeys(title for column in columns for title in column))
    lines = ["| Services | " + " | ".join(f"{report['services']:,}" for report in reports) + " |"]
    lines += ["|---|" + "---:|" * len(reports)]
    lines += [f"| {title} | " + " | ".join(one.get(title, "") for one in columns) + " |" for title in titles]
    return "\n".join(lines)


def growth(reports: Sequence[Report]) -> dict[str, dict[str, float]]:
    """Return how much more each measure is at each size than at the smallest."""
    first = reports[0]
    return {
        str(one["services"]): {
            "services": one["services"] / first["services"],
            "appCpuOfOneService": _ratio(one, first, "cpuSecondsPerService", "app"),
            "hostCpuOfOneService": _ratio(one, first, "cpuSecondsPerService", "host"),
            "replayedBytesOfOneService": round(_replayed(one) / _replayed(first), 2),
            "largestCallBytes": round(_largest(one)[1] / _largest(first)[1], 2),
            "appObjectsLeft": round(one["keptObjects"] / first["keptObjects"], 2),
            "rssPeakBytes": round(one["rssPeakBytes"] / first["rssPeakBytes"], 2),
        }
        for one in reports
    }


def _cells(report: Report) -> dict[str, str]:
    calls = report["callsPerService"]
    plain = sum(count for kind, count in calls.items() if kind != "lists of inventories")
    cells = {
        "outcomes": ", ".join(f"{count} {word}" for word, count in report["outcomes"].items()),
        "night, virtual hours": f"{report['nightHours']}",
    }
    cells |= {f"CPU s of one service: {who}": f"{s:.3f}" for who, s in report["cpuSecondsPerService"].items()}
    cells["history replayed for one service, kB"] = f"{_replayed(report) / 1000:.0f}"
    of_fleet = report["replayedBytesPerService"]["back_up_fleet"]
    cells["of it by `back_up_fleet`, kB"] = f"{of_fleet / 1000:.0f}"
    cells |= {f"calls of one service: {kind}": f"{count:.2f}" for kind, count in calls.items()}
    cells |= {
        "calls of one service, inventories apart": f"{plain:.2f}",
        "reads in the busiest second": f"{report['bucket']['reads']['busiestSecond']}",
        "read tokens left in Azure's bucket, at least": f"{report['bucket']['reads']['tokensLeftMin']}",
        "write tokens left, at least": f"{report['bucket']['writes']['tokensLeftMin']}",
        "calls of one moment are spread over, s, at most": f"{report['longestWaitForAToken_s']}",
        "largest single call, kB": "{1:.0f} ({0})".format(*_in_kb(_largest(report))),
        "`back_up_fleet`, kB": f"{report['peakBytesByFunction']['back_up_fleet'] / 1000:.0f}",
        "`end_night`, kB": f"{report['peakBytesByFunction']['end_night'] / 1000:.0f}",
        "objects of the app that are left": f"{report['keptObjects']}",
        "peak memory of app, host, simulator and storage, MB": f"{report['rssPeakBytes'] / 1e6:.0f}",
    }
    return cells


def _largest(report: Report) -> tuple[str, int]:
    """Return the function whose call took most memory, and how much, in bytes."""
    peaks: dict[str, int] = report["peakBytesByFunction"]
    name = max(peaks, key=lambda one: peaks[one])
    return name, peaks[name]


def _replayed(report: Report) -> float:
    return float(sum(report["replayedBytesPerService"].values()))


def _in_kb(named: tuple[str, int]) -> tuple[str, float]:
    return f"`{named[0]}`", named[1] / 1000


def _ratio(one: Report, first: Report, group: str, name: str) -> float:
    return round(float(one[group][name]) / float(first[group][name]), 2)
