"""Who fails in the night of twenty, and the word that each must get, whichever version writes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What befalls a service, the word and the code of the fault that are true then, and its runs."""

    misfortune: str
    """Of tests.world.misfortunes: planted in the simulated Azure before the night."""
    word: str
    code: str
    runs: int
    posts: int
    is_quick: bool = False
    """Its backup takes a minute instead of six."""


def _fails(*, is_quick: bool = False) -> Trouble:
    return Trouble(
        misfortune="failsalways", word="Failed", code="BackupFailed", runs=3, posts=3, is_quick=is_quick
    )


def _leaves_nothing(*, is_quick: bool = False) -> Trouble:
    return Trouble(
        misfortune="emptyblob", word="Failed", code="UnusableBackup", runs=3, posts=3, is_quick=is_quick
    )


_REFUSED = Trouble(misfortune="wrongtier", word="Refused", code="Refused", runs=1, posts=0)
_DENIED = Trouble(misfortune="polls403", word="PollDenied", code="AuthorizationFailed", runs=1, posts=1)

TROUBLES = {
    # A sees the end
    "svc-02": _fails(is_quick=True),
    "svc-03": _REFUSED,
    # A begins, B sees the end
    "svc-06": _fails(),
    "svc-07": _leaves_nothing(),
    "svc-08": _DENIED,
    # B begins
    "svc-16": _fails(is_quick=True),
    "svc-17": _leaves_nothing(is_quick=True),
    "svc-18": _REFUSED,
    "svc-19": _DENIED,
}
"""By service, and by what is done by which version if A dies at a POST in the middle."""

SUCCEED = 20 - len(TROUBLES)
