"""Everything that speaks against a call, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.core.errors import DrError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault of a call: the HTTP status it alone would give, its code, where, and what."""

    status: int
    code: str
    target: str
    message: str


class FindingsError(DrError):
    """A call that was not accepted. Code and status are those of the fault to mend first."""

    def __init__(self, message: str, findings: Sequence[Finding], *, hint: str = "") -> None:
        # malformed before unknown before refused: the caller mends them in this order
        order = (400, 404, 409)
        first = min(findings, key=lambda finding: order.index(finding.status))
        super().__init__(message, hint=hint, code=first.code)
        self.findings = tuple(findings)
        self.http_status = first.status
