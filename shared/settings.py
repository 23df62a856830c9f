"""
The settings of this app, and the only place that reads the environment.

Nothing is read when a module is imported except the timer's schedule, which has a default: a missing
setting must not make all functions vanish from the host.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path

from shared.core.access import Access, AccessKeyAccess
from shared.core.errors import ConfigError
from shared.core.plan import SETTING, Plan, parse_plan
from shared.core.schedule import Schedule
from shared.core.schedule import parse as parse_schedule

BACKUP_SCHEDULE_DEFAULT = "0 0 2 * * *"
USAGE_SCHEDULE_DEFAULT = "0 30 4 * * *"
DRILL_SCHEDULE_DEFAULT = "0 0 9 * * *"
SPEED_MAX = 10_000.0
QUEUE = "apim-dr-events"
CHANGES_QUEUE = "apim-dr-changes"
QUEUE_CONNECTION = "AzureWebJobsStorage"
_ANY_TIME = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""A schedule that was never due before this day never is: the calendar repeats itself."""


def backup_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return the nightly timer's NCRONTAB expression, in UTC."""
    return environment.get("BACKUP_SCHEDULE", "").strip() or BACKUP_SCHEDULE_DEFAULT


def usage_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return the NCRONTAB expression of the timer that exports usage data, in UTC."""
    return environment.get("USAGE_SCHEDULE", "").strip() or USAGE_SCHEDULE_DEFAULT


def drill_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return the NCRONTAB expression of the timer that holds drills, in UTC."""
    return environment.get("DRILL_SCHEDULE", "").strip() or DRILL_SCHEDULE_DEFAULT


def read_schedule(environment: Mapping[str, str] = os.environ) -> Schedule:
    """
    Return when nights are due.

    Raises:
        ConfigError: BACKUP_SCHEDULE is not readable, or never due; names every field that is wrong.
    """
    return _schedule("BACKUP_SCHEDULE", backup_schedule(environment))


def read_usage_schedule(environment: Mapping[str, str] = os.environ) -> Schedule:
    """
    Return when exports of usage data are due.

    Raises:
        ConfigError: USAGE_SCHEDULE is not readable, or never due; names every field that is wrong.
    """
    return _schedule("USAGE_SCHEDULE", usage_schedule(environment))


def read_drill_schedule(environment: Mapping[str, str] = os.environ) -> Schedule:
    """
    Return when it is looked whether drills are due.

    Raises:
        ConfigError: DRILL_SCHEDULE is not readable, or never due; names every field that is wrong.
    """
    return _schedule("DRILL_SCHEDULE", drill_schedule(environment))


def read_plan(environment: Mapping[str, str] = os.environ) -> Plan:
    """
    Return the plan.

    Raises:
        ConfigError: DR_PLAN is missing, names a file that cannot be read, or holds faults; lists all.
    """
    text = environment.get(SETTING, "").strip()
    if not text:
        raise ConfigError(
            f"the setting {SETTING} is missing",
            faults=[(SETTING, "must hold the plan as JSON, or the path of a JSON file")],
            hint="docs/plan.md shows the smallest plan that works.",
        )
    if text.startswith(("{", "[")):
        return parse_plan(text)
    try:
        content = Path(text).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else "not readable as UTF-8"
        raise ConfigError(
            f"the setting {SETTING} is not usable",
            faults=[(SETTING, f"is not JSON, and as a path it cannot be read: {reason}")],
        ) from err
    return parse_plan(content, origin=f"the file that {SETTING} names")


def read_speed(environment: Mapping[str, str] = os.environ) -> float:
    """
    Return how much faster than real time this app waits; 1 in Azure, more on a developer's machine.

    Raises:
        ConfigError: not a number from 1 to SPEED_MAX.
    """
    text = environment.get("DR_SPEED", "").strip() or "1"
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= SPEED_MAX:
        raise ConfigError(
            "the setting DR_SPEED is not usable",
            faults=[("DR_SPEED", f"must be a number from 1 to {SPEED_MAX:.0f}; leave it out in Azure")],
        )
    return speed


def read_access_key(access: AccessKeyAccess, environment: Mapping[str, str] = os.environ) -> str:
    """
    Return the storage key that the plan's access names, at the moment it is used.

    Raises:
        ConfigError: the setting is missing, or an unresolved Key Vault reference.
    """
    key = environment.get(access.key_setting, "").strip()
    if not key or key.startswith("@Microsoft.KeyVault"):
        what = "is an unresolved Key Vault reference" if key else "is missing"
        raise ConfigError(
            "the storage account's key is not available",
            faults=[(access.key_setting, what)],
            hint="Prefer access by managed identity, which needs no key at all.",
        )
    return key


def key_fault(access: Access, environment: Mapping[str, str] = os.environ) -> str:
    """Say what is wrong with the setting of an account key; empty if nothing is, or no key is used."""
    if not isinstance(access, AccessKeyAccess):
        return ""
    try:
        read_access_key(access, environment)
    except ConfigError as err:
        return "; ".join(what for _, what in err.faults)
    return ""


def managed_identity_client_id(environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the client id of the app's user-assigned identity, None for the system-assigned one."""
    return environment.get("AZURE_CLIENT_ID", "").strip() or None


def has_managed_identity(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this process runs where Azure gives it an identity endpoint."""
    return bool(environment.get("IDENTITY_ENDPOINT"))


def _schedule(name: str, text: str) -> Schedule:
    try:
        schedule = parse_schedule(text)
    except ValueError as err:
        raise _not_usable(name, str(err)) from err
    if schedule.newest(_ANY_TIME) is None:
        raise _not_usable(name, f"{text} is never due: no month of it has such a day")
    return schedule


def _not_usable(name: str, reason: str) -> ConfigError:
    hint = "docs/settings.md shows the form."
    return ConfigError(f"the setting {name} is not usable", faults=[(name, reason)], hint=hint)


def faults(environment: Mapping[str, str] = os.environ) -> list[ConfigError]:
    """Return everything that is wrong with the settings, for one report at start."""
    found = []
    for read in (read_plan, read_schedule, read_usage_schedule, read_drill_schedule, read_speed):
        try:
            read(environment)
        except ConfigError as err:
            found.append(err)
    return found
