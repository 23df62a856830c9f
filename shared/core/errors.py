"""
The errors of apim-dr, and nothing else.

    DrError                       code, hint, http_status; str() is safe to log
    ├─ TemporaryError             retry may help; retry_after_s
    │  ├─ ThrottledError          429
    │  ├─ UnavailableError        5xx, time-outs, connections that failed
    │  └─ ServiceBusyError        the service is in transition
    ├─ PermanentError             the same request will fail again
    │  ├─ ConfigError             settings or plan; lists every fault
    │  ├─ RequestError            the caller's JSON; lists every fault
    │  ├─ AccessError             401 or 403
    │  ├─ NotFoundError           service, container, restore point, run
    │  ├─ OperationFailedError    Azure Resource Manager ended or rejected the operation
    │  ├─ UnusableBackupError     the blob is missing, empty, expired or of another tier
    │  └─ RefusedError            a guard said no; nothing was changed
    ├─ ConflictError              a record changed, or exists, where we expected otherwise
    └─ ProtocolError              Azure Resource Manager broke its contract

Messages are lower case without a full stop; `hint` is a sentence for the operator. Neither ever holds
a request body, a token or a key. What the other side said is cut at TEXT_LENGTH_MAX characters.
"""

from __future__ import annotations

from collections.abc import Sequence

TEXT_LENGTH_MAX = 256
"""How much of a foreign error text is kept: enough to act on, too little to carry a document."""


class DrError(Exception):
    """An error with a code for programs, a hint for operators and an HTTP status for callers."""

    code = "Error"
    http_status = 500

    def __init__(self, message: str, *, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code


class TemporaryError(DrError):
    """The same request may succeed later."""

    code = "Temporary"
    http_status = 503

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.retry_after_s = retry_after_s


class ThrottledError(TemporaryError):
    """The other side asked us to slow down."""

    code = "Throttled"
    http_status = 429


class UnavailableError(TemporaryError):
    """
    The other side could not be reached, or failed on its own side.

    `maybe_sent` is False only when it is certain that the request never left this machine.
    """

    code = "Unavailable"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        retry_after_s: int | None = None,
        maybe_sent: bool = True,
    ) -> None:
        super().__init__(message, hint=hint, code=code, retry_after_s=retry_after_s)
        self.maybe_sent = maybe_sent


class ServiceBusyError(TemporaryError):
    """The service is in transition, or another run of ours is working on it."""

    code = "ServiceBusy"
    http_status = 409


class PermanentError(DrError):
    """The same request will fail again."""

    code = "Permanent"


class FaultsError(PermanentError):
    """An error that lists every fault at once, each as (where, what)."""

    def __init__(self, message: str, *, faults: Sequence[tuple[str, str]], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        lines = [f"{self.message}:"] + [f"  {where}: {what}" for where, what in self.faults]
        return "\n".join(lines + ([self.hint] if self.hint else []))


class ConfigError(FaultsError):
    """Settings or plan are not usable."""

    code = "ConfigurationInvalid"
    http_status = 500


class RequestError(FaultsError):
    """The caller's JSON is not usable."""

    code = "RequestInvalid"
    http_status = 400


class AccessError(PermanentError):
    """A token was refused or a right is missing; the hint names the role and its scope."""

    code = "AccessDenied"
    http_status = 502


class NotFoundError(PermanentError):
    """The thing named does not exist."""

    code = "NotFound"
    http_status = 404


class OperationFailedError(PermanentError):
    """Azure Resource Manager's verdict on an operation; `code` is its error code."""

    code = "OperationFailed"
    http_status = 422


class UnusableBackupError(PermanentError):
    """There is no backup that could be restored."""

    code = "UnusableBackup"
    http_status = 422


class RefusedError(PermanentError):
    """A guard said no; nothing was changed."""

    code = "Refused"
    http_status = 409


class ConflictError(DrError):
    """A record exists already, or was changed by somebody else since it was read."""

    code = "Conflict"
    http_status = 409


class ProtocolError(DrError):
    """Azure Resource Manager, or a document we stored, broke its contract."""

    code = "ProtocolViolation"
    http_status = 502


def cut(text: str) -> str:
    """Cut foreign text to TEXT_LENGTH_MAX characters on one line, without anything a terminal would obey."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return flat if len(flat) <= TEXT_LENGTH_MAX else flat[: TEXT_LENGTH_MAX - 1] + "…"
