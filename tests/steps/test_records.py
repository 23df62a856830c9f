"""Reading many records: a broken one is named, and hides no other."""

import logging

import pytest

from operate_http.calls import get_run, list_restore_points, list_runs
from restore_http.call import start_restore
from shared.core import layout
from shared.core.errors import ProtocolError
from shared.core.restore_points import RestorePoint
from shared.records import read_document
from tests.steps.conftest import body_of, put_point, request, run
from tests.steps.test_start_restore import GOOD

BROKEN = b'{"v": 2}'


@pytest.fixture
def point(ports):
    """A good restore point, and after it one that this release cannot read."""
    good = put_point(ports)
    name = good.name.replace("20", "29", 1) if "_20" not in good.name else good.name.replace("_20", "_29")
    ports.records("westeurope").create(layout.restore_point_key(good.service, name), BROKEN)
    return good


def test_latest_passes_over_a_record_that_cannot_be_read(ports, client, point, caplog):
    """The newest readable point is restored, and the broken one is named in the log."""
    with caplog.at_level(logging.ERROR, logger="apim_dr"):
        answer = run(start_restore(request(GOOD), client, ports))

    assert (answer.status_code, body_of(answer)["restorePoint"]) == (202, point.name)
    assert "record.unreadable" in caplog.text
    assert layout.restore_points_prefix(point.service) in caplog.text


def test_lists_show_what_can_be_read(ports, client, point):
    """Restore points and runs are listed although one of each is broken."""
    run(start_restore(request(GOOD), client, ports))
    ports.in_region("northeurope").records().create(layout.run_key("29990101T000000Z-backup-contoso"), BROKEN)

    points = body_of(run(list_restore_points(request(), ports)))["value"]
    runs = body_of(run(list_runs(client, ports)))["value"]

    assert [item["name"] for item in points] == [point.name]
    assert len(runs) == 1


def test_a_broken_record_that_was_asked_for_is_named(ports, client):
    """Who asks for the broken one learns which blob it is."""
    run_id = "20260101T000000Z-backup-contoso"
    ports.records().create(layout.run_key(run_id), BROKEN)

    answer = run(get_run(request(run_id=run_id), client, ports))

    assert answer.status_code == 502
    assert layout.run_key(run_id) in body_of(answer)["error"]["message"]


@pytest.mark.parametrize("account", ["evil.example/x?", "127.0.0.1:8443/x?"])
def test_a_record_cannot_lead_a_token_elsewhere(ports, account):
    """Whoever can write records must not be able to choose the host that gets our storage token."""
    good = put_point(ports)
    key = layout.restore_point_key(good.service, good.name)
    ports.records("westeurope").put(key, good.model_copy(update={"account": account}).to_bytes())

    with pytest.raises(ProtocolError, match="storage account"):
        read_document(ports.records("westeurope"), key, RestorePoint)
