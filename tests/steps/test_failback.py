"""GET /api/services/{name}/failback: the way back, through a plan with swapped roles."""

from __future__ import annotations

from tests.fakes import FakePorts
from tests.steps.standbys import back_up, replicate, with_copies
from tests.steps.takeovers import HOST, ask, step, verdicts


def test_the_way_back_goes_through_swapped_roles() -> None:
    """What serves is backed up, brought to the old primary and compared before DNS leads back."""
    ports = FakePorts(with_copies())
    replicate(ports, back_up(ports, 3))

    status, body = ask(ports, "failback")

    assert status == 200
    assert (body["from"], body["to"], body["ask"]) == ("contoso-neu", "contoso-weu", "")
    assert [one["number"] for one in body["steps"]] == list(range(1, 12))
    assert "/api/backups" in step(body, 2)["commands"][1]
    assert "Swap the roles" in step(body, 3)["what"]
    assert '"reason": "failback"' in step(body, 4)["commands"][0]
    assert "RESTORE contoso-weu" in step(body, 5)["commands"][0]
    assert verdicts(body)["TierEqual"] == "ok"
    assert "HoldsPoint" not in verdicts(body)


def test_the_way_back_compares_with_what_serves_now() -> None:
    """A host name that only the standby has is missing at the old primary."""
    ports = FakePorts(with_copies())
    replicate(ports, back_up(ports, 3))
    standby = ports.first.standby
    assert standby is not None
    ports.arm.service(standby.ref).properties["hostnameConfigurations"] = [
        {"type": "Proxy", "hostName": HOST}
    ]

    _, body = ask(ports, "failback")

    assert (verdicts(body)["HostNames"], body["isReady"]) == ("refusal", False)
