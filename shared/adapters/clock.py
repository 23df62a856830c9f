"""The one place that asks what time it is."""

from __future__ import annotations

import datetime as dt


class SystemClock:
    """The machine's clock."""

    def now(self) -> dt.datetime:
        """Return the time as aware UTC."""
        return dt.datetime.now(dt.UTC)
