"""
Who may call, and what each of them may not do.

Everybody may do everything until a right is denied over `/_sim/rights`. Actions are written as Azure writes
them (`Microsoft.ApiManagement/service/backup/action`), `*` stands for any text, case does not matter.
"""

from __future__ import annotations

import fnmatch
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.ids import made_up_guid


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """
    One workload identity. `identity_header` opens the managed-identity endpoint, `client_secret` OAuth2.
    """

    name: str
    object_id: str
    client_id: str
    identity_header: str = field(repr=False)
    client_secret: str = field(repr=False)


class Principals:
    """The register of workload identities and of what they are denied."""

    def __init__(self) -> None:
        self._known: list[Principal] = []
        self._denied: dict[str, tuple[str, ...]] = {}

    def add(
        self,
        name: str,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        identity_header: str | None = None,
    ) -> Principal:
        """
        Register an identity; what is not given is made up.

        Raises:
            ValueError: the name or the client id is taken.
        """
        principal = Principal(
            name=name,
            object_id=made_up_guid(f"principal:{name}"),
            client_id=client_id or made_up_guid(f"client:{name}"),
            identity_header=identity_header or secrets.token_hex(16),
            client_secret=client_secret or secrets.token_urlsafe(24),
        )
        if self.find(name) or self.find(principal.client_id):
            raise ValueError(f"a principal named {name!r} or with its client id exists already")
        self._known.append(principal)
        return principal

    def find(self, text: str) -> Principal | None:
        """Return the identity with that name, object id or client id."""
        wanted = text.lower()
        for one in self._known:
            if wanted in (one.name.lower(), one.object_id, one.client_id.lower()):
                return one
        return None

    def by_identity_header(self, header: str) -> Principal | None:
        """Return the owner of an identity header."""
        for one in self._known:
            if secrets.compare_digest(one.identity_header.encode(), header.encode()):
                return one
        return None

    def deny(self, object_id: str, actions: Iterable[str]) -> None:
        """Replace what an object id is denied; no actions means that everything is allowed again."""
        self._denied[object_id] = tuple(actions)

    def denied(self, object_id: str) -> tuple[str, ...]:
        """Return the actions that an object id is denied."""
        return self._denied.get(object_id, ())

    def may(self, object_id: str, action: str) -> bool:
        """Tell whether an object id may do an action."""
        wanted = action.lower()
        return not any(fnmatch.fnmatchcase(wanted, one.lower()) for one in self._denied.get(object_id, ()))

    def all(self) -> tuple[Principal, ...]:
        """Return every registered identity."""
        return tuple(self._known)
