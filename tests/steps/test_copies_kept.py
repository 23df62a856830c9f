"""The standby's app and its copies: what it lists, holds, prunes and rebuilds, the primary's region gone."""

from __future__ import annotations

import pytest

from catalog_keeping import rebuild
from catalog_keeping.calls import (
    hold_restore_point,
    release_restore_point,
    show_prune_plan,
    start_rebuild,
)
from shared.copying import missing_copies
from shared.core import layout
from shared.core.errors import UnavailableError
from shared.core.rebuilding import RebuildWord, ServiceRebuild
from shared.core.steps import StepResult, StepState
from tests.fakes.clock import START
from tests.fakes.ports import FakePorts
from tests.steps.conftest import FakeClient
from tests.steps.copies import (
    add_copy,
    add_original,
    ask,
    copies_of,
    copy,
    copying_plan,
    copying_ports,
    let_copies_go,
    lose_primary,
    places,
    record,
    standby_of,
)
from tests.steps.keeping import (
    ALIVE,
    PRUNED,
    STRICT,
    add_replica,
    hold,
    open_restore,
    prune,
    recorded,
    storm,
    traces,
)

ID = "rebuild-20261123T020000Z-0123abcd"


@pytest.fixture
def ports():
    """The primary's app; the strictest rules."""
    return copying_ports()


@pytest.fixture
def copies(ports):
    """Three copies, oldest first; the standby holds the newest one."""
    made = [add_copy(ports, age) for age in (20, 10, 0)]
    add_replica(ports, made[-1])
    return made


@pytest.fixture
def standby(ports, copies):
    """The standby's app, while the primary's region is gone."""
    lose_primary(ports)
    storm(ports).calm()
    return standby_of(ports)


def test_a_copy_is_held_in_its_own_region(standby, copies):
    """The hold lies with the copies, keeps the copy there, and is taken back there."""
    old = copies[0]
    route = {"service": "contoso", "name": old.name}

    assert ask(hold_restore_point, standby, {"reason": "audit"}, **route)[0] == 200
    assert standby.records().exists(layout.hold_key("contoso", old.name))
    let_copies_go(standby)
    assert traces(standby, old) == ALIVE
    assert ask(release_restore_point, standby, **route) == (200, {"hold": None})
    assert places(standby) == {"drstandby"}


def test_a_hold_in_the_primary_s_region_holds_no_copy(ports, copies):
    """Each region keeps by its own holds; a hold that is meant for both is set in both."""
    hold(ports, copies[0])

    let_copies_go(standby_of(ports))

    assert traces(standby_of(ports), copies[0]) == PRUNED


def test_the_prune_plan_of_the_standby_is_that_of_its_copies(standby, copies):
    """What would become of every copy; nothing of the primary's region is asked."""
    status, shown = ask(show_prune_plan, standby, params={"service": "contoso"})

    assert (status, shown["doubts"]) == (200, [])
    assert [one["verdict"] for one in shown["points"]] == ["die", "die", "keep"]
    assert places(standby) == {"drstandby"}


def test_copies_are_pruned_by_the_same_rules_and_by_themselves(standby, copies):
    """What no rule keeps goes as an original goes, with its tombstone; the originals are not touched."""
    result = let_copies_go(standby)

    assert sorted(result.value["pruned"]) == [copy.name for copy in copies[:2]]
    assert [traces(standby, copy) for copy in copies] == [PRUNED, PRUNED, ALIVE]
    assert places(standby) == {"drstandby"}


def test_what_the_primary_has_let_go_stays_until_the_own_rules_let_it_go():
    """All originals but one are pruned; the copies stay as long as the rules keep them here."""
    ports = copying_ports({"keepLast": 2, "keepWithinDays": 0, "keepAtLeast": 1})
    made = [add_copy(ports, age) for age in (20, 10, 0)]
    add_replica(ports, made[-1])
    prune(ports, made[-1])
    assert recorded(ports) == [copy.name for copy in made[1:]]

    assert copies_of(standby_of(ports)) == [copy.name for copy in made]
    let_copies_go(standby_of(ports))
    assert copies_of(standby_of(ports)) == [copy.name for copy in made[1:]]


def test_what_the_standby_holds_is_kept(ports):
    """It holds an older point than the newest copy, which waits: both stay, and so does what lies between."""
    made = [add_copy(ports, age) for age in (20, 15, 10, 0)]
    add_replica(ports, made[1])

    let_copies_go(standby_of(ports))

    assert copies_of(standby_of(ports)) == [copy.name for copy in made[1:]]


def test_while_a_copy_is_being_restored_none_goes(ports, copies):
    """A run of the own region restores it."""
    open_restore(ports, copies[0], region="northeurope")

    assert let_copies_go(standby_of(ports)).value["pruned"] == []


def test_without_rules_no_copy_ever_goes():
    """The plan has no retention for the service."""
    ports = copying_ports(None)
    made = [add_copy(ports, age).name for age in (29, 0)]

    let_copies_go(standby_of(ports))

    assert copies_of(standby_of(ports)) == made


def test_an_app_that_keeps_no_copies_prunes_none_elsewhere(ports, copies):
    """Without storage the standby's app reads the primary's records; it never deletes there."""
    plan = copying_plan(STRICT)
    del plan["services"][0]["standby"]["storage"]
    other = standby_of(FakePorts(plan, storage=ports.storage, clock=ports.clock))
    storm(ports).calm()

    assert let_copies_go(other).value["pruned"] == []
    assert prune(other, copies[-1]).value["pruned"] == []
    assert storm(ports).changes() == []


def test_a_copy_that_was_let_go_is_not_copied_again(ports, copies):
    """The primary has the point still: there is no coming and going."""
    standby = standby_of(ports)
    let_copies_go(standby)

    missing = missing_copies(standby.first, standby)

    assert (missing.to_copy, missing.not_copied, missing.copies) == ((), {}, 1)


def test_the_primary_keeps_what_waits_for_its_copy(ports):
    """The newest copy is older: what is newer stays, also where the standby held a newer point before."""
    made = [add_original(ports, age) for age in (20, 15, 10, 0)]
    add_replica(ports, made[-1])
    assert copy(standby_of(ports), made[1].name).value["copied"]

    prune(ports, made[-1])

    assert recorded(ports) == [point.name for point in made[2:]]


def test_the_primary_keeps_everything_while_it_cannot_see_the_copies(ports, copies):
    """Unknown keeps; why is among the warnings."""
    listed = ports.records("northeurope").faults["keys"]
    listed.extend([None, None, UnavailableError("drstandby: ServerBusy")])

    result = prune(ports, copies[-1])

    assert result.value["pruned"] == []
    assert any("copies" in line for line in result.value["warnings"])


def test_lost_records_of_copies_come_back_from_their_manifests(standby, copies):
    """As they were, copied and all, but for the time of the rebuild; the primary's region is not asked."""
    for lost in copies:
        standby.records().delete(layout.restore_point_key("contoso", lost.name))
    wish = {"rebuildId": ID, "service": "contoso", "after": None}

    result = StepResult.from_json(rebuild.rebuild_service(wish, standby))

    assert result.state is StepState.DONE
    part = ServiceRebuild.from_bytes(standby.records().read(layout.rebuild_part_key(ID, "contoso"))[0])
    assert {blob.word for blob in part.blobs} == {RebuildWord.RESTORED}
    assert [record(standby, lost.name) for lost in copies] == [
        lost.model_copy(update={"rebuilt_at": START}) for lost in copies
    ]
    assert places(standby) == {"drstandby"}


@pytest.mark.parametrize("body", [{}, {"service": "contoso"}])
def test_the_standby_s_app_rebuilds_what_it_keeps(standby, body):
    """Named or not: the services of which it keeps copies are among those of its region."""
    client = FakeClient()

    def start(call, ports):
        return start_rebuild(call, client, ports)

    status, shown = ask(start, standby, body)

    assert (status, shown["services"]) == (202, ["contoso"])


def test_an_app_that_keeps_no_copies_is_not_the_one_to_ask(ports):
    """Holds and rebuilds are refused with the region whose app to ask."""
    plan = copying_plan()
    del plan["services"][0]["standby"]["storage"]
    other = standby_of(FakePorts(plan, storage=ports.storage))
    name = add_original(ports, 1).name

    status, shown = ask(hold_restore_point, other, {"reason": "x"}, service="contoso", name=name)

    assert (status, shown["error"]["code"]) == (409, "OtherRegion")
