"""
The evidence of a restore as text for a person who has never seen this app. Pure; Markdown.

Times are UTC. Nothing has to be looked up elsewhere: what was done, what was found, what is left to do, what
nobody looked at, and how to check the rest by hand.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from shared.core.markdown import block, code, plain
from shared.core.reports import FixUp, RestoreReport
from shared.core.runs import Outcome

_KINDS = {
    "restore": "a restore that somebody asked for",
    "replicate": "a replication to a standby",
    "drill": "a rehearsal of a restore",
}

_WORDS = {
    Outcome.SUCCEEDED: "Everything that was compared is in the target as it was in the backup.",
    Outcome.FAILED: "The target does not hold what the backup holds.",
    Outcome.OUTCOME_UNKNOWN: "Whether the target holds what the backup holds is not proven.",
}

_NEVER_CHECKED = (
    "Secret values, keys and passwords: they are in no digest. A secret that changed is not seen.",
    "Entities of kinds that the inventory does not list; the counts above name those that it does.",
    "Whether the back ends can be reached from the target, and whether its policies do what they should.",
    "Certificates, rights of identities, DNS, portal content and self-hosted gateways: see what is left.",
)


def as_markdown(report: RestoreReport) -> str:
    """Return the whole report; always the same for the same report."""
    sections = (
        _head(report),
        _course(report),
        _guards(report),
        _comparison(report),
        _settings(report),
        _gateway(report),
        _left_to_do(report),
        _section("Warnings", [f"- Warning: {plain(line)}" for line in report.warnings] or ["None."]),
        _not_checked(report),
        _by_hand(report),
    )
    return "\n".join("\n".join(section) for section in sections)


def _head(report: RestoreReport) -> list[str]:
    point, word = report.point, report.outcome
    lines = [
        f"- What it was: {_KINDS[report.kind]}, run {code(report.run_id)}",
        f"- From: {code(point.source.resource_id)}, in {code(point.source.region)}, tier {code(point.tier)}",
        f"- Into: {code(report.target.resource_id)}, in {code(report.target.region)}",
        f"- Backup: {code(point.name)}, started {_time(point.started_at)}, ended {_time(point.ended_at)}, "
        f"can be restored until {_time(point.expires_at)}",
        f"- Where the backup lay: container {code(point.container)} of storage account {code(point.account)}",
    ]
    if point.copied:
        lines.append(f"- It is a copy, made {_time(point.copied.at)} from {code(point.copied.account)}")
    lines += [f"- Said of the backup when it was made: {plain(line)}" for line in point.warnings]
    if report.fault:
        lines.append(f"- Why {word}: {plain(report.fault.message or report.fault.code)}")
        lines += [f"- What to do: {plain(report.fault.hint)}"] if report.fault.hint else []
    safety = code(report.safety_backup) if report.safety_backup else "none was made in this run"
    lines.append(f"- Backup of what the target held before: {safety}")
    title = f"# Restore of {code(report.service)} into {code(report.target.name)}: {word or 'no word'}"
    sentence = _WORDS.get(word) if word else None
    return [title, "", *([sentence, ""] if sentence else []), *lines, ""]


def _course(report: RestoreReport) -> list[str]:
    moments = (
        ("Sent to Azure", report.posted_at),
        ("Last seen at work", report.running_at),
        ("Over, and comparison begun", report.restored_at),
        ("This written" if report.uncompared else "Compared, and this written", report.verified_at),
    )
    lines = [f"- Asked for: {_time(report.requested_at)}"]
    lines += [
        f"- {what}: {_time(at)}, after {_span((at - report.requested_at).total_seconds())}"
        for what, at in moments
        if at is not None
    ]
    lines += _duration(report)
    age = _span(report.recovery_point_age_s)
    when = "this was written" if report.uncompared else "it was verified"
    lines.append(f"- Age of the data when {when}: {age}. Later changes of the source are not in it.")
    return _section("Times", lines)


def _duration(report: RestoreReport) -> list[str]:
    lines = []
    if report.restore_duration_s is not None and report.is_seen_late:
        took = _span(report.restore_duration_s)
        lines.append(f"- From the request to the later look that compared: {took}. The restore took less")
    elif report.restore_duration_s is not None:
        lines.append(f"- From the request to the proof: {_span(report.restore_duration_s)}")
    if report.rto_s is not None:
        kept = {True: "kept", False: "missed", None: "whether it was kept is not known"}[report.rto_kept]
        lines.append(f"- Promised duration: {_span(report.rto_s)}, {kept}")
    return lines


def _guards(report: RestoreReport) -> list[str]:
    lines = [f"- {code(check.name)} {check.verdict}: {plain(check.cause)}" for check in report.guards]
    return _section("Guards before it was sent", lines or ["Their verdicts are not in this report."])


def _comparison(report: RestoreReport) -> list[str]:
    if report.uncompared:
        return _section("Comparison with the backup", [f"Not compared, because {plain(report.uncompared)}."])
    counted = ", ".join(f"{code(kind)} {number}" for kind, number in report.counts.items())
    lines = [f"The target holds {report.entities} entities: {counted or 'none'}.", ""]
    if not report.differences_total:
        return _section("Comparison with the backup", [*lines, "No entity differs."])
    kinds = Counter(one.kind or one.what for one in report.differences)
    said = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    shown = len(report.differences)
    rest = "" if shown == report.differences_total else f"; the first {shown} are shown, and of these"
    lines += [f"{report.differences_total} entities differ{rest}: {said}.", ""]
    lines += [f"- {one.what}: {code(one.entity)}" for one in report.differences]
    return _section("Comparison with the backup", lines)


def _settings(report: RestoreReport) -> list[str]:
    title = "Settings that no restore carries"
    if report.settings is None:
        return _section(title, ["Not compared: see what was not checked."])
    if not report.settings:
        return _section(title, ["None differs among those that could be read."])
    lines = [
        f"{report.settings_total} differ, as is to be expected. `~` stands for each service itself.",
        "",
    ]
    lines += [
        f"- {one.part}, {code(one.setting)}: source {_value(one.source)}, target {_value(one.target)}"
        for one in report.settings
    ]
    return _section(title, lines)


def _gateway(report: RestoreReport) -> list[str]:
    probe = report.gateway
    if probe is None:
        return _section("Gateway", ["Not asked: no URL of it was seen."])
    if probe.status is None:
        said = f"It could not be reached at {code(probe.url)}: {plain(probe.said)}"
    else:
        said = (
            f"It answered {probe.status} at {code(probe.url)}{', and serves' if probe.is_answering else ''}"
        )
    return _section("Gateway", [said + "."])


def _left_to_do(report: RestoreReport) -> list[str]:
    groups = (
        (True, "Needed"),
        (None, "Could not be told, or is for a person to decide"),
        (False, "Nothing to do"),
    )
    lines: list[str] = []
    for is_needed, title in groups:
        members = [one for one in report.fix_ups if one.is_needed is is_needed]
        if members:
            lines += [f"### {title}", "", *_fix_ups(members)]
    intro = "Commands are for bash with azure-cli; what stands in `<angle brackets>` is to be chosen."
    return _section("What is left to do", [intro, "", *lines[:-1]] if lines else ["Not in this report."])


def _fix_ups(members: Iterable[FixUp]) -> list[str]:
    lines: list[str] = []
    for one in members:
        lines += [f"- What: {plain(one.what)}. Why: {plain(one.why)}.", ""]
        lines += [*("  " + line for line in block(one.command)), ""]
    return lines


def _not_checked(report: RestoreReport) -> list[str]:
    unread = [f"- Could not be read: {plain(line)}" for line in report.not_compared]
    return _section("What was not checked", [*unread, *(f"- {line}" for line in _NEVER_CHECKED)])


def _by_hand(report: RestoreReport) -> list[str]:
    point = report.point
    download = (
        f"az storage blob download --auth-mode login --account-name {point.account} "
        f"--container-name {point.container} --name {point.name} --file backup && sha256sum backup"
    )
    lines = [
        "The restored backup is the one that was verified if this prints",
        f"{code(point.sha256)} ({point.size_bytes} bytes):",
        "",
        *block(download),
    ]
    return _section("How to check the backup by hand", lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""]


def _value(text: str | None) -> str:
    return "not set" if text is None else code(text)


def _time(at: dt.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _span(seconds: float) -> str:
    """Return a duration in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
