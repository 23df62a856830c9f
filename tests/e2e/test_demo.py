"""The demo as a newcomer runs it: what it leaves, what it says, and that nothing outlives it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from tests.e2e.conftest import DemoProcess

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("demo")]
Start = Callable[..., "DemoProcess"]


def _read(demo: DemoProcess, url: str, audience: str) -> requests.Response:
    """Read something as another principal than the demo's own, past the demo's code."""
    ready = json.loads((demo.work / "ready" / "simulator.json").read_text())
    token = requests.get(
        ready["identityEndpoint"],
        params={"api-version": "2019-08-01", "resource": audience},
        headers={"X-IDENTITY-HEADER": ready["identityHeader"]},
        timeout=10,
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
    return requests.get(url, headers=headers, verify=str(demo.work / "ca" / "ca.pem"), timeout=10)


def _blob(demo: DemoProcess, summary: dict[str, Any], path: str) -> bytes:
    answer = _read(demo, f"{summary['addresses']['storage.blobs']}/{path}", "https://storage.azure.com")
    assert answer.status_code == 200, answer.text
    return answer.content


def _secrets_in(demo: DemoProcess) -> list[str]:
    """Return what looks like a key, the secret named value or a token in output, logs and results."""
    written = [
        demo.output,
        *(demo.work / "logs").iterdir(),
        *demo.work.glob("*.json"),
        *demo.work.glob("*.md"),
    ]
    text = "\n".join(file.read_text(errors="replace") for file in written)
    return [word for word in ("AccountKey=", "pgk-", "Bearer ", "access_token") if word in text]


def test_a_demo_leaves_a_recorded_restore_point_and_an_equal_standby(start_demo: Start) -> None:
    """With everything left up, storage and the simulator confirm what summary.json says."""
    demo = start_demo("--keep")
    demo.until(lambda: bool(demo.summary()) and "To try next" in demo.text(), "it stays up")
    summary = demo.summary()
    backup = summary["backup"]
    key = f"apim-dr/restore-points/nordhav/{backup['restorePoint']}.json"
    copied = json.loads(_blob(demo, summary, f"drstandby/{key}"))
    copy = _blob(demo, summary, f"drstandby/{copied['container']}/{copied['name']}")
    evidence = json.loads(
        _blob(demo, summary, f"drstandby/apim-dr/evidence/{summary['restore']['runId']}.json")
    )
    record = json.loads(_blob(demo, summary, f"drprimary/{key}"))
    blob = _blob(demo, summary, f"drprimary/{record['container']}/{record['name']}")
    counts = demo.simulator("counts")
    demo.pids()
    demo.process.send_signal(signal.SIGINT)

    assert demo.end() == 0, demo.text()
    assert summary["result"] == "Succeeded"
    assert summary["differences"] == []
    assert (len(blob), hashlib.sha256(blob).hexdigest()) == (record["sizeBytes"], record["sha256"])
    assert (backup["bytes"], backup["sha256"]) == (record["sizeBytes"], record["sha256"])
    assert copy == blob
    assert (copied["account"], copied["copied"]["account"]) == ("drstandby", "drprimary")
    assert summary["fixUps"] == evidence["fixUps"]
    assert {one["what"] for one in evidence["fixUps"] if one["isNeeded"]} >= {"custom host names"}
    assert "needed      custom host names" in demo.text()
    assert backup["polls"] >= 2
    assert summary["restore"]["polls"] >= 2
    assert (counts["POST backup"], counts["POST restore"]) == (1, 1)
    assert not demo.survivors()
    assert not _secrets_in(demo)


def test_a_lost_region_ends_in_a_standby_from_its_own_storage(start_demo: Start) -> None:
    """The primary's app and storage are gone; the restore read the standby's account, says the simulator."""
    demo = start_demo("--keep", "--scenario", "region-loss")
    demo.until(lambda: bool(demo.summary()) and "To try next" in demo.text(), "it stays up")
    summary = demo.summary()
    state = demo.simulator("state")
    asked = demo.simulator("calls?contains=nordhav-weu")["value"]
    pids = demo.pids()
    alive = set(demo.survivors())
    with pytest.raises(requests.ConnectionError):
        _blob(demo, summary, "drprimary/apim-dr?restype=container&comp=list")
    demo.process.send_signal(signal.SIGINT)

    assert demo.end() == 0, demo.text()
    assert summary["result"] == "Succeeded"
    assert summary["differences"] == []
    assert summary["lostRegion"] == {"region": "westeurope", "armCalls": 0, "storageCalls": 0}
    assert state["lostRegions"] == {"westeurope": "unreachable"}
    accounts = {one["operation"]: one["storageAccount"] for one in state["operations"]}
    assert accounts == {"backup": "drprimary", "restore": "drstandby"}
    assert summary["recoveryPointAgeS"] > summary["restoreDurationS"] > 0
    assert "find_unreplicated: timer, next at never" in (demo.work / "logs" / "standby.log").read_text()
    assert asked
    assert not any(one["faulted"] for one in asked)
    assert not alive & {pids["primary"], pids["relay"], pids["azurite-primary"]}
    assert {pids["standby"], pids["azurite-standby"]} <= alive
    assert not demo.survivors()
    assert not _secrets_in(demo)


def test_an_unknown_story_is_told_with_those_that_there_are(start_demo: Start) -> None:
    """Nothing is started."""
    demo = start_demo("--scenario", "atlantis")

    assert demo.end() == 2
    assert all(name in demo.text() for name in ("'atlantis'", "night", "region-loss"))
    assert not demo.work.exists()


def test_two_demos_side_by_side_do_not_meet(start_demo: Start) -> None:
    """The second of two demos with one folder says that it takes another; both end well."""
    first = start_demo()
    first.until(lambda: (first.work / "processes.json").exists(), "it starts processes")
    second = start_demo()
    second_work = first.work.with_name(f"{first.work.name}-2")

    assert (first.end(), second.end()) == (0, 0), first.text() + second.text()
    assert first.summary()["result"] == "Succeeded"
    assert json.loads((second_work / "summary.json").read_text())["result"] == "Succeeded"
    assert "is in use by another demo" in second.text()


MOMENTS: dict[str, Callable[[DemoProcess], bool]] = {
    "the first process is started": lambda demo: "azurite-primary" in demo.pids(),
    "the services are created": lambda demo: demo.count("PUT service") > 0 or "standby" in demo.pids(),
    "the backup runs": lambda demo: demo.count("POST backup") > 0,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_ends_everything(start_demo: Start, moment: str) -> None:
    """Ctrl-C ends the demo with 130, without a trace of Python, and with all of its processes."""
    demo = start_demo()
    demo.until(lambda: MOMENTS[moment](demo), moment)
    demo.pids()
    demo.process.send_signal(signal.SIGINT)

    assert demo.end() == 130, demo.text()
    assert "Traceback" not in demo.text()
    assert "Interrupted" in demo.text()
    assert not demo.survivors()


def test_processes_do_not_outlive_a_killed_demo(start_demo: Start) -> None:
    """SIGKILL of the demo itself leaves nothing behind."""
    demo = start_demo()
    demo.until(lambda: "standby" in demo.pids(), "the devhosts are started")
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.process.wait()
    demo.pids()

    assert demo.seen_pids
    assert demo.leaves_nobody()


def test_a_process_that_cannot_go_on_ends_the_demo_with_its_log(start_demo: Start) -> None:
    """When the simulator dies, the demo says so, names the log to read, and ends with 1."""
    demo = start_demo()
    demo.until(lambda: demo.count("POST backup") > 0, "the backup runs")
    demo.kill("simulator")

    assert demo.end() == 1
    assert "the simulator was ended by SIGKILL" in demo.text()
    assert "simulator.log" in demo.text()
    assert demo.summary()["result"] == "Failed"
    assert not demo.survivors()
