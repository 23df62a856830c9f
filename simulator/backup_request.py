"""The body of a backup or restore request: which blob, and how the service gets at it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import Fault, validation

ACCESS_KEY = "AccessKey"
SYSTEM_ASSIGNED = "SystemAssignedManagedIdentity"
USER_ASSIGNED = "UserAssignedManagedIdentity"
ACCESS_TYPES = (ACCESS_KEY, SYSTEM_ASSIGNED, USER_ASSIGNED)

_FIELDS = ("storageAccount", "containerName", "backupName", "accessType", "accessKey", "clientId")
_ACCOUNT = re.compile(r"^[a-z0-9]{3,24}$")
_CONTAINER = re.compile(r"^[a-z0-9](?:-?[a-z0-9]){2,62}$")
_BACKUP_NAME_MAX = 1024
"""Azure Storage's own limit for the name of a blob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """A valid body. `access_key` is "" and `client_id` is "" where the access type does not use them."""

    account: str
    container: str
    blob: str
    access_type: str = ACCESS_KEY
    access_key: str = field(default="", repr=False)
    client_id: str = ""


def read_backup_request(body: Mapping[str, Any]) -> BackupRequest:
    """
    Read a body; names of fields are taken without regard to case, unknown ones are ignored.

    Raises:
        WireError: 400 with every fault.
    """
    by_name: dict[str, Any] = {str(name).lower(): value for name, value in body.items()}
    found: dict[str, Any] = {name: by_name.get(name.lower()) for name in _FIELDS}
    faults = _faults(found)
    if faults:
        raise validation(faults)
    access_type = found["accessType"] or ACCESS_KEY
    return BackupRequest(
        account=found["storageAccount"],
        container=found["containerName"],
        blob=found["backupName"],
        access_type=access_type,
        access_key=found["accessKey"] if access_type == ACCESS_KEY else "",
        client_id=found["clientId"] if access_type == USER_ASSIGNED else "",
    )


def _faults(found: Mapping[str, Any]) -> list[Fault]:
    faults: list[Fault] = []

    def check(name: str, is_good: bool, message: str) -> None:
        if not is_good:
            faults.append(Fault(target=name, message=f"{name} {message}"))

    def text(name: str) -> str:
        value = found[name]
        return value if isinstance(value, str) else ""

    access_type = found["accessType"] or ACCESS_KEY
    for name in ("storageAccount", "containerName", "backupName"):
        check(name, bool(text(name)), "is required")
    if text("storageAccount"):
        rule = "must be the account's name: 3 to 24 lower-case letters and digits"
        check("storageAccount", bool(_ACCOUNT.match(text("storageAccount"))), rule)
    if text("containerName"):
        rule = "must be 3 to 63 lower-case letters, digits and single hyphens"
        check("containerName", bool(_CONTAINER.match(text("containerName"))), rule)
    check("backupName", len(text("backupName")) <= _BACKUP_NAME_MAX, f"is longer than {_BACKUP_NAME_MAX}")
    check("accessType", access_type in ACCESS_TYPES, f"must be one of {', '.join(ACCESS_TYPES)}")
    if access_type == ACCESS_KEY:
        check("accessKey", bool(text("accessKey")), "is required when accessType is AccessKey")
    if access_type == USER_ASSIGNED:
        check("clientId", bool(text("clientId")), f"is required when accessType is {USER_ASSIGNED}")
    return faults
