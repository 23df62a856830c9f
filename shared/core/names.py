"""
Names that this app makes. All are legal where they are used, and none is used for two things.

Names of backups and ids of runs begin with, or hold, the second of their wish, and so sort by time.

No backup overwrites another one: its name says which service and which second it is of, and, unless the
timer wished for it, which night. Whatever lies under such a name already refuses the run before its POST.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re

STAMP_FORMAT = "%Y%m%dT%H%M%SZ"
BACKUP_SUFFIX = ".apimbackup"

SAFETY_PREFIX = "safety-of-"
_BACKUP = re.compile(r"(?P<service>[a-z][a-z0-9-]*)_(?P<stamp>[0-9]{8}T[0-9]{6}Z)(-[0-9a-f]{8})?\.apimbackup")
_NIGHT_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[0-9a-f]{8})?")
_REBUILD_ID = re.compile(r"rebuild-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-(backup|restore|replicate|drill)-[a-z][a-z0-9-]*")


def stamp(at: dt.datetime) -> str:
    """Return an aware UTC time as text that sorts like the time: 20261123T020000Z."""
    if at.utcoffset() != dt.timedelta(0):
        raise ValueError("only UTC times are written into names")
    return at.strftime(STAMP_FORMAT)


def backup_name(service: str, wished_at: dt.datetime, *, because: str = "") -> str:
    """Return the blob name of a backup, the same for every retry of one wish; see run_id for `because`."""
    return f"{service}_{stamp(wished_at)}{_tail(because)}{BACKUP_SUFFIX}"


def is_own_backup(name: str) -> bool:
    """Tell whether a blob name is one of ours; others are never touched."""
    return _BACKUP.fullmatch(name) is not None


def is_backup_of(name: str, service: str) -> bool:
    """Tell whether a blob name is one of ours, and of this service."""
    return service_of_backup(name) == service


def service_of_backup(name: str) -> str | None:
    """Return the service that the name of a backup names; None for a name that is none of ours."""
    match = _BACKUP.fullmatch(name)
    return match["service"] if match else None


def wished_at(name: str) -> dt.datetime | None:
    """Return when a backup was wished for, by its name; None for a name that is none of ours."""
    match = _BACKUP.fullmatch(name)
    if match is None:
        return None
    try:
        return dt.datetime.strptime(match["stamp"], STAMP_FORMAT).replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def backups_prefix(service: str) -> str:
    """Return what the names of all backups of one service begin with, and of no other service."""
    return f"{service}_"


def run_id(kind: str, service: str, wished_at: dt.datetime, *, because: str = "") -> str:
    """
    Return the id of a run.

    Args:
        kind: backup, restore, replicate or drill.
        service: the service's name in the plan.
        wished_at: aware UTC, to the second.
        because: what makes two wishes of one second different (a request, an event); empty for the
            timer, so that a second firing of one night means the same run.
    """
    return f"{stamp(wished_at)}-{kind}-{service}{_tail(because)}"


def is_run_id(text: str) -> bool:
    """Tell whether a text could be an id made by run_id; anything else is never used as a blob name."""
    return len(text) <= 100 and _RUN_ID.fullmatch(text) is not None


def kind_of_run(run_id: str) -> str:
    """Return the kind of run that an id made by run_id is of; the name of its service may hold any word."""
    return run_id.split("-", 2)[1] if run_id.count("-") > 1 else ""


def safety_service(service: str) -> str:
    """
    Return the name under which backups of a target are kept that were made before it was overwritten.

    No service of a plan has such a name, so they are no restore points of the service itself: none of
    them is ever its newest one, is replicated, or is pruned.
    """
    return f"{SAFETY_PREFIX}{service}"


def secured_service(name: str) -> str | None:
    """Return the service whose targets' safety backups are kept under this name; None for any other name."""
    return name.removeprefix(SAFETY_PREFIX) if name.startswith(SAFETY_PREFIX) else None


def service_instance(resource_id: str) -> str:
    """
    Return the orchestration instance that all operations of one service share.

    Ids of Azure Resource Manager hold slashes, which instance ids may not, and are compared without case.
    """
    return f"svc-{digest(resource_id.lower())[:32]}"


def night_id(at: dt.datetime, *, because: str = "") -> str:
    """
    Return the id of a night.

    Args:
        at: aware UTC; for the timer the occurrence of its schedule, however late it is fired.
        because: what makes two nights of one second different (a call, an event); empty for the timer,
            so that every firing for one occurrence means the same night.
    """
    return f"{stamp(at)}{_tail(because)}"


def is_night_id(text: str) -> bool:
    """Tell whether a text could be an id made by night_id; anything else is never used as a blob name."""
    return _NIGHT_ID.fullmatch(text) is not None


def night_instance(night: str) -> str:
    """Return the orchestration instance of one night: a second firing finds the first."""
    return f"night-{night}"


def replication_instance(resource_id: str) -> str:
    """Return the one orchestration instance that brings restore points to a standby, of its ARM id."""
    return f"rep-{digest(resource_id.lower())[:32]}"


def changes_instance(resource_id: str, wait: int) -> str:
    """
    Return the orchestration instance that waits with one service's changes.

    Each has a number of its own: one that is just ending cannot hide that another one is needed.
    """
    return f"chg-{digest(resource_id.lower())[:32]}-{wait}"


def rebuild_id(wished_at: dt.datetime, *, because: str) -> str:
    """Return the id of one rebuild of the catalogue, which is also its orchestration instance."""
    return f"rebuild-{stamp(wished_at)}-{digest(because)[:8]}"


def is_rebuild_id(text: str) -> bool:
    """Tell whether a text could be an id made by rebuild_id; anything else is never used as a blob name."""
    return _REBUILD_ID.fullmatch(text) is not None


def follow_instance(of_run: str, resumes: int = 0) -> str:
    """
    Return the sub-orchestration instance that follows the operation of one run.

    Args:
        of_run: its id.
        resumes: how often the run was taken up again: the former instance may be at work still, and a
            second one of the same id would not begin.
    """
    return f"poll-{of_run}-{resumes}" if resumes else f"poll-{of_run}"


def part_instance(of_run: str, resumes: int = 0) -> str:
    """Return the sub-orchestration instance of a run that is a part of another one; see follow_instance."""
    return f"part-{of_run}-{resumes}" if resumes else f"part-{of_run}"


def _tail(because: str) -> str:
    return f"-{digest(because)[:8]}" if because else ""


def digest(text: str) -> str:
    """Return the SHA-256 of a text in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
