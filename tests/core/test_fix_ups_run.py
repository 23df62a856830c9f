"""Lines of the fix-up list that make several calls, run in a real shell with a stand-in for azure-cli."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.core.settings import source, target
from tests.core.test_fix_ups import listed, one

STAND_IN = """#!/bin/bash
case "$*" in
  *"account list"*) printf 'one\\ntwo\\n' ;;
  *"assignment list"*"--subscription one"*) printf 'Reader\\t/subscriptions/one/a b\\nOwner\\t/groups/c\\n' ;;
  *"assignment list"*"--subscription two"*) printf 'Owner\\t/groups/c\\nReader\\t/subscriptions/two\\n' ;;
  *"resource list"*"--subscription two"*"--name contoso "*) echo /subscriptions/two/vaults/contoso ;;
  *"resource list"*) ;;
  *) printf '%s\\n' "$@" ;;
esac
"""


def run(command: str, folder: Path) -> list[str]:
    """Run a line with a stand-in for azure-cli that prints its arguments, one a line."""
    (folder / "az").write_text(STAND_IN)
    (folder / "az").chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", command],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_every_role_of_the_source_is_given_to_the_target(tmp_path: Path) -> None:
    """Run in a real shell, in every subscription: each right once, names with spaces in one piece."""
    said = run(one(listed(source(), target()), "role assignments").command, tmp_path)

    given = [(said[at + 1], said[at + 3]) for at, word in enumerate(said) if word == "--role"]
    assert given == [
        ("Owner", "/groups/c"),
        ("Reader", "/subscriptions/one/a b"),
        ("Reader", "/subscriptions/two"),
    ]


def test_rights_that_cannot_be_listed_are_said() -> None:
    """Whoever runs the line must know what he has to look for himself."""
    why = one(listed(source(), target()), "role assignments").why

    assert all(word in why for word in ("groups", "access policies", "subscriptions"))


def test_a_gateway_token_is_asked_for_with_json(tmp_path: Path) -> None:
    """Run in a real shell: the date is filled in, and what is sent is JSON."""
    said = run(one(listed(source(), target()), "self-hosted gateway").command, tmp_path)

    sent = json.loads(said[said.index("--body") + 1])
    assert (sent["keyType"], sent["expiry"][-1]) == ("primary", "Z")


def test_a_vault_is_found_in_whichever_subscription_it_lies(tmp_path: Path) -> None:
    """Its address says no subscription, so all that azure-cli knows are searched; the scope is its id."""
    said = run(one(listed(source(), target()), "certificate of api").command, tmp_path)

    assert said[said.index("--scope") + 1] == "/subscriptions/two/vaults/contoso"


def test_a_vault_that_is_not_found_gives_no_right_to_anything_else(tmp_path: Path) -> None:
    """The line ends with what is missing, and assigns nothing."""
    command = one(listed(source(), target()), "certificate of api").command.replace("contoso", "other")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(command, tmp_path)

    assert "no subscription here has the vault" in failed.value.stderr
    assert "create" not in failed.value.stdout
