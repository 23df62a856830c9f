"""Where backups lie, and how a service reaches them: with an identity of its own, or with the account key."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.core.documents import Value
from shared.core.fields import AccountName, ClientId, ContainerName, SettingName, StorageAccountId


class SystemAssignedAccess(Value):
    """The service reaches the storage account with its system-assigned identity (preferred)."""

    type: Literal["SystemAssignedManagedIdentity"]


class UserAssignedAccess(Value):
    """The service reaches the storage account with a user-assigned identity, named by its client id."""

    type: Literal["UserAssignedManagedIdentity"]
    client_id: ClientId


class AccessKeyAccess(Value):
    """The account key, read from the app setting named here at the moment of the call, and never stored."""

    type: Literal["AccessKey"]
    key_setting: SettingName


Access = Annotated[SystemAssignedAccess | UserAssignedAccess | AccessKeyAccess, Field(discriminator="type")]


class BackupStorage(Value):
    """Where a service's backups are written, and how the service itself reaches it."""

    account: AccountName
    container: ContainerName
    access: Access
    resource_id: StorageAccountId | None = None
    """The account's ARM id; without it preflight looks for it in the service's own subscription."""
    create_container: bool = False
    """Whether preflight may create the container, private, where it is missing."""
