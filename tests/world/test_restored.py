"""What a restore really brought: an entity that it lost, and one that it altered, are found and named."""

from __future__ import annotations

import pytest

from shared.core import layout
from shared.core.reports import RestoreReport
from shared.core.runs import Outcome

STATUS_PATH = "/status-0123456789abcdef"


def evidence(world, run):
    """Return both files that a restore leaves."""
    records = world.ports.records()
    report = RestoreReport.from_bytes(records.read(layout.report_key(run.run_id))[0])
    return report, records.read(layout.readable_report_key(run.run_id))[0].decode()


def restored(world, **outcome):
    """Back up, and restore into the standby with that outcome."""
    world.back_up()
    standby = world.ports.first.standby.ref
    if outcome:
        world.azure.ends(standby, action="restore", **outcome)
    return world.restore(world.newest_point())


def test_a_restore_that_brought_everything_is_proven_with_evidence_of_both_kinds(world):
    """Nothing differs; the gateway served; no warning."""
    run = restored(world)
    report, text = evidence(world, run)

    assert (run.outcome, run.warnings) == (Outcome.SUCCEEDED, ())
    assert (report.outcome, report.differences_total, report.gateway.status) == (Outcome.SUCCEEDED, 0, 200)
    assert "No entity differs." in text
    assert "It answered 200" in text


def test_an_entity_that_the_restore_dropped_and_one_that_it_altered_are_named(world):
    """In the run's word, in the report, and in the text for a person; what is missing comes first."""
    run = restored(world, drops=["tags/blue"], alters=["apis/orders"])
    report, text = evidence(world, run)

    assert (run.outcome, run.fault.code) == (Outcome.FAILED, "RestoreDiffers")
    assert run.fault.message.endswith(": /tags/blue missing, /apis/orders altered")
    assert [(one.entity, one.what, one.kind) for one in report.differences] == [
        ("/tags/blue", "missing", "missing"),
        ("/apis/orders", "altered", "unexpected"),
    ]
    assert report.outcome == Outcome.FAILED
    assert "2 entities differ: 1 missing, 1 unexpected." in text
    assert "- missing: `/tags/blue`\n- altered: `/apis/orders`\n" in text


def test_settings_that_no_restore_carries_are_expected_and_change_no_word(world):
    """A host name, a diagnostic setting: named as expected differences, and in what is left to do."""
    host = {
        "type": "Proxy",
        "hostName": "api.contoso.example",
        "keyVaultId": "https://contoso.vault.azure.net/secrets/api",
        "certificateSource": "KeyVault",
    }
    properties = {"hostnameConfigurations": [host]}
    world.azure.simulator.arm("PATCH", world.service.resource_id, {"properties": properties})
    hub = {"workspaceId": "/workspaces/w", "logs": [{"category": "GatewayLogs", "enabled": True}]}
    setting = f"{world.service.resource_id}/providers/Microsoft.Insights/diagnosticSettings/all"
    world.azure.simulator.arm("PUT", setting, {"properties": hub})

    run = restored(world)
    report, text = evidence(world, run)

    assert run.outcome == Outcome.SUCCEEDED
    named = {(one.part, one.setting) for one in report.settings}
    assert {("host_names", "Proxy api.contoso.example"), ("diagnostics", "all")} <= named
    assert {one.kind for one in report.settings} == {"expected"}
    needed = {one.what for one in report.fix_ups if one.is_needed}
    assert {"custom host names", "certificate of api.contoso.example", "diagnostic setting all"} <= needed
    assert "az monitor diagnostic-settings create --name all" in text


def test_a_gateway_that_starts_late_is_waited_for(world):
    """Two answers of 503, then it serves: no warning, and the wait is in the measured duration."""
    world.azure.fault("GET", STATUS_PATH, status=503, times=2)

    run = restored(world)
    report, _ = evidence(world, run)

    assert (run.outcome, run.warnings, report.gateway.status) == (Outcome.SUCCEEDED, (), 200)
    assert report.restore_duration_s == 1140 + 15 + 30


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 503}, "answered 503"),
        ({"drop": "before"}, "could not be reached"),
        ({"status": 404}, "answered 404"),
    ],
    ids=["503", "unreachable", "404"],
)
def test_a_gateway_that_does_not_serve_is_a_warning_and_no_verdict(world, fault, said):
    """Everything was brought, so the word is Succeeded; the warning names what was seen."""
    world.azure.fault("GET", STATUS_PATH, times=99, **fault)

    run = restored(world)
    _, text = evidence(world, run)

    assert run.outcome == Outcome.SUCCEEDED
    (warning,) = run.warnings
    assert said in warning
    assert said in text


def test_a_service_inside_a_network_is_not_waited_for(world):
    """Nobody outside can reach it, ever; the warning says why, and no time is lost."""
    standby = world.ports.first.standby.ref
    body = {"properties": {"virtualNetworkType": "Internal"}}
    world.azure.simulator.arm("PATCH", standby.resource_id, body)

    run = restored(world)
    report, _ = evidence(world, run)

    assert run.outcome == Outcome.SUCCEEDED
    assert "internal virtual network" in run.warnings[0]
    assert report.restore_duration_s == 1140
