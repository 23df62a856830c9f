"""Whether a backup has a size that can be believed, against those of the same service before it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

RECENT_MAX = 10
"""Backups that a new one is compared with: enough that a single odd one does not move the middle."""

SUSPICIOUS_SHARE = 0.5
"""A service does not lose half of its configuration from one night to the next without somebody knowing."""


def size_warning(size_bytes: int, recent_bytes: Sequence[int]) -> str | None:
    """
    Return what is odd about a backup's size, or None.

    Args:
        size_bytes: of the backup.
        recent_bytes: of the newest recorded backups of the same service; none says nothing.
    """
    if not recent_bytes:
        return None
    median = statistics.median(recent_bytes)
    if size_bytes >= median * SUSPICIOUS_SHARE:
        return None
    return (
        f"suspiciously small: {size_bytes} bytes, where the middle of the last {len(recent_bytes)} "
        f"backups is {round(median)}"
    )
