"""Pruning one service: what goes, in which order, what stays, and that a crash anywhere loses nothing."""

from __future__ import annotations

import datetime as dt

import pytest

from catalog_keeping import pruning
from shared.core import layout
from shared.core.errors import AccessError, ConflictError, UnavailableError
from shared.core.services import ServiceRef
from shared.core.steps import StepState
from shared.core.tombstones import Tombstone
from tests.fakes import FakeClock, FakePorts
from tests.fakes.clock import START
from tests.fakes.ports import plan_json, resource_id
from tests.fakes.stormy import DiedError, Fault
from tests.steps.keeping import (
    ALIVE,
    PRUNED,
    add_point,
    add_replica,
    hold,
    keeping_ports,
    open_restore,
    prune,
    prune_all,
    recorded,
    storm,
    traces,
)


@pytest.fixture
def ports():
    """The primary's app, one service without a standby, and the strictest rules."""
    return keeping_ports()


@pytest.fixture
def old(ports):
    """A complete point that no rule keeps."""
    return add_point(ports, 20)


@pytest.fixture
def fresh(ports, old):
    """The point that was just recorded."""
    return add_point(ports, 0)


def kept(ports, fresh, old):
    """Prune, expect that nothing went, and return the result."""
    result = prune(ports, fresh)
    assert traces(ports, old) == ALIVE
    return result


def test_a_point_that_no_rule_keeps_goes_with_all_that_belongs_to_it(ports, fresh, old):
    """Record, backup, manifest, inventory and sidecar are gone; the fresh point is whole."""
    result = prune(ports, fresh)

    assert result.value == {"pruned": [old.name], "left": 0, "warnings": []}
    assert traces(ports, old) == PRUNED
    assert traces(ports, fresh) == ALIVE


def test_the_tombstone_says_what_why_when_and_by_which_run(ports, fresh, old):
    """The whole record, every rule's sentence, the time and the run."""
    prune(ports, fresh)

    content, _ = ports.records().read(layout.pruned_key("contoso", old.name))
    tombstone = Tombstone.from_bytes(content)
    assert (tombstone.point, tombstone.run_id) == (old, fresh.run_id)
    assert tombstone.pruned_at == ports.clock.now()
    assert len(tombstone.reasons) >= 5


def test_things_go_in_their_order(ports, fresh, old):
    """Mark, tombstone, record, backup, manifest, inventory, sidecar, mark."""
    storm(ports).calm()

    prune(ports, fresh)

    assert [(call.method, call.key) for call in storm(ports).changes()] == [
        ("put", layout.open_prune_key("contoso", old.name)),
        ("create", layout.pruned_key("contoso", old.name)),
        ("delete", layout.restore_point_key("contoso", old.name)),
        ("delete", old.name),
        ("delete", layout.manifest_key(old.name)),
        ("delete", layout.inventory_key("contoso", old.name)),
        ("delete", layout.sidecar_key("contoso", old.name)),
        ("delete", layout.open_prune_key("contoso", old.name)),
    ]


def test_pruning_again_changes_nothing(ports, fresh, old):
    """The step may run twice."""
    prune(ports, fresh)
    storm(ports).calm()

    assert prune(ports, fresh).value["pruned"] == []
    assert storm(ports).changes() == []


def test_a_service_that_the_plan_names_no_more_is_left_alone(ports, fresh, old):
    """Whoever was taken out of the plan keeps what he has."""
    assert kept(ports, fresh.model_copy(update={"service": "former"}), old).value["pruned"] == []


def test_only_the_run_that_recorded_the_newest_point_prunes(ports, fresh, old):
    """A run whose point is older than another one deletes nothing, and says so."""
    newer = add_point(ports, -0.1)

    result = kept(ports, fresh, old)

    assert newer.name in result.value["warnings"][0]


@pytest.mark.parametrize("change", [{"name": "contoso_20260101T000000Z.apimbackup"}, {"run_id": "other"}])
def test_without_a_record_of_its_own_a_run_prunes_nothing(ports, fresh, old, change):
    """The fresh point has no record, or that of another run."""
    result = prune(ports, fresh.model_copy(update=change))

    assert "has no record" in result.value["warnings"][0]
    assert traces(ports, old) == ALIVE


def test_a_fresh_point_that_is_not_usable_prunes_nothing(ports, fresh, old):
    """Its blob has vanished since: there may be nothing better than the old ones."""
    ports.backups(fresh.account, fresh.container).delete(fresh.name)

    assert "not usable" in kept(ports, fresh, old).value["warnings"][0]


def test_one_record_that_cannot_be_read_stops_everything(ports, fresh, old):
    """The step ends with the name of the record, and nothing was deleted."""
    broken = layout.restore_point_key("contoso", "contoso_20261001T000000Z.apimbackup")
    ports.records().put(broken, b'{"v": 2}')

    result = kept(ports, fresh, old)

    assert result.state is StepState.END
    assert broken in result.fault.message


def test_a_record_under_a_foreign_name_stops_everything(ports, fresh, old):
    """A record that says it is another one is no record that could be understood."""
    ports.records().put(layout.restore_point_key("contoso", "copy"), old.to_bytes())

    assert kept(ports, fresh, old).state is StepState.END


def test_a_record_that_vanishes_while_it_is_read_stops_everything(ports, fresh, old):
    """Somebody else is deleting: this run does not."""
    key = layout.restore_point_key("contoso", fresh.name)

    def listener(call):
        if (call.method, call.key) == ("read", layout.restore_point_key("contoso", old.name)):
            ports.records().delete(key)

    storm(ports).on_call = listener

    result = prune(ports, fresh)

    assert result.state is StepState.END
    assert "vanished" in result.fault.message


def test_every_fault_of_a_list_stops_everything(ports, fresh, old):
    """Whatever is listed or read before the first change: a fault of it, and nothing is deleted."""
    storm(ports).calm()
    prune(ports, fresh)
    first_change = next(i for i, call in enumerate(storm(ports).calls) if call in storm(ports).changes())
    assert first_change > 5
    for at in range(first_change):
        for error, state in (
            (UnavailableError("storage: ServerBusy"), StepState.RETRY),
            (AccessError("storage: AuthorizationFailure"), StepState.END),
        ):
            again = keeping_ports()
            aged, new = add_point(again, 20), add_point(again, 0)
            storm(again).calm({at: Fault(error=error)})

            result = prune(again, new)

            assert [call for call in storm(again).calls if call.method == "delete"] == []
            assert traces(again, aged) == ALIVE
            # runs that cannot be read are a doubt and not a fault: they keep every point
            is_doubt = "restores are under way" in str(result.value.get("warnings"))
            assert result.state is state or (is_doubt and result.value["pruned"] == [])


def test_a_blob_that_was_replaced_is_left_alone(ports, fresh, old):
    """Another content of the same name is not the backup that was recorded: a warning, each time."""
    ports.backups(old.account, old.container).put(old.name, b"something else")

    for _ in range(2):
        assert "was not pruned" in kept(ports, fresh, old).value["warnings"][0]


def test_a_blob_of_the_same_content_written_anew_is_left_alone(ports, fresh, old):
    """The ETag is what is compared; nothing is read through again."""
    backups = ports.backups(old.account, old.container)
    backups.put(old.name, backups.read(old.name)[0])
    storm(ports).calm()

    assert "size or ETag" in kept(ports, fresh, old).value["warnings"][0]
    assert [call for call in storm(ports).calls if call.method == "measure"] == []


def test_a_blob_that_is_replaced_at_the_last_moment_is_left_alone(ports, fresh, old):
    """The deletion itself is conditional: what was written a moment before stays."""
    backups = ports.backups(old.account, old.container)

    def listener(call):
        if call.method == "delete" and call.key == layout.restore_point_key("contoso", old.name):
            backups.put(old.name, b"something else")

    storm(ports).on_call = listener

    result = prune(ports, fresh)

    assert backups.read(old.name)[0] == b"something else"
    assert "replaced" in result.value["warnings"][0]
    assert traces(ports, old) == PRUNED | {"backup": True}


def test_a_point_whose_blob_is_missing_goes_like_any_other(ports, fresh, old):
    """There is nothing to delete but what is beside it."""
    ports.backups(old.account, old.container).delete(old.name)

    assert prune(ports, fresh).value["pruned"] == [old.name]
    assert traces(ports, old) == PRUNED


def test_points_go_from_the_place_that_their_record_names():
    """The plan's storage has changed since: the old account is where the old backup lies."""
    ports = keeping_ports()
    aged = add_point(ports, 20)
    there = ports.backups(aged.account, aged.container)
    elsewhere = ports.backups("formerweu", "former-backups")
    for key in (aged.name, layout.manifest_key(aged.name)):
        elsewhere.put(key, there.read(key)[0])
    facts = elsewhere.measure(aged.name)
    moved = aged.model_copy(
        update={"account": "formerweu", "container": "former-backups", "etag": facts.etag}
    )
    ports.records().put(layout.restore_point_key("contoso", aged.name), moved.to_bytes())
    fresh = add_point(ports, 0)

    prune(ports, fresh)

    assert traces(ports, moved) == PRUNED
    assert there.exists(aged.name)


def test_a_container_that_is_gone_holds_no_backup(ports, fresh, old):
    """The former container was deleted by hand: its points are not usable, and their records can go."""
    moved = old.model_copy(update={"container": "deleted"})
    ports.backups(old.account, "deleted").is_there = False
    ports.records().put(layout.restore_point_key("contoso", old.name), moved.to_bytes())

    assert prune(ports, fresh).value["pruned"] == [old.name]
    assert not traces(ports, old)["record"]


def test_an_emptied_container_lets_nothing_go(ports):
    """Most backups are missing at once: that is an accident, and their inventories stay for the way back."""
    aged = [add_point(ports, age) for age in (23, 22, 21, 20)]
    for point in aged[:3]:
        ports.backups(point.account, point.container).delete(point.name)
    fresh = add_point(ports, 0)

    result = prune(ports, fresh)

    assert result.state is StepState.END
    assert "3 of 5" in result.fault.message
    assert recorded(ports) == [point.name for point in (*aged, fresh)]
    assert traces(ports, aged[0])["inventory"]


@pytest.mark.parametrize("days", [-40, 40])
def test_a_clock_that_storage_contradicts_lets_nothing_go(days):
    """Our clock jumped by 40 days: every point but one would be too old, or none would ever be."""
    ports = keeping_ports({"keepLast": 1, "keepWithinDays": 30, "keepAtLeast": 1})
    storage_clock = FakeClock(START - dt.timedelta(days=days))
    ports.storage_clock = storage_clock
    aged = [add_point(ports, days + age) for age in (3, 2, 1)] if days > 0 else []
    old = add_point(ports, 60)
    fresh = add_point(ports, 0)

    result = prune(ports, fresh)

    assert "clock" in result.value["warnings"][0]
    assert result.value["pruned"] == []
    assert recorded(ports) == [point.name for point in (old, *aged, fresh)]


@pytest.mark.parametrize(("minutes", "expected"), [(119, 1), (121, 0)])
def test_a_run_may_be_late_by_two_hours(ports, fresh, old, minutes, expected):
    """Between the record and the pruning lie minutes, and storage may not have answered for a while."""
    ports.clock.advance(minutes * 60)

    assert len(prune(ports, fresh).value["pruned"]) == expected


@pytest.mark.parametrize("error", [UnavailableError("ServiceRequestError"), AccessError("AccountIsDisabled")])
def test_an_account_that_cannot_be_listed_says_what_to_do(ports, fresh, old, error):
    """It may be gone for good: which records stand in the way, and that they can be deleted."""
    moved = old.model_copy(update={"account": "formerweu", "container": "former-backups"})
    ports.records().put(layout.restore_point_key("contoso", old.name), moved.to_bytes())
    ports.backups("formerweu", "former-backups").faults["keys"].append(error)

    result = prune(ports, fresh)

    assert result.state is (StepState.RETRY if isinstance(error, UnavailableError) else StepState.END)
    for word in (
        "formerweu/former-backups",
        "1 restore point",
        layout.restore_point_key("contoso", old.name),
        "delete",
    ):
        assert word in result.fault.message


def test_foreign_blobs_and_records_are_not_touched(ports, fresh, old):
    """Names of others, other services, other resources."""
    backups, records = ports.backups(old.account, old.container), ports.records()
    for key in ("contoso_by-hand.apimbackup", "contosob_20260101T000000Z.apimbackup", "readme.txt"):
        backups.put(key, b"foreign")
    records.put(f"{layout.restore_points_prefix('contoso')}readme.txt", b"foreign")
    stranger = ServiceRef(resource_id=resource_id("stranger"), region="westeurope")
    foreign = add_point(ports, 300, source=stranger)
    other = old.model_copy(update={"service": "contosob"})
    records.put(layout.restore_point_key("contosob", old.name), other.to_bytes())
    before = storm(ports).contents()

    prune(ports, fresh)

    gone = before.keys() - storm(ports).contents().keys()
    assert {key for _, _, key in gone} == {
        old.name,
        layout.manifest_key(old.name),
        layout.restore_point_key("contoso", old.name),
        layout.inventory_key("contoso", old.name),
        layout.sidecar_key("contoso", old.name),
    }
    assert traces(ports, foreign) == ALIVE


def test_a_held_point_stays(ports, fresh, old):
    """Until the hold is taken back."""
    hold(ports, old)
    kept(ports, fresh, old)
    ports.records().delete(layout.hold_key("contoso", old.name))

    assert prune(ports, fresh).value["pruned"] == [old.name]


def test_a_hold_that_cannot_be_read_holds_all_the_same(ports, fresh, old):
    """A broken document is no reason to delete."""
    ports.records().put(layout.hold_key("contoso", old.name), b"{}")

    kept(ports, fresh, old)


@pytest.mark.parametrize("begin", [hold, open_restore], ids=["hold", "restore"])
def test_what_begins_at_the_last_moment_is_seen(ports, fresh, old, begin):
    """A hold or a restore that came after the catalogue was read: the tombstone is taken back."""

    def listener(call):
        if call.method == "create":
            begin(ports, old)

    storm(ports).on_call = listener

    result = kept(ports, fresh, old)

    assert result.value["pruned"] == []
    assert "at the last moment" in result.value["warnings"][0]


@pytest.mark.parametrize("region", ["westeurope", "northeurope"])
def test_a_point_that_any_region_restores_stays(ports, fresh, old, region):
    """The run belongs to the region of its target; it counts until it has its final word."""
    run = open_restore(ports, old, region)
    kept(ports, fresh, old)
    ports.in_region(region).runs.close(run.run_id)

    assert prune(ports, fresh).value["pruned"] == [old.name]


def test_runs_of_other_services_and_backups_are_no_reason(ports, fresh, old):
    """Neither a restore of another service nor a backup of this one keeps anything."""
    other = open_restore(ports, old.model_copy(update={"service": "fabrikam"}))
    backup = other.model_copy(
        update={"run_id": "20261123T020000Z-backup-contoso", "kind": "backup", "service": "contoso"}
    )
    ports.runs.create(backup)

    assert prune(ports, fresh).value["pruned"] == [old.name]


def test_a_mark_without_a_run_keeps_everything(ports, fresh, old):
    """A restore may just be beginning: which point it wants is not known yet."""
    run = open_restore(ports, old)
    ports.records().delete(layout.run_key(run.run_id))

    assert "could not be told" in kept(ports, fresh, old).value["warnings"][0]


@pytest.mark.parametrize("error", [UnavailableError("standby: ServerBusy"), AccessError("standby: 403")])
def test_all_usable_points_stay_while_the_standbys_records_cannot_be_read(error):
    """The other region is down: nothing that its standby may still need goes, and the run says why."""
    ports = keeping_ports(has_standby=True)
    old, fresh = add_point(ports, 20), add_point(ports, 0)
    add_replica(ports, fresh)
    ports.records("northeurope").faults["keys"].append(error)

    result = kept(ports, fresh, old)

    assert "standby holds could not be read" in result.value["warnings"][0]
    assert prune(ports, fresh).value["pruned"] == [old.name]


def test_a_standby_is_waited_for():
    """Points newer than the newest replica stay."""
    ports = keeping_ports(has_standby=True)
    held_there, waiting, fresh = (add_point(ports, age) for age in (20, 19, 0))
    oldest = add_point(ports, 21)
    add_replica(ports, held_there)

    assert prune(ports, fresh).value["pruned"] == [oldest.name, held_there.name]
    assert traces(ports, waiting) == ALIVE


def test_a_run_deletes_so_many_and_leaves_the_rest(ports, monkeypatch):
    """The oldest first; the next runs go on."""
    monkeypatch.setattr(pruning, "DELETIONS_MAX", 2)
    aged = [add_point(ports, age) for age in (20, 19, 18, 17, 16)]
    fresh = add_point(ports, 0)

    results = [prune(ports, fresh).value for _ in range(3)]

    assert [result["pruned"] for result in results] == [
        [point.name for point in aged[:2]],
        [point.name for point in aged[2:4]],
        [aged[4].name],
    ]
    assert [result["left"] for result in results] == [3, 1, 0]


def test_a_backup_that_storage_does_not_let_go_is_tried_again(ports, fresh, old):
    """A lease or an immutability policy: the mark stays, the run says so, and a later one finishes."""
    backups = ports.backups(old.account, old.container)
    backups.faults["delete"].extend([ConflictError("BlobImmutableDueToPolicy")] * 2)

    results = [prune(ports, fresh).value for _ in range(3)]

    assert [len(result["warnings"]) for result in results] == [1, 1, 0]
    assert "does not let go" in results[0]["warnings"][0]
    assert [result["pruned"] for result in results] == [[], [], [old.name]]
    assert traces(ports, old) == PRUNED


def test_a_manifest_that_storage_does_not_let_go_is_tried_again(ports, fresh, old):
    """The backup is gone and its manifest is not: the mark stays until both are."""
    ports.backups(old.account, old.container).faults["delete"].extend([None, ConflictError("LeaseIdMissing")])

    assert prune(ports, fresh).value["pruned"] == []
    assert traces(ports, old)["mark"]
    assert prune(ports, fresh).value["pruned"] == [old.name]


def test_a_record_that_may_not_be_deleted_stays_whole(ports, fresh, old):
    """Nothing was deleted, so the tombstone is taken back."""
    ports.records().faults["delete"].append(ConflictError("BlobImmutableDueToPolicy"))

    assert "its record" in kept(ports, fresh, old).value["warnings"][0]


def test_a_tombstone_of_another_backup_is_not_written_over(ports, fresh, old):
    """Two backups of one name cannot be: the point stays, with a warning."""
    other = Tombstone(
        point=old.model_copy(update={"sha256": "0" * 64}), reasons=(), pruned_at=old.started_at, run_id="r"
    )
    ports.records().put(layout.pruned_key("contoso", old.name), other.to_bytes())

    result = prune(ports, fresh)

    assert "another backup of that name" in result.value["warnings"][0]
    assert traces(ports, old) == ALIVE | {"tombstone": True}


def undisturbed():
    """Return what storage holds after a pruning without any trouble, and how many calls it took."""
    ports = keeping_ports()
    add_point(ports, 20)
    fresh = add_point(ports, 0)
    storm(ports).calm()
    prune(ports, fresh)
    return len(storm(ports).calls), storm(ports).contents()


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_a_death_at_any_call_is_made_good_by_the_next_run(takes_effect):
    """At each single call of the step the process ends; afterwards all is as if it had not."""
    count, expected = undisturbed()
    assert count > 15
    for at in range(count):
        ports = keeping_ports()
        old, fresh = add_point(ports, 20), add_point(ports, 0)
        storm(ports).calm({at: Fault(error=DiedError(), takes_effect=takes_effect)})
        with pytest.raises(DiedError):
            prune(ports, fresh)
        has_record = traces(ports, old)["record"]
        assert not has_record or traces(ports, old)["backup"], "a record outlived its backup"
        storm(ports).calm()

        prune(ports, fresh)

        assert storm(ports).contents() == expected


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_a_fault_at_any_change_is_repeated_and_made_good(takes_effect):
    """Storage does not answer a write or a deletion: the step asks to be repeated, and then completes."""
    count, expected = undisturbed()
    for at in range(count):
        ports = keeping_ports()
        fresh = [add_point(ports, 20), add_point(ports, 0)][1]
        storm(ports).calm({at: Fault(error=UnavailableError("ServerBusy"), takes_effect=takes_effect)})

        first = prune(ports, fresh)
        is_doubt = first.state is StepState.DONE and first.value["warnings"]
        assert first.state is StepState.RETRY or is_doubt
        storm(ports).calm()
        prune(ports, fresh)

        assert storm(ports).contents() == expected


def test_a_point_that_was_only_announced_can_still_be_held(ports, fresh, old):
    """The process ended between tombstone and record; then somebody held the point: it lives."""
    at_record = layout.restore_point_key("contoso", old.name)

    def die(call):
        if (call.method, call.key) == ("delete", at_record):
            raise DiedError

    storm(ports).on_call = die
    with pytest.raises(DiedError):
        prune(ports, fresh)
    storm(ports).on_call = None
    hold(ports, old)

    kept(ports, fresh, old)


def test_what_was_begun_is_finished_even_if_the_rules_have_changed_since(ports, fresh, old):
    """The record is gone: the rest follows, whatever the plan says today."""
    count, _ = undisturbed()
    storm(ports).calm({count - 5: Fault(error=DiedError())})  # the deletion of the backup
    with pytest.raises(DiedError):
        prune(ports, fresh)
    assert traces(ports, old) == ALIVE | {"record": False, "tombstone": True, "mark": True}
    lenient = FakePorts(
        plan_json(defaults={"retention": {"keepLast": 100}}), clock=ports.clock, storage=ports.storage
    )

    prune(lenient, fresh)

    assert traces(ports, old) == PRUNED


def test_what_was_begun_waits_for_a_restore_that_is_under_way(ports, fresh, old):
    """The backup stays while a run reads it."""
    count, _ = undisturbed()
    storm(ports).calm({count - 5: Fault(error=DiedError())})
    with pytest.raises(DiedError):
        prune(ports, fresh)
    storm(ports).calm()
    run = open_restore(ports, old)
    prune(ports, fresh)
    assert traces(ports, old)["backup"]
    ports.runs.close(run.run_id)

    prune(ports, fresh)

    assert traces(ports, old) == PRUNED


def test_a_backup_that_was_brought_back_by_hand_is_not_pruned_again(ports, fresh, old):
    """A tombstone without a mark is history: what lies beside it was put there on purpose."""
    backups = ports.backups(old.account, old.container)
    content = backups.read(old.name)[0]
    prune(ports, fresh)
    backups.put(old.name, content)

    prune(ports, fresh)

    assert backups.exists(old.name)


def test_a_mark_without_a_tombstone_deletes_nothing(ports, fresh, old):
    """Nothing had been decided: the mark goes, and what is there stays."""
    hold(ports, old)
    stray = "contoso_20260101T000000Z.apimbackup"
    ports.backups(old.account, old.container).put(stray, b"a backup without a record")
    for name in (stray, old.name, "not-ours"):
        ports.records().put(layout.open_prune_key("contoso", name), b"")

    prune(ports, fresh)

    assert ports.backups(old.account, old.container).exists(stray)
    assert traces(ports, old) == ALIVE
    assert list(ports.records().keys(layout.OPEN_PRUNES)) == [layout.open_prune_key("contoso", "not-ours")]


@pytest.mark.parametrize("broken", [True, False], ids=["unreadable", "of-something-else"])
def test_a_tombstone_that_cannot_be_trusted_deletes_nothing(ports, fresh, old, broken):
    """What it should name is not known for certain: a warning, and nothing is touched."""
    stray = "contoso_20260101T000000Z.apimbackup"
    tombstone = Tombstone(point=old, reasons=(), pruned_at=old.started_at, run_id="r")
    ports.records().put(layout.open_prune_key("contoso", stray), b"")
    content = b"{}" if broken else tombstone.to_bytes()
    ports.records().put(layout.pruned_key("contoso", stray), content)
    hold(ports, old)

    result = kept(ports, fresh, old)

    assert "tombstone" in result.value["warnings"][0]


def test_two_executions_at_once_do_no_harm(ports, fresh, old):
    """While one deletes, the other does the whole work: both end well."""
    seen = []

    def listener(call):
        if call.method == "create" and not seen:
            seen.append(call)
            prune_all(ports, fresh)

    storm(ports).on_call = listener

    result = prune(ports, fresh)

    assert seen
    assert result.state is StepState.DONE
    assert traces(ports, old) == PRUNED
    assert recorded(ports) == [fresh.name]
