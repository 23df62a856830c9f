"""What the policy scanner checkov says: nothing unexplained, and no explanation without a finding."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import checkov
import pytest

pytestmark = pytest.mark.xdist_group("checkov")

ACCEPTED = json.loads((Path(__file__).parent / "checkov_accepted.json").read_text(encoding="utf-8"))
EXPLAINED = {(entry["check"], resource) for entry in ACCEPTED["findings"] for resource in entry["resources"]}
STORAGE = "infra/foundation/host-storage.bicep"


@pytest.fixture(scope="session")
def scan(tmp_path_factory):
    """Scan the templates as they are, and a copy with a planted fault, in one run."""
    assert checkov.SCANNER.exists(), checkov.MISSING
    folder = tmp_path_factory.mktemp("checkov").resolve()
    for part in ("now", "planted"):
        shutil.copytree(checkov.ROOT / "infra", folder / part / "infra")
    file = folder / "planted" / STORAGE
    content = file.read_text(encoding="utf-8")
    assert "'TLS1_2'" in content
    file.write_text(content.replace("'TLS1_2'", "'TLS1_0'"), encoding="utf-8")
    return checkov.scan(folder, ("now", "planted"))


def test_every_finding_is_explained(scan):
    """Who does not mend a finding says why, in checkov_accepted.json."""
    assert scan.findings["now"] - EXPLAINED == set()


def test_every_explanation_has_its_finding(scan):
    """An explanation that matches nothing would excuse something else one day."""
    assert EXPLAINED - scan.findings["now"] == set()


def test_a_planted_fault_is_found(scan):
    """TLS 1.0 on the host's storage, and nothing else that is new."""
    assert scan.findings["planted"] - scan.findings["now"] == {("CKV_AZURE_44", f"{STORAGE} account")}


def test_files_with_resources_are_read(scan, files):
    """The scanner's parser is older than ours; files of modules only have nothing that it could check."""
    resources = {file.name for file in files.values() if any(not e.is_existing for e in file.of("resource"))}
    modules_only = {
        name for name in scan.unread["now"] if name in {"infra/foundation.bicep", "infra/main.bicep"}
    }

    assert scan.unread["now"] & resources - modules_only == ACCEPTED["unread"].keys()


def test_the_scanner_calls_nobody(scan):
    """Neither for policies nor for news of itself: the proxy that it was given saw no connection."""
    assert scan.calls == 0


def test_explanations_are_sentences_and_stand_once():
    """One entry for each check, with a reason."""
    checks = [entry["check"] for entry in ACCEPTED["findings"]]

    assert len(checks) == len(set(checks))
    assert all(len(entry["reason"]) > 30 for entry in ACCEPTED["findings"])
