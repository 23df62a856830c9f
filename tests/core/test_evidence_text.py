"""The evidence as text: complete, the same each time, and safe whatever things are called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from shared.core.evidence_text import as_markdown
from shared.core.fix_ups import fix_ups
from shared.core.inventory import Difference, classified
from shared.core.lro import Fault
from shared.core.preflight_facts import Check, Verdict
from shared.core.reports import FixUp, GatewayProbe, RestoreReport, SettingDifference
from shared.core.restore_points import Copied
from shared.core.runs import Outcome
from shared.core.settings_compare import compare_settings
from tests.core import make
from tests.core.settings import TARGET, source, target

GOLDEN = Path(__file__).with_name("evidence.golden.md")
DIFFERENCES = (
    Difference(entity="/apis/orders", what="altered"),
    Difference(entity="/tags/blue", what="missing"),
    Difference(entity="/users/eve", what="added"),
)
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


UNCOMPARED: dict[str, Any] = {
    "uncompared": "there is no inventory",
    "entities": None,
    "counts": {},
    "differences": (),
    "differences_total": 0,
    "restore_duration_s": None,
    "rto_kept": None,
}


def report(**changes: Any) -> RestoreReport:
    """Return the report of a drill in which something of everything was found."""
    point = make.restore_point()
    settings = compare_settings(source(), target())
    full: dict[str, Any] = {
        "run_id": "20261123T030000Z-drill-contoso-12345678",
        "kind": "drill",
        "service": "contoso",
        "target": TARGET,
        "point": point.model_copy(update={"warnings": ("suspiciously small: 1 KB",)}),
        "requested_at": make.after(hours=1),
        "posted_at": make.after(hours=1, minutes=1),
        "running_at": make.after(hours=1, minutes=19),
        "restored_at": make.after(hours=1, minutes=20),
        "verified_at": make.after(hours=1, minutes=21),
        "recovery_point_age_s": 81 * 60,
        "restore_duration_s": 21 * 60,
        "rto_s": 3600,
        "rto_kept": True,
        "entities": 4,
        "counts": {"apis": 3, "users": 1},
        "differences": classified(DIFFERENCES),
        "differences_total": 3,
        "outcome": Outcome.FAILED,
        "fault": Fault(code="RestoreDiffers", message="3 entities differ", hint="Compare them by hand."),
        "guards": (
            Check(name="TierEqual", verdict=Verdict.OK, cause="both are Developer"),
            Check(name="NoTraffic", verdict=Verdict.WARNING, cause="its traffic could not be read"),
        ),
        "settings": settings,
        "settings_total": len(settings),
        "not_compared": ("subscriptions: AuthorizationFailed",),
        "gateway": GatewayProbe(url="https://contoso-neu.azure-api.net/status", status=503, said="Starting"),
        "fix_ups": fix_ups(
            point, TARGET, sidecar=source(), settings=target(), entities={"/gateways/factory": "0"}
        ),
        "safety_backup": "safety-of-contoso_20261123T030000Z.apimbackup",
        "warnings": ("the gateway answered 503",),
        **changes,
    }
    return RestoreReport(**full)


def section(text: str, title: str) -> str:
    """Return what stands under a heading."""
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_whole_text_is_the_golden_one() -> None:
    """A change of the text is a change of this file: write as_markdown(report()) into it, and read it."""
    assert as_markdown(report()) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (Outcome.SUCCEEDED, "Everything that was compared is in the target as it was in the backup."),
        (Outcome.FAILED, "The target does not hold what the backup holds."),
        (Outcome.OUTCOME_UNKNOWN, "Whether the target holds what the backup holds is not proven."),
    ],
)
def test_each_word_is_said_as_a_sentence(word: Outcome, sentence: str) -> None:
    """The second line tells it to somebody who does not know the words."""
    assert as_markdown(report(outcome=word)).splitlines()[2] == sentence


def test_every_kind_of_difference_is_counted_and_every_one_is_named() -> None:
    """What is missing comes first."""
    text = section(as_markdown(report()), "Comparison with the backup")

    assert "3 entities differ: 1 missing, 2 unexpected." in text
    named = re.findall(r"^- (\w+): `(.+)`$", text, re.MULTILINE)
    assert named == [("missing", "/tags/blue"), ("altered", "/apis/orders"), ("added", "/users/eve")]


def test_a_list_that_was_cut_says_so() -> None:
    """The total is the truth."""
    text = section(as_markdown(report(differences_total=4000)), "Comparison with the backup")

    assert "4000 entities differ; the first 3 are shown, and of these: 1 missing, 2 unexpected." in text


def test_every_fix_up_stands_under_its_urgency_with_its_command() -> None:
    """Nothing of the list is lost on the way to the page."""
    text = section(as_markdown(report()), "What is left to do")

    titles = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert titles == ["Needed", "Could not be told, or is for a person to decide", "Nothing to do"]
    fences = [token.content for token in PARSER.parse(text) if token.type == "fence"]
    assert fences == [f"{one.command}\n" for one in report().fix_ups]


@pytest.mark.parametrize(
    ("changes", "title", "said"),
    [
        ({"settings": None}, "Settings that no restore carries", "Not compared"),
        ({"settings": ()}, "Settings that no restore carries", "None differs among those that could be read"),
        ({"gateway": None}, "Gateway", "Not asked"),
        (
            {"gateway": GatewayProbe(url="https://x", status=None, said="ConnectTimeout")},
            "Gateway",
            "It could not be reached at `https://x`: ConnectTimeout.",
        ),
        ({"gateway": GatewayProbe(url="https://x", status=200, said="")}, "Gateway", "and serves"),
        ({"guards": ()}, "Guards before it was sent", "Their verdicts are not in this report."),
        ({"warnings": ()}, "Warnings", "None."),
        ({"fix_ups": ()}, "What is left to do", "Not in this report."),
        ({"differences": (), "differences_total": 0}, "Comparison with the backup", "No entity differs."),
        ({"rto_kept": False}, "Times", "Promised duration: 1 h 0 min, missed"),
        ({"rto_s": None}, "Times", "From the request to the proof: 21 min 0 s"),
        ({"is_seen_late": True}, "Times", "From the request to the later look that compared: 21 min 0 s"),
        ({"rto_kept": None}, "Times", "Promised duration: 1 h 0 min, whether it was kept is not known"),
        (UNCOMPARED, "Comparison with the backup", "Not compared, because there is no inventory."),
        (UNCOMPARED, "Times", "Age of the data when this was written"),
    ],
)
def test_what_is_not_there_is_said(changes: dict[str, Any], title: str, said: str) -> None:
    """A reader must not take a gap for a good sign."""
    assert said in section(as_markdown(report(**changes)), title)


def test_what_was_not_read_is_not_checked() -> None:
    """Beside what nobody ever checks."""
    text = section(as_markdown(report()), "What was not checked")

    assert "subscriptions: AuthorizationFailed" in text
    assert "Secret values" in text


def test_the_backup_can_be_checked_by_hand() -> None:
    """The line reads the blob, and the hash is the one to compare with."""
    text = section(as_markdown(report()), "How to check the backup by hand")

    assert "--account-name drprimary --container-name apim-backups" in text
    assert make.restore_point().sha256 in text


def test_a_copy_says_where_it_is_from() -> None:
    """The restored blob is not the one that the backup wrote."""
    copied = Copied(account="drprimary", container="apim-backups", at=make.after(minutes=30))
    text = as_markdown(report(point=make.restore_point(copied=copied)))

    assert "It is a copy, made 2026-11-23 02:30:00 UTC from `drprimary`" in text


def test_an_old_report_can_still_be_written_out() -> None:
    """One of a release that knew no settings, no gateway and no list."""
    now = report()
    old = {key: now.to_json()[key] for key in ("runId", "service", "target", "point", "counts", "entities")}
    times = ("requestedAt", "verifiedAt", "recoveryPointAgeS", "restoreDurationS", "differencesTotal")
    old |= {key: now.to_json()[key] for key in times}
    old["differences"] = [{"entity": "/apis/orders", "what": "altered"}]

    text = as_markdown(RestoreReport.from_json(old))

    assert "- altered: `/apis/orders`" in text


NASTY = st.text(st.sampled_from("`*_[]()<>&|~#!\\-+:/@ \n\r=1w.\u2028\u202e"), min_size=1, max_size=25)


@given(NASTY)
def test_no_name_changes_what_the_page_is_made_of(name: str) -> None:
    """However an entity, a setting, a cause or a command reads: the same headings, lists and blocks."""
    plain, nasty = (_structure(_named(one)) for one in ("harmless", name))

    assert nasty == plain


def _named(name: str) -> str:
    check = Check(name="TierEqual", verdict=Verdict.OK, cause=name)
    setting = SettingDifference(part="general", setting=name, source=name, target=None)
    fix_up = FixUp(what=name, why=name, command=name)
    changes: dict[str, Any] = {
        "differences": classified([Difference(entity=name, what="missing")]),
        "fault": Fault(code="RestoreDiffers", message=name, hint=name),
        "guards": (check,),
        "settings": (setting,),
        "not_compared": (name,),
        "gateway": GatewayProbe(url="https://x", status=None, said=name),
        "fix_ups": (fix_up,),
        "warnings": (name,),
    }
    return as_markdown(report(**changes))


def _structure(text: str) -> list[str]:
    found = []
    for token in PARSER.parse(text):
        found.append(token.type)
        strange = {child.type for child in token.children or ()} - {"text", "code_inline", "softbreak"}
        assert not strange, strange
    return found
