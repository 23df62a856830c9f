"""Where things lie in the records container. No other module joins path strings."""

from __future__ import annotations

import datetime as dt
import re

RESTORE_POINTS = "restore-points/"
REPLICAS = "replicas/"
RUNS = "runs/"
OPEN_RUNS = "open-runs/"
NIGHTS = "nights/"
OPEN_NIGHTS = "open-nights/"
HOLDS = "holds/"
PRUNED = "pruned/"
OPEN_PRUNES = "open-prunes/"
REBUILDS = "rebuilds/"
USAGE = "usage/"
CHANGES = "changes/"
REPLICATIONS = "replications/"
REPLICATION_STOPS = "replication-stops/"
APPROVALS = "approvals/"
DRILLS = "drills/"
UNHANDLED = "unhandled/"
EVIDENCE = "evidence/"
DRY_RUNS = "dry-runs/"
ROSTER = "roster.json"
"""The services that discovery found last."""

DAYS_LISTED_MAX = 14
"""Runs of more days than these are listed by the month."""

_RESTORE_POINT = re.compile(r"restore-points/(?P<service>[a-z][a-z0-9-]*)/(?P<name>[A-Za-z0-9._-]+)\.json")


def restore_point_key(service: str, name: str) -> str:
    """Return the blob name of a restore point's record; its creation is what replication hears of."""
    return f"{restore_points_prefix(service)}{name}.json"


def restore_points_prefix(service: str) -> str:
    """Return what all records of one service begin with; listing gives them in order of time."""
    return f"{RESTORE_POINTS}{service}/"


def inventory_key(service: str, name: str) -> str:
    """Return the blob name of the inventory taken with a backup."""
    return f"inventories/{service}/{name}.json"


def part_key(key: str) -> str:
    """Return the blob name of an unfinished inventory that belongs to the document of this key."""
    return f"{key.removesuffix('.json')}.part.json"


def replica_key(service: str, name: str) -> str:
    """Return the blob name that says that a standby holds this restore point."""
    return f"{REPLICAS}{service}/{name}.json"


def replicas_prefix(service: str) -> str:
    """Return what all replica records of one service begin with."""
    return f"{REPLICAS}{service}/"


def run_key(run_id: str) -> str:
    """Return the blob name of a run record."""
    return f"{RUNS}{run_id}.json"


def runs_of_day_prefix(day: dt.date) -> str:
    """Return what the records of all runs begin with that were wished for on one UTC day."""
    return f"{RUNS}{day:%Y%m%d}"


def runs_prefixes(first: dt.date, last: dt.date) -> list[str]:
    """Return what the records of all runs of these UTC days begin with, oldest first: few lists, not all."""
    days = (last - first).days + 1
    if days <= DAYS_LISTED_MAX:
        return [runs_of_day_prefix(first + dt.timedelta(days=number)) for number in range(days)]
    months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{RUNS}{month // 12:04d}{month % 12 + 1:02d}" for month in months]


def open_run_key(run_id: str) -> str:
    """Return the blob name that marks a run as being without a final word."""
    return f"{OPEN_RUNS}{run_id}"


def sidecar_key(service: str, name: str) -> str:
    """Return the blob name of what a backup does not contain."""
    return f"sidecars/{service}/{name}.json"


def hold_key(service: str, name: str) -> str:
    """Return the blob name of a restore point's hold."""
    return f"{HOLDS}{service}/{name}.json"


def holds_prefix(service: str) -> str:
    """Return what all holds of one service begin with."""
    return f"{HOLDS}{service}/"


def pruned_key(service: str, name: str) -> str:
    """Return the blob name that says what was pruned, when and why; written before anything is deleted."""
    return f"{pruned_prefix(service)}{name}.json"


def pruned_prefix(service: str) -> str:
    """Return what all tombstones of one service begin with."""
    return f"{PRUNED}{service}/"


def open_prune_key(service: str, name: str) -> str:
    """Return the blob name that marks a restore point of which something may still have to be deleted."""
    return f"{open_prunes_prefix(service)}{name}"


def open_prunes_prefix(service: str) -> str:
    """Return what all marks of one service's unfinished deletions begin with."""
    return f"{OPEN_PRUNES}{service}/"


def rebuild_key(rebuild_id: str) -> str:
    """Return the blob name of what one rebuild of the catalogue came to."""
    return f"{REBUILDS}{rebuild_id}.json"


def rebuild_part_key(rebuild_id: str, service: str) -> str:
    """Return the blob name of what one rebuild found for one service."""
    return f"{rebuild_parts_prefix(rebuild_id)}{service}.json"


def rebuild_parts_prefix(rebuild_id: str) -> str:
    """Return what all parts of one rebuild begin with."""
    return f"{REBUILDS}{rebuild_id}/"


def changes_key(service: str) -> str:
    """Return the blob name of what is known of a service's changes."""
    return f"{CHANGES}{service}.json"


def usage_key(service: str, report: str, day: dt.date) -> str:
    """Return the blob name of one day of one report."""
    return f"{USAGE}{service}/{report}/{day:%Y-%m-%d}.jsonl.gz"


def usage_watermark_key(service: str) -> str:
    """Return the blob name that says how far the export of a service has come."""
    return f"{USAGE}{service}/watermark.json"


def manifest_key(backup_name: str) -> str:
    """Return the name of the record's copy, in the backups' own container."""
    return f"{backup_name}.json"


def report_key(run_id: str) -> str:
    """Return the blob name of the report that a restore leaves as evidence."""
    return f"{EVIDENCE}{run_id}.json"


def dry_run_part_key(service: str, target: str) -> str:
    """Return the blob name under which a dry run keeps what it has read of its target so far."""
    return f"{DRY_RUNS}{service}/{target.lower()}.part.json"


def readable_report_key(run_id: str) -> str:
    """Return the blob name of the same evidence as text for a person."""
    return f"{EVIDENCE}{run_id}.md"


def replication_key(service: str) -> str:
    """Return the blob name of how a service's replication stands, in the records of the standby's region."""
    return f"{REPLICATIONS}{service}.json"


def replication_stop_key(service: str) -> str:
    """Return the blob name that says that an operator has stopped the replication of a service."""
    return f"{REPLICATION_STOPS}{service}.json"


def approval_key(service: str, name: str) -> str:
    """Return the blob name that says that an operator wants a point replicated that was held back."""
    return f"{approvals_prefix(service)}{name}.json"


def approvals_prefix(service: str) -> str:
    """Return what all approvals of one service begin with."""
    return f"{APPROVALS}{service}/"


def drill_key(service: str, run_id: str) -> str:
    """Return the blob name of one drill; listing gives them in order of time."""
    return f"{drills_prefix(service)}{run_id}.json"


def drills_prefix(service: str) -> str:
    """Return what the records of all drills of one service begin with."""
    return f"{DRILLS}{service}/"


def unhandled_key(queue: str, message_id: str) -> str:
    """Return the blob name of a message of which no try has succeeded yet."""
    return f"{UNHANDLED}{queue}/{message_id}.json"


def night_key(night: str) -> str:
    """Return the blob name of one night's record, written at its end."""
    return f"{NIGHTS}{night}.json"


def open_night_key(night: str) -> str:
    """Return the blob name that marks a night as begun and without a record."""
    return f"{OPEN_NIGHTS}{night}.json"


def parse_restore_point_key(key: str) -> tuple[str, str] | None:
    """Return (service, name) of a restore point's record, or None for any other blob."""
    match = _RESTORE_POINT.fullmatch(key)
    return (match["service"], match["name"]) if match else None
