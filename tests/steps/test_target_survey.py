"""Reading what the guards of a restore need: what is asked, what of it is kept, and what is not asked."""

from __future__ import annotations

import datetime as dt

import pytest

from shared import clearance, target_survey
from shared.core import layout
from shared.core.errors import AccessError, TemporaryError, UnavailableError
from shared.core.preflight_facts import Unseen
from shared.core.requests import RestoreRequest
from tests.fakes import FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json
from tests.steps.conftest import put_point

NO_RIGHT = AccessError("403", code="AuthorizationFailed")
OUTAGE = UnavailableError("503")


def wish(ports, **changes):
    """Return the wish to restore a point into the standby."""
    standby, now = ports.first.standby, ports.clock.now()
    request = RestoreRequest(
        run_id="20261123T020000Z-restore-contoso",
        kind="restore",
        service="contoso",
        target=standby.ref,
        access=standby.access,
        point=put_point(ports),
        trigger="http",
        requested_at=now,
        deadline_at=now + dt.timedelta(hours=8),
    )
    return request.model_copy(update=changes)


def take(ports, request=None, *, read_through=False):
    """Return the facts."""
    return target_survey.take(ports, request or wish(ports), read_through=read_through)


def reports(ports):
    """Return the key of the target's report."""
    return f"{ports.first.standby.resource_id}/reports/byApi".lower()


def test_the_report_of_the_last_15_minutes_is_asked_for(ports):
    """With the literal of a time that the reports understand."""
    asked = []
    ports.arm.resources[reports(ports)] = lambda query: (
        asked.append(query["$filter"])
        or [
            {"callCountTotal": 2},
            {"callCountTotal": 0},
        ]
    )

    assert take(ports).calls == 2
    assert asked == [
        "timestamp ge datetime'2026-11-23T01:45:00' and timestamp le datetime'2026-11-23T02:00:00'"
    ]


@pytest.mark.parametrize("rows", [[{}], [{"callCountTotal": "many"}], [{"callCountTotal": None}], ["x"]])
def test_a_report_of_unknown_shape_is_not_read_as_silence(ports, rows):
    """Whoever cannot count does not say zero."""
    ports.arm.resources[reports(ports)] = rows

    assert "not of the documented shape" in take(ports).calls.reason


def test_a_missing_target_is_looked_for_among_deleted_ones(ports):
    """In its region, and only if it is missing."""
    subscription = ports.first.resource_id.split("/")[2]
    path = (
        f"/subscriptions/{subscription}/providers/microsoft.apimanagement/locations/northeurope"
        "/deletedservices/contoso-neu"
    )
    kept = {"properties": {"scheduledPurgeDate": "2026-11-25T02:00:00Z"}}
    ports.arm.resources[path] = kept
    assert take(ports).deleted is None
    assert path not in [one.lower() for one in ports.arm.reads]

    request = wish(ports)
    del ports.arm._services[ports.first.standby.resource_id.lower()]
    assert (take(ports, request).is_missing, take(ports, request).deleted) == (True, kept)
    ports.arm.resources[path] = NO_RIGHT
    assert "deletedservices/read" in take(ports, request).deleted.reason


def test_what_may_not_be_read_names_the_right(ports):
    """For the target, its report, the blob and the record, each in words of its own."""
    request = wish(ports)
    ports.arm.resources[ports.first.standby.resource_id.lower()] = NO_RIGHT
    ports.arm.resources[reports(ports)] = NO_RIGHT
    ports.backups("drprimary", "apim-backups").faults["look"].append(NO_RIGHT)
    ports.records("westeurope").faults["read"].append(NO_RIGHT)

    facts = take(ports, request)

    assert "Microsoft.ApiManagement/service/read" in facts.around.resource.reason
    assert "Microsoft.ApiManagement/service/reports/read" in facts.calls.reason
    assert "Storage Blob Data Reader" in facts.blob.reason
    assert "read the records in drprimary" in facts.record.reason


def test_the_account_of_copies_is_known_by_the_plan(ports):
    """So its roles are asked for where they are, and not in a list of accounts."""
    plan = plan_json(region="northeurope")
    account = f"{plan['services'][0]['resourceId'].split('/providers/')[0]}/providers/Microsoft.Storage"
    account = f"{account}/storageAccounts/drstandby"
    copies = {"account": "drstandby", "container": "apim-copies", "resourceId": account}
    plan["services"][0]["standby"]["storage"] = copies
    ports = FakePorts(plan)
    request = wish(ports)
    point = request.point.model_copy(update={"account": "drstandby", "container": "apim-copies"})

    facts = take(ports, request.model_copy(update={"point": point}))

    assert facts.around.storage.resource_id == account
    assert not [path for path in ports.arm.reads if path.endswith("/storageAccounts")]


def test_a_point_is_looked_for_where_this_app_takes_points_from(ports):
    """In the primary's region, unless the app's own region keeps copies."""
    request = wish(ports)
    assert take(ports, request).record == request.point

    ports.records("westeurope").put(layout.open_prune_key("contoso", request.point.name), b"")
    assert take(ports, request).is_going is True
    ports.records("westeurope").delete(layout.restore_point_key("contoso", request.point.name))
    assert take(ports, request).record is None


def test_what_decides_and_cannot_be_read_for_now_is_raised(ports):
    """Unless another guard refuses anyway: then nothing has to be waited for."""
    request = wish(ports)
    ports.arm.resources[reports(ports)] = OUTAGE

    with pytest.raises(TemporaryError, match="NoTraffic"):
        clearance.checks(request, ports)
    ports.arm.service(ports.first.standby.ref).tier = "Premium"
    found = clearance.refusals(clearance.checks(request, ports))
    assert {check.name for check in found} == {"TierEqual", "NoTraffic"}


def test_a_replication_needs_a_count_of_calls(ports):
    """Without the right it is refused; what may be counted at the next try is waited for."""
    ports.arm.resources[reports(ports)] = NO_RIGHT
    (check,) = clearance.refusals(clearance.checks(wish(ports, kind="replicate"), ports))
    assert (check.name, target_survey.REPORTS_RIGHT in check.cause) == ("NoTraffic", True)

    ports.arm.resources[reports(ports)] = OUTAGE
    with pytest.raises(TemporaryError, match="NoTraffic"):
        clearance.checks(wish(ports, kind="replicate"), ports)


def test_whoever_cannot_be_told_yet_hears_of_the_way_out(ports):
    """For a call that is despiteTraffic; a replication has none."""
    ports.arm.resources[reports(ports)] = OUTAGE
    hints = {}
    for kind in ("restore", "replicate"):
        with pytest.raises(TemporaryError) as caught:
            clearance.checks(wish(ports, kind=kind), ports)
        hints[kind] = caught.value.hint

    assert hints == {
        "restore": 'NoTraffic: ask again; or say "despiteTraffic": true',
        "replicate": (
            'NoTraffic: ask again; or edit DR_PLAN: "uncountedTraffic": "replicate" in standby of contoso'
        ),
    }


def test_whoever_only_looks_is_told_all_verdicts(ports):
    """What cannot be read for now is one no among them, and no error."""
    request = wish(ports)
    ports.arm.resources[reports(ports)] = OUTAGE
    ports.backups("drprimary", "apim-backups").faults["measure"].append(OUTAGE)

    found = {check.name: check for check in clearance.refusals(clearance.verdicts(request, ports))}

    assert set(found) == {"NoTraffic", "BlobAsRecorded"}
    assert all("503" in check.cause for check in found.values())


def test_a_blob_out_of_reach_is_for_now(ports):
    """Its storage is down."""
    ports.backups("drprimary", "apim-backups").faults["look"].append(OUTAGE)
    facts = take(ports)

    assert isinstance(facts.blob, Unseen)
    assert facts.blob.for_now
    assert facts.now == START
