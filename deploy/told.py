"""What the terminal says before and after the foundation is deployed. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.needs import ALL_ROLES, CONTRIBUTOR
from deploy.surroundings import SignIn
from deploy.work import Work

ROLES_IN_WORDS = dict(zip(ALL_ROLES, ("back up", "restore", "read usage", "check"), strict=True))
SHOWN_MAX = 10
WIDTH = 100


def beforehand(work: Work, who: SignIn) -> str:
    """Return what is about to be done, a line or two for each thing."""
    inputs, parameters = work.inputs, work.parameters()
    rows = [
        ("subscription", f"{who.subscription} ({inputs.subscription}), signed in as {who.user}"),
        ("region", f"{work.plan.region}: {_tasks(work)}"),
        ("stays", f"resource group {inputs.kept_group}, which azd down leaves alone: the app's identity, its "
                  f"host storage{', a network' if inputs.vnet_prefix else ''}"),
        ("plan", f"{work.plan_bytes / 1024:.1f} kB as the app's setting DR_PLAN"),
        ("records", _records(work)),
        *(("app may", line) for line in _service_rights(work)),
        *(("containers", line) for line in _shortened(_container_rights(work))),
    ]  # fmt: skip
    if parameters["changeSources"]:
        groups = sorted({one["resourceGroup"] for one in parameters["changeSources"]})
        rows.append(("events", f"write events of {_some(groups)} are heard of"))
    lines = ["What has to stay is made first:", *_rows(rows)]
    for sentence in work.warnings:
        lines += _wrapped(sentence, "  ! ")
    return "\n".join(lines)


def afterwards(work: Work) -> str:
    """Return what somebody has to do by hand, or that nothing is."""
    if not work.left:
        return "The foundation is in place; nothing is left to do by hand."
    lines = [f"The foundation is in place. Left to do ({len(work.left)}):"]
    for sentence in work.left:
        lines += _wrapped(sentence, "  - ")
    return "\n".join(lines)


def for_an_administrator(work: Work, template: Path, file: Path) -> str:
    """Return what to hand to somebody who may do what this account may not."""
    scopes = work.parameters()["roleSubscriptions"]
    return "\n".join(
        [
            "This account may not do all of that. The foundation makes roles and role assignments, so",
            "whoever deploys it needs Owner, or Contributor and User Access Administrator, on:",
            *(f"  /subscriptions/{one}" for one in scopes),
            "Or let an administrator run this once, in a copy of this folder with this file:",
            f"  az deployment sub create --name {work.inputs.deployment} \\",
            f"    --location {work.inputs.location} --subscription {work.inputs.subscription} \\",
            f"    --template-file {_shown(template)} \\",
            f"    --parameters @{_shown(file)}",
            "and then, here: azd env set APIM_DR_FOUNDATION given, and azd up. What was made so far stays,",
            "and is made no second time.",
        ]
    )


def _tasks(work: Work) -> str:
    region = work.plan.region
    found = work.around.discovered(work.plan)
    primaries = sum(1 for one in (*work.plan.services, *found) if one.region == region)
    standbys = sum(1 for one in work.plan.services if one.standby and one.standby.region == region)
    drills = sum(1 for one in work.plan.services if one.drill_target and one.drill_target.region == region)
    parts = [f"{primaries} to back up"]
    parts += [f"{standbys} to keep as standby"] if standbys else []
    parts += [f"{drills} to rehearse restores into"] if drills else []
    return ", ".join(parts)


def _records(work: Work) -> str:
    if not work.creates_account:
        return f"storage account {work.account}, which is there already; its settings stay as they are"
    container = work.plan.regions[work.plan.region].container
    is_there = "there already" if work.account in work.around.accounts else "new"
    named = ", ".join([container, *work.backup_containers])
    return (
        f"storage account {work.account} ({is_there}; no keys, old versions for at most "
        f"{work.inputs.version_days} days, deleted blobs for {work.inputs.soft_delete_days}) with the "
        f"containers {named}"
    )


def _service_rights(work: Work) -> Iterator[str]:
    by_roles: dict[tuple[str, ...], list[str]] = {}
    for resource_id, roles in work.seen_services().items():
        by_roles.setdefault(roles, []).append(resource_id.rsplit("/", 1)[-1])
    for roles, names in by_roles.items():
        yield f"{_words(roles)}: {_some(names)}"
    for subscription, roles in work.needs.discovery.items():
        yield f"{_words(roles)}: whatever has the plan's tags in subscription {subscription}"


def _container_rights(work: Work) -> Iterator[str]:
    for one in work.container_access:
        verb = "writes" if one["role"] == CONTRIBUTOR else "reads"
        yield f"{work.who[one['principalId']]} {verb} {one['account']}/{one['container']}"


def _words(roles: tuple[str, ...]) -> str:
    return ", ".join(ROLES_IN_WORDS[role] for role in roles)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    rest = f" and {len(listed) - SHOWN_MAX} more" if len(listed) > SHOWN_MAX else ""
    return ", ".join(listed[:SHOWN_MAX]) + rest


def _shortened(lines: Iterable[str]) -> list[str]:
    listed = list(lines)
    rest = [f"and {len(listed) - SHOWN_MAX} more"] if len(listed) > SHOWN_MAX else []
    return listed[:SHOWN_MAX] + rest


def _rows(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    former = ""
    for label, line in rows:
        yield from _wrapped(line, f"  {label if label != former else '':<14}")
        former = label


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width=WIDTH,
        initial_indent=indent,
        subsequent_indent=" " * len(indent),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(file: Path) -> str:
    return file.relative_to(file.parents[1] if file.parent.name == "infra" else file.parents[3]).as_posix()
