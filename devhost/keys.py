"""
The keys of the HTTP side: master, host, one for each function, one for the durable webhooks.

They are made at the first start and kept in the state file, so that a restarted host accepts what it accepted
before. They are never logged.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3

MASTER = ("host", "_master")
HOST = ("host", "default")
DURABLE = ("system", "durabletask_extension")


class Keys:
    """The keys of one state file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS keys"
            " (owner TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (owner, name))"
        )

    def get(self, owner: str, name: str = "default") -> str:
        """Return a key, making it at the first call; `owner` is "host", "system" or "function/<name>"."""
        fresh = secrets.token_urlsafe(40)
        self._db.execute("INSERT OR IGNORE INTO keys VALUES (?, ?, ?)", (owner, name, fresh))
        row = self._db.execute("SELECT value FROM keys WHERE owner = ? AND name = ?", (owner, name))
        return str(row.fetchone()[0])

    def opens(self, given: str | None, level: str, function: str | None = None) -> bool:
        """
        Tell whether a key is good enough.

        Args:
            given: what the caller sent.
            level: "ANONYMOUS", "FUNCTION", "ADMIN" or "SYSTEM" (the durable webhooks).
            function: whose own key counts too at level FUNCTION.
        """
        if level == "ANONYMOUS":
            return True
        accepted = [self.get(*MASTER)]
        if level == "FUNCTION":
            accepted.append(self.get(*HOST))
            if function is not None:
                accepted.append(self.get(f"function/{function}"))
        elif level == "SYSTEM":
            accepted.append(self.get(*DURABLE))
        return given is not None and any(_same(given, key) for key in accepted)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())
