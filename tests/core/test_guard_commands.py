"""Commands of guards and of preflight go into a shell as they are, whatever Azure allows as a name."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from shared.core import preflight, restore_guards
from shared.core.preflight_facts import Check, Unseen, Verdict
from tests.core import facts, make
from tests.core.restore_cases import OUTAGE, PASSES, REFUSED
from tests.core.restore_scene import fine, resource
from tests.core.test_preflight import FAULTS, OTHER_FAULTS

ODD = make.GROUP.replace("rg-weu", "rg(prod).a_b-c")
"""Letters, digits, underscores, hyphens, full stops and parentheses may stand in the name of a group."""

MISSING = {"is_missing": True, "around": {"resource": Unseen(reason="does not exist")}}
NO_RIGHT = Unseen(reason="may not be read", scope=f"{make.GROUP}/x")
MORE: dict[str, dict[str, Any]] = {
    "a target that was deleted": {**MISSING, "deleted": {"properties": {}}},
    "a target that may not be read": {"around": {"resource": NO_RIGHT}},
    "a target of unknown shape": {"around": {"resource": {"id": 1}}},
    "a blob that may not be read": {"blob": NO_RIGHT},
    "a blob of an unknown account": {"blob": NO_RIGHT, "around": {"account": OUTAGE}},
    "calls that may not be counted": {"calls": NO_RIGHT},
    "an account that may not be read": {"around": {"account": NO_RIGHT, "role_assignments": NO_RIGHT}},
    "locks that may not be read": {"around": {"locks": NO_RIGHT, "permissions": NO_RIGHT}},
}
STORAGE: dict[str, dict[str, Any]] = {
    "a container that may not be read": {"has_container": NO_RIGHT, "account": OUTAGE},
    "a container behind a firewall": {"has_container": Unseen(reason="403", code="AuthorizationFailure")},
    "an old account": {"account": facts.account(kind="Storage")},
    "an unknown account": {"account": facts.account(kind="New")},
    "a perimeter": {"account": facts.account(publicNetworkAccess="SecuredByPerimeter")},
    "an account with doors": {"account": facts.firewall(ipRules=[{"value": "1.2.3.4"}])},
    "a service that is at work": {"resource": resource("Updating")},
    "a role that nobody knows": {"role_assignments": [facts.assignment("1-2-3")]},
}


def odd(value: Any) -> Any:
    """Return the same with another resource group, wherever its id stands."""
    if isinstance(value, str):
        return value.replace(make.GROUP, ODD)
    if isinstance(value, BaseModel):
        return type(value).model_validate_json(odd(value.model_dump_json(by_alias=True)))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {field.name: odd(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    if isinstance(value, Mapping):
        return {name: odd(part) for name, part in value.items()}
    return [odd(part) for part in value] if isinstance(value, list | tuple) else value


def of_guards() -> Iterator[Check]:
    """Yield what every guard says in every scene, for every kind of restore."""
    scenes = [*REFUSED.values(), *(scene for _, scene, _ in PASSES.values()), *MORE.values()]
    for scene, kind in itertools.product(scenes, ("restore", "replicate", "drill")):
        wish = {**(scene.get("wish") or {}), "kind": kind}
        yield from restore_guards.judge(odd(fine(**{**scene, "wish": wish})))


def of_preflight() -> Iterator[Check]:
    """Yield what every check says in every scene, for every way to the account."""
    faults = [
        {"resource": facts.resource(**change)} for change, _ in FAULTS.values() if "location" not in change
    ]
    scenes = [*faults, *(change for change, _ in OTHER_FAULTS.values()), *STORAGE.values()]
    for scene, access in itertools.product(scenes, (facts.SYSTEM, facts.USER, facts.KEY)):
        yield from preflight.judge(odd(facts.fine(access, **scene)))


@pytest.mark.parametrize("made", [of_guards, of_preflight])
def test_every_line_for_a_shell_can_be_read_by_one(made: Any) -> None:
    """No parenthesis is left bare, and `<angle brackets>` redirect nothing; each id stays one word."""
    checks = [check for check in made() if "az " in check.command]
    assert any(check.verdict is Verdict.NOT_CHECKED for check in checks)
    lines = sorted({check.command for check in checks})
    assert any(ODD in line for line in lines)

    for line in lines:
        found = subprocess.run(["bash", "-n", "-c", line], capture_output=True, text=True, check=False)
        assert (found.returncode, found.stderr) == (0, ""), line
        assert not _redirections(line), line
        words = shlex.split(line)
        assert not [word for word in words if make.GROUP in word], line
        if ODD in line:
            assert any(ODD in word for word in words), line


def _redirections(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="<>")
    return [part for part in lexer if set(part) <= set("<>")]
