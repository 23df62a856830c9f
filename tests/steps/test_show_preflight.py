"""GET /api/preflight: every check of one service, or of many page by page, and nothing started."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import azure.functions as func
import pytest

from operate_http import preflight as calls
from shared.core.errors import AccessError, NotFoundError, UnavailableError
from shared.core.preflight import CHECKS
from tests.fakes import FakePorts
from tests.fakes.ports import plan_json

URL = "https://dr.example/api/preflight"


def ask(ports: FakePorts, **params: str) -> tuple[int, Any]:
    """Return status and body of a call."""
    query = "&".join(f"{name}={value}" for name, value in {"code": "key", **params}.items())
    request = func.HttpRequest(method="GET", url=f"{URL}?{query}", params=params, body=b"")
    answer = asyncio.run(calls.show_preflight(request, ports))
    return answer.status_code, json.loads(answer.get_body())


def test_one_service_is_shown_with_every_check() -> None:
    """Name, verdict, cause, command and link of each."""
    status, body = ask(FakePorts(), service="contoso")

    (shown,) = body["value"]
    assert status == 200
    assert (shown["service"], shown["target"], shown["verdict"]) == ("contoso", "contoso-weu", "ok")
    assert [check["name"] for check in shown["checks"]] == [row.name for row in CHECKS]
    assert set(shown["checks"][0]) == {"name", "verdict", "cause", "command", "link"}
    assert "nextLink" not in body


def test_nothing_is_started_written_or_made() -> None:
    """Not even the container that a backup would make."""
    plan = plan_json()
    plan["services"][0]["storage"]["createContainer"] = True
    ports = FakePorts(plan)
    ports.backups("drprimary", "apim-backups").is_there = False

    ask(ports, service="contoso")

    assert ports.arm.posts == []
    assert ports.records().written == []
    assert ports.backups("drprimary", "apim-backups").is_there is False


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (NotFoundError("404", code="ResourceNotFound"), "refusal"),
        (AccessError("403", code="AuthorizationFailed"), "refusal"),
        (UnavailableError("arm: 503"), "notChecked"),
    ],
    ids=["gone", "no right", "outage"],
)
def test_a_service_that_cannot_be_read_still_has_its_other_checks(error: Exception, verdict: str) -> None:
    """Rights, locks and container do not hang on it."""
    ports = FakePorts()
    ports.arm.on_state.append(error)

    _, body = ask(ports, service="contoso")

    (shown,) = body["value"]
    verdicts = {check["name"]: check["verdict"] for check in shown["checks"]}
    assert (shown["verdict"], verdicts["ServiceReadable"]) == (verdict, verdict)
    assert {verdicts[name] for name in ("BackupAllowed", "NoReadOnlyLock", "ContainerExists")} == {"ok"}
    assert verdicts["TierHasBackup"] == "notChecked"


def test_without_a_name_all_own_services_are_shown_by_name() -> None:
    """One that is refused hides none of the others."""
    ports = FakePorts(plan_json(("fabrikam", "contoso", "adatum")))
    ports.arm.service(ports.plan.services[0].ref).tier = "Consumption"

    status, body = ask(ports)

    assert status == 200
    assert [(one["service"], one["verdict"]) for one in body["value"]] == [
        ("adatum", "ok"), ("contoso", "ok"), ("fabrikam", "refusal"),
    ]  # fmt: skip


def test_a_service_of_another_region_is_checked_by_the_app_that_backs_it_up() -> None:
    """The rights of this app say nothing about the other one's."""
    ports = FakePorts().in_region("northeurope")

    status, body = ask(ports, service="contoso")

    assert ask(ports) == (200, {"value": []})
    assert (status, body["error"]["code"]) == (409, "OtherRegion")
    assert "westeurope" in body["error"]["message"]


def test_many_services_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next link leads on, holds no key, and ends."""
    monkeypatch.setattr(calls, "SERVICES_MAX", 2)
    ports = FakePorts(plan_json(("a1", "b1", "c1", "d1")))

    first, second = ask(ports)[1], ask(ports, after="b1")[1]

    assert [one["service"] for one in first["value"]] == ["a1", "b1"]
    assert first["nextLink"] == f"{URL}?after=b1"
    assert [one["service"] for one in second["value"]] == ["c1", "d1"]
    assert "nextLink" not in second


def test_a_service_that_the_plan_does_not_name_is_not_found() -> None:
    """404, with the name."""
    status, body = ask(FakePorts(), service="nobody")

    assert (status, body["error"]["code"]) == (404, "ServiceNotFound")
