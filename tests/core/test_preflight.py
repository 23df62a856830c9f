"""Preflight as a whole: every check is made, none hides another, and what was not read is never ok."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.preflight import CHECKS, judge, refusal_fault, remarks, worst
from shared.core.preflight_facts import Check, Facts, Unseen, Verdict
from tests.core import make
from tests.core.facts import (
    KEY,
    SYSTEM,
    UNSEEN,
    USER,
    account,
    assignment,
    cors,
    fine,
    firewall,
    lock,
    permission,
    resource,
    workspace_link,
)

READ_FACTS = (
    "resource", "workspace_links", "permissions", "locks", "account", "blob_service", "role_assignments",
    "has_container",
)  # fmt: skip

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "tier": ({"tier": "Consumption"}, "TierHasBackup"),
    "region": ({"location": "France Central"}, "RegionAsPlanned"),
    "state": ({"state": "Failed"}, "ServiceUsable"),
    "identity": ({"identity": {"type": "None"}}, "IdentityEnabled"),
}
"""Faults of the service's own resource, as arguments of `resource`; they are combined in one resource."""

OTHER_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "workspaces": ({"workspace_links": [workspace_link("/g")]}, "NoWorkspaceGateways"),
    "rights": ({"permissions": [permission("*/read")]}, "BackupAllowed"),
    "locks": ({"locks": [lock("ReadOnly")]}, "NoReadOnlyLock"),
    "container": ({"has_container": False}, "ContainerExists"),
    "firewall": ({"account": firewall()}, "FirewallLetsIn"),
    "name": ({"backup_name": "foreign.zip"}, "NamesValid"),
    "version": ({"api_version": "2020-01-01"}, ""),
}


def _combined(chosen: set[str]) -> Facts:
    own: dict[str, Any] = {}
    for name in chosen & FAULTS.keys():
        own |= FAULTS[name][0]
    location = own.pop("location", None)
    found = resource(**own)
    if location:
        found["location"] = location
    facts = fine(resource=found)
    for name in chosen & OTHER_FAULTS.keys():
        facts = replace(facts, **OTHER_FAULTS[name][0])
    return facts


@pytest.mark.parametrize("access", [SYSTEM, USER, KEY], ids=lambda access: access.type)
def test_with_fine_facts_every_check_is_ok(access: Any) -> None:
    """Whatever the service reaches its storage with."""
    checks = judge(fine(access))

    assert [check for check in checks if check.verdict is not Verdict.OK] == []
    assert refusal_fault(checks) is None
    assert remarks(checks, "contoso") == ()


@given(chosen=st.sets(st.sampled_from([*FAULTS, *OTHER_FAULTS])))
def test_no_check_hides_another(chosen: set[str]) -> None:
    """Whatever faults come together, each is refused as it is alone, and every check is there."""
    checks = judge(_combined(chosen))

    refused = {check.name for check in checks if check.verdict is Verdict.REFUSAL}
    expected = {name for fault in chosen for name in [(FAULTS | OTHER_FAULTS)[fault][1]] if name}
    assert [check.name for check in checks] == [row.name for row in CHECKS]
    assert expected <= refused


@given(unseen=st.sets(st.sampled_from(READ_FACTS)), access=st.sampled_from([SYSTEM, USER, KEY]))
def test_a_fact_that_was_not_read_changes_no_other_check(unseen: set[str], access: Any) -> None:
    """What cannot be read makes its own checks `notChecked` or a refusal, and the rest stays ok."""
    checks = judge(fine(access, **dict.fromkeys(unseen, UNSEEN)))

    touched = {check.name: check.verdict for check in checks if check.verdict is not Verdict.OK}
    assert Verdict.WARNING not in touched.values()
    refused = {name for name, verdict in touched.items() if verdict is Verdict.REFUSAL}
    assert refused == {
        name
        for name, fact in (("ServiceReadable", "resource"), ("ContainerReadable", "has_container"))
        if fact in unseen
    }
    assert set(touched) <= set(itertools.chain(*(NEEDS[fact] for fact in unseen)))


NEEDS = {
    "resource": {
        "ServiceReadable", "TierHasBackup", "RegionAsPlanned", "ApiVersionAllowed", "ServiceUsable",
        "IdentityEnabled", "IdentityMayWrite",
    },
    "workspace_links": {"NoWorkspaceGateways"},
    "permissions": {"BackupAllowed", "ResultReadable"},
    "locks": {"NoReadOnlyLock"},
    "account": {"AccountRaisesEvents", "SharedKeyAllowed", "FirewallLetsIn", "IdentityMayWrite"},
    "blob_service": {"NoCorsRules"},
    "role_assignments": {"IdentityMayWrite"},
    "has_container": {"ContainerExists", "ContainerReadable"},
}  # fmt: skip
"""Which checks need which fact."""


@pytest.mark.parametrize("fact", READ_FACTS)
def test_what_was_not_read_is_never_ok(fact: str) -> None:
    """With an identity, every check that needs the fact says that it was not made, or refuses."""
    needs = NEEDS[fact] - {"SharedKeyAllowed"}
    checks = {check.name: check for check in judge(fine(**{fact: UNSEEN}))}

    assert Verdict.OK not in {checks[name].verdict for name in needs}
    not_checked = [check for check in checks.values() if check.verdict is Verdict.NOT_CHECKED]
    assert {check.cause for check in not_checked} <= {
        UNSEEN.reason,
        "the id of the storage account is not known",
    }


@pytest.mark.parametrize("fact", READ_FACTS[:-1])
@pytest.mark.parametrize(
    "broken", [[], {}, "text", 7, [7], {"properties": 7}, {"properties": {"cors": 7, "networkAcls": 7}}],
    ids=repr,
)  # fmt: skip
def test_an_answer_of_another_shape_hides_no_other_check(fact: str, broken: Any) -> None:
    """Whatever comes instead of what is documented: all checks are there, and none crashes."""
    checks = judge(fine(KEY, **{fact: broken}))

    assert [check.name for check in checks] == [row.name for row in CHECKS]
    others = [check for check in checks if check.name not in NEEDS[fact] | {"NoCorsRules"}]
    assert {check.verdict for check in others} == {Verdict.OK}


@pytest.mark.parametrize("shape", ["text", 7, [7], {"properties": 7}], ids=repr)
def test_a_service_of_another_shape_is_not_ok(shape: Any) -> None:
    """The tier of something that is no service was not checked."""
    checks = {check.name: check.verdict for check in judge(fine(resource=shape))}

    assert {checks["TierHasBackup"], checks["IdentityEnabled"]} == {Verdict.NOT_CHECKED}


def test_whatever_is_not_ok_says_what_mends_it() -> None:
    """Refusals and warnings have a cause, a command and a link; every check has a link."""
    many = _combined({*FAULTS, *OTHER_FAULTS})
    worse = fine(
        KEY,
        account=account(kind="Storage", allowSharedKeyAccess=False),
        blob_service=cors({"allowedMethods": ["PATCH"]}),
        permissions=[],
        resource=UNSEEN,
        has_container=UNSEEN,
        key_fault="is missing",
    )
    doubtful = fine(role_assignments=[assignment(role="12345678-0000-0000-0000-000000000000")])
    checks = [
        *judge(many),
        *judge(worse),
        *judge(doubtful),
        *judge(fine(resource=resource(state="Updating"))),
    ]
    spoken = [check for check in checks if check.verdict in {Verdict.REFUSAL, Verdict.WARNING}]

    assert {check.name for check in spoken} == {row.name for row in CHECKS} - {"ApiVersionAllowed"}
    assert [check.name for check in spoken if not (check.cause and check.command)] == []
    assert all(check.link.startswith("https://") for check in checks)


def test_a_missing_right_is_mended_where_it_is_missing() -> None:
    """The role that reads, at the thing that could not be read; an outage has nothing to mend."""
    locks = Unseen(reason="may not be read", scope="/the/service")
    links = Unseen(reason="could not be read: 503", for_now=True)
    commands = {check.name: check.command for check in judge(fine(locks=locks, workspace_links=links))}

    assert commands["NoReadOnlyLock"].endswith("--role Reader --scope /the/service")
    assert commands["NoWorkspaceGateways"] == ""


def test_commands_name_the_things_themselves() -> None:
    """A command can be pasted: it holds ids of this service, no template's."""
    checks = judge(fine(has_container=False, role_assignments=[], locks=[lock("ReadOnly", "freeze")]))
    commands = " ".join(check.command for check in checks)

    assert "--name apim-backups" in commands
    assert f"{make.GROUP}/providers/Microsoft.Authorization/locks/freeze" in commands
    assert "--assignee-object-id aaaaaaaa-1111-2222-3333-444444444444" in commands


def _check(name: str, verdict: Verdict) -> Check:
    return Check(name=name, verdict=verdict, cause=f"{name} is so", command=f"mend {name}")


def test_a_fault_names_every_refusal_and_every_command() -> None:
    """The run that is refused says all of it at once; warnings are not part of it."""
    checks = [_check("A", Verdict.REFUSAL), _check("W", Verdict.WARNING), _check("B", Verdict.REFUSAL)]

    fault = refusal_fault(checks)

    assert fault is not None
    assert (fault.code, fault.message) == ("Refused", "A: A is so; B: B is so")
    assert fault.hint == "A: mend A; B: mend B"


def test_remarks_are_a_line_for_each_warning_and_one_for_what_was_not_checked() -> None:
    """A record is not filled by checks that could not be made."""
    verdicts = [Verdict.OK, Verdict.WARNING, Verdict.NOT_CHECKED, Verdict.WARNING, Verdict.NOT_CHECKED]
    checks = [_check(name, verdict) for name, verdict in zip("abcde", verdicts, strict=True)]

    assert remarks(checks, "contoso") == (
        "preflight: b: b is so",
        "preflight: d: d is so",
        "preflight: not checked: c, e (GET /api/preflight?service=contoso says why)",
    )


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("", "ok"),
        ("ok ok", "ok"),
        ("ok notChecked", "notChecked"),
        ("notChecked warning ok", "warning"),
        ("warning refusal notChecked", "refusal"),
    ],
)
def test_the_worst_verdict_counts(verdicts: str, expected: str) -> None:
    """Of a whole service there is one word."""
    checks = [_check("x", Verdict(verdict)) for verdict in verdicts.split()]

    assert worst(checks) == expected


def test_every_fact_that_can_be_unseen_is_tried_here() -> None:
    """A new fact gets its place in these tests."""
    unseeable = {field.name for field in fields(Facts) if "Unseen" in str(field.type)}

    assert unseeable == set(READ_FACTS) == set(NEEDS)
    assert Unseen(reason="x").for_now is False
