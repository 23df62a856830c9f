"""
Which instances a host runs: those of its own version or an older one. Pure.

This is `versionMatchStrategy: CurrentOrOlder` with `versionFailureStrategy: Reject`, as the durable extension
compares: https://learn.microsoft.com/azure/durable-task/common/durable-orchestration-versioning
"""

from __future__ import annotations

import re

# .NET's System.Version: two to four whole numbers. "2" alone is none, and is compared as a text.
_NUMBERS = re.compile(r"\d+(\.\d+){1,3}")
_PARTS = 4


def is_run_by(host: str | None, instance: str | None) -> bool:
    """Tell whether a host of one version runs an instance of another; none at all is the oldest."""
    if not instance or not host:
        return not instance
    if _NUMBERS.fullmatch(host) and _NUMBERS.fullmatch(instance):
        return _numbers(instance) <= _numbers(host)
    return instance.upper() <= host.upper()


def _numbers(version: str) -> list[int]:
    """Return the parts as numbers; a part that is not there is older than 0."""
    parts = [int(part) for part in version.split(".")]
    return parts + [-1] * (_PARTS - len(parts))
