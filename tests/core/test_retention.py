"""What may be pruned: every rule can keep, the newest usable point stays, what is not known keeps."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import retention
from shared.core.ends import Standby
from shared.core.plan import ProtectedService, Retention
from shared.core.reports import Replica
from shared.core.retention import Catalog, Verdict, plan_prune
from shared.core.tombstones import Tombstone
from tests.core.make import NOW, restore_point, service, standby, storage

LENIENT = Retention(keep_last=1, keep_within_days=0, keep_at_least=1)
"""Rules that keep next to nothing, so that a test sees the one rule that it is about."""


def protected(rules: Retention | None = LENIENT, *, has_standby: bool = False) -> ProtectedService:
    """Return a service with these rules."""
    return ProtectedService(
        name="contoso",
        resource_id=service().resource_id,
        region="westeurope",
        storage=storage(),
        standby=Standby.model_validate(standby()) if has_standby else None,
        retention=rules,
    )


def replica(point, *, of: str = "contoso-neu") -> Replica:
    """Return the record that a standby holds a point."""
    return Replica(
        name=point.name,
        service="contoso",
        target=service(of, "northeurope"),
        run_id="r",
        point_started_at=point.started_at,
        inventory_digest="",
        recorded_at=NOW,
    )


def points(*ages_days: float):
    """Return points of these ages."""
    return tuple(restore_point(age_days=age) for age in ages_days)


def dying(plan) -> list[str]:
    """Return the names of those that may go."""
    return [judged.name for judged in plan.dying]


def reasons(plan, point) -> str:
    """Return all that is said of one point."""
    return "; ".join(next(judged for judged in plan.points if judged.name == point.name).reasons)


def test_a_service_without_rules_keeps_everything():
    """No retention in the plan: none dies, and the plan says why."""
    plan = plan_prune(protected(None), Catalog(points=points(0, 400)), NOW)

    assert dying(plan) == []
    assert "no retention" in plan.nothing_dies_because
    assert "no retention" in reasons(plan, points(400)[0])


def test_what_no_rule_keeps_dies_and_every_rule_says_so():
    """An old point beyond all rules dies, with a sentence of each rule."""
    new, old = points(0, 20)

    plan = plan_prune(protected(), Catalog(points=(new, old)), NOW)

    assert dying(plan) == [old.name]
    said = reasons(plan, old)
    for word in ("newer usable", "keepLast", "keepWithinDays", "keepAtLeast", "not held", "no run restores"):
        assert word in said


def test_the_newest_usable_point_never_dies():
    """It stays under rules that would keep nothing, and an expired newer one does not take its place."""
    expired = restore_point(age_days=0).model_copy(update={"expires_at": NOW})
    usable, old = points(1, 2)

    plan = plan_prune(protected(), Catalog(points=(expired, usable, old)), NOW)

    assert dying(plan) == [old.name, expired.name]
    assert "newest usable" in reasons(plan, usable)


def test_nothing_dies_where_nothing_is_usable():
    """Expired points are the last that is left: they wait until there is a better one."""
    plan = plan_prune(protected(), Catalog(points=points(31, 32, 33)), NOW)

    assert dying(plan) == []
    assert "no restore point is usable" in plan.nothing_dies_because


@pytest.mark.parametrize("count", [1, 2, 5])
def test_keep_last_keeps_the_newest_usable_ones(count):
    """So many of the newest stay; one that has expired takes nobody's place."""
    expired = restore_point(age_days=0.5).model_copy(update={"expires_at": NOW})
    living = points(0, 1, 2, 3, 4, 5)
    rules = LENIENT.model_copy(update={"keep_last": count})

    plan = plan_prune(protected(rules), Catalog(points=(*living, expired)), NOW)

    assert dying(plan) == [point.name for point in living[: count - 1 : -1]] + [expired.name]


def test_keep_within_days_looks_at_the_age_only():
    """Younger than that stays, usable or not; the boundary itself goes."""
    rules = LENIENT.model_copy(update={"keep_within_days": 40})
    new, expired, on_the_boundary, older = points(0, 39.9, 40, 41)

    plan = plan_prune(protected(rules), Catalog(points=(new, expired, on_the_boundary, older)), NOW)

    assert dying(plan) == [older.name, on_the_boundary.name]
    assert "keepWithinDays is 40" in reasons(plan, expired)


def test_the_floor_brings_back_the_newest_of_those_that_would_die():
    """With keepAtLeast 3 two more usable points stay; an expired one does not count for it."""
    rules = LENIENT.model_copy(update={"keep_at_least": 3})
    living = points(0, 1, 2, 3)

    plan = plan_prune(protected(rules), Catalog(points=(*living, *points(35))), NOW)

    assert dying(plan) == [points(35)[0].name, living[3].name]
    assert "keepAtLeast" in reasons(plan, living[2])


def test_the_floor_counts_what_is_kept_for_another_reason():
    """Two held points and the newest are three usable ones: nothing more has to stay."""
    rules = LENIENT.model_copy(update={"keep_at_least": 3})
    living = points(0, 1, 2, 3)
    holds = {living[2].name: "audit", living[3].name: "audit"}

    assert dying(plan_prune(protected(rules), Catalog(points=living, holds=holds), NOW)) == [living[1].name]


def test_the_floor_counts_what_only_validity_days_lets_expire():
    """With validityDays 3 and keepAtLeast 3: Azure would restore the older ones for 30 days."""
    rules = LENIENT.model_copy(update={"keep_at_least": 3})
    new, *lapsed = [
        point.model_copy(update={"expires_at": point.started_at + dt.timedelta(days=3)})
        for point in points(0, 10, 11, 12, 35)
    ]

    plan = plan_prune(protected(rules), Catalog(points=(new, *lapsed)), NOW)

    assert dying(plan) == [lapsed[3].name, lapsed[2].name]
    assert "fewer than 3 restorable points would be left" in reasons(plan, lapsed[1])


def test_a_lapsed_point_takes_no_usable_points_place_in_the_floor():
    """A held one that has lapsed does not let a usable one go."""
    rules = LENIENT.model_copy(update={"keep_at_least": 2})
    new, old, lapsed = points(0, 1, 10)
    lapsed = lapsed.model_copy(update={"expires_at": NOW})

    plan = plan_prune(protected(rules), Catalog(points=(new, old, lapsed), holds={lapsed.name: "a"}), NOW)

    assert dying(plan) == []


def test_nothing_dies_where_most_backups_are_missing():
    """Two of three blobs are not in the list: it is the list that is not believed."""
    living = points(0, 1, 2)

    def plan(missing):
        names = frozenset(point.name for point in missing)
        return plan_prune(protected(), Catalog(points=living, missing=names), NOW)

    assert len(dying(plan(living[2:]))) == 2
    assert dying(plan(living[1:])) == []
    assert "2 of 3 restore points" in plan(living[1:]).nothing_dies_because


def test_a_hold_shows_where_the_plan_has_no_rules():
    """Nothing dies there, and who asks whether the hold was taken sees it all the same."""
    new, old = points(1, 20)

    plan = plan_prune(protected(None), Catalog(points=(new, old), holds={old.name: "ticket 17"}), NOW)

    assert "it is held: ticket 17" in reasons(plan, old)
    assert "held" not in reasons(plan, new)


def test_a_hold_keeps_even_what_has_expired():
    """The reason of the hold is shown."""
    new, old = points(0, 90)

    plan = plan_prune(protected(), Catalog(points=(new, old), holds={old.name: "ticket 17"}), NOW)

    assert dying(plan) == []
    assert "ticket 17" in reasons(plan, old)


def test_points_newer_than_the_standbys_stay():
    """The standby holds the point of two days ago: that one and older ones may go, newer ones may not."""
    living = points(0, 1, 2, 3)
    catalog = Catalog(points=living, replicas=(replica(living[2]), replica(living[3])))

    plan = plan_prune(protected(has_standby=True), catalog, NOW)

    assert dying(plan) == [living[3].name, living[2].name]
    assert "standby" in reasons(plan, living[1])


@pytest.mark.parametrize("replicas", [None, (), (replica(points(0)[0], of="former-neu"),)])
def test_all_usable_points_stay_while_it_is_not_known_what_the_standby_holds(replicas):
    """Not readable, none yet, or those of a former standby: nothing that could still be replicated goes."""
    living = points(0, 1, 2)

    plan = plan_prune(protected(has_standby=True), Catalog(points=living, replicas=replicas), NOW)

    assert dying(plan) == []


def test_no_standby_waits_for_an_expired_point():
    """It could not be restored there: the rule does not keep it, once the replicas are known."""
    new, expired = points(0, 31)

    assert dying(plan_prune(protected(has_standby=True), Catalog(points=(new, expired)), NOW)) == [
        expired.name
    ]


def test_a_point_that_is_being_restored_stays():
    """The run that restores it is named."""
    new, old = points(0, 90)

    plan = plan_prune(protected(), Catalog(points=(new, old), restoring={old.name: "run-7"}), NOW)

    assert dying(plan) == []
    assert "run-7" in reasons(plan, old)


def test_nothing_goes_while_another_point_is_being_restored():
    """The points of a service are left alone as long as one of them is being restored."""
    new, old = points(0, 90)
    catalog = Catalog(points=(new, old), restoring={new.name: "run-7"}, at_work="run-7")

    plan = plan_prune(protected(), catalog, NOW)

    assert dying(plan) == []
    assert "run run-7 is restoring another point" in reasons(plan, old)


def test_a_restore_that_ended_without_proof_keeps_its_own_point_only():
    """It is not known to be at work, and a lasting want of proof must not fill the account."""
    new, old, older = points(0, 80, 90)

    plan = plan_prune(protected(), Catalog(points=(new, old, older), restoring={old.name: "run-7"}), NOW)

    assert dying(plan) == [older.name]


def test_nothing_goes_while_restores_cannot_be_told():
    """It is not known which point somebody needs at this moment."""
    assert dying(plan_prune(protected(), Catalog(points=points(0, 1, 90), restoring=None), NOW)) == []


def test_nothing_goes_while_the_catalogue_is_incomplete():
    """One record that could not be read is enough, and it is named."""
    plan = plan_prune(protected(), Catalog(points=points(0, 90), faults=("x.json is broken",)), NOW)

    assert dying(plan) == []
    assert "x.json is broken" in plan.nothing_dies_because


def test_a_point_without_its_blob_is_not_usable():
    """It is not the newest usable one, does not count for keepLast, and may go."""
    gone, living, old = points(0, 1, 2)

    plan = plan_prune(protected(), Catalog(points=(gone, living, old), missing=frozenset({gone.name})), NOW)

    assert dying(plan) == [old.name, gone.name]
    assert "blob is not there" in reasons(plan, gone)


@pytest.mark.parametrize(
    "change",
    [
        {"service": "other"},
        {"source": service("somebody-else")},
        {"name": "by-hand.apimbackup"},
        {"name": "other_20261101T020000Z.apimbackup"},
    ],
    ids=["service", "source", "foreign-name", "name-of-another-service"],
)
def test_what_is_not_ours_is_not_touched(change):
    """A record of another service, of another resource, or with a name that we do not make."""
    foreign = restore_point(age_days=90).model_copy(update=change)

    plan = plan_prune(protected(), Catalog(points=(*points(0), foreign)), NOW)

    assert dying(plan) == []
    assert "not of the service" in reasons(plan, foreign)


def test_a_foreign_record_takes_nobodys_place():
    """The newest usable point is the newest of ours."""
    foreign = restore_point(age_days=0).model_copy(update={"source": service("somebody-else")})
    own = points(1, 2)

    assert dying(plan_prune(protected(), Catalog(points=(foreign, *own)), NOW)) == [own[1].name]


def test_a_tombstone_knows_its_backup():
    """The same name with another content is another backup."""
    point = restore_point()
    tombstone = Tombstone(point=point, reasons=("old",), pruned_at=NOW, run_id="r")

    assert tombstone.is_of(point.model_copy(update={"warnings": ("more",)}))
    assert not tombstone.is_of(point.model_copy(update={"sha256": "1" * 64}))
    assert not tombstone.is_of(point.model_copy(update={"container": "elsewhere"}))


def test_a_plan_is_shown_oldest_first():
    """As the list of restore points is."""
    living = points(2, 0, 1)

    assert [judged.name for judged in plan_prune(protected(), Catalog(points=living), NOW).points] == [
        point.name for point in points(2, 1, 0)
    ]


HOURS = st.lists(st.integers(0, 24 * 60), unique=True, max_size=25)
RULES = st.builds(
    Retention,
    keep_last=st.integers(1, 10),
    keep_within_days=st.integers(0, 60),
    keep_at_least=st.integers(1, 10),
)


@st.composite
def catalogues(draw):
    """Return a service and a catalogue of it, with whatever may be in one."""
    own = [restore_point(age_days=hours / 24) for hours in draw(HOURS)]
    names = [point.name for point in own]
    some = st.frozensets(st.sampled_from(names)) if names else st.just(frozenset())
    has_standby = draw(st.booleans())
    known = [replica(point) for point in own if point.name in draw(some)]
    catalog = Catalog(
        points=tuple(draw(st.permutations(own))),
        holds=dict.fromkeys(draw(some), "kept"),
        replicas=draw(st.sampled_from([known, known, known, None])) if has_standby else (),
        restoring=draw(st.sampled_from([dict.fromkeys(draw(some), "run"), {}, {}, None])),
        at_work=draw(st.sampled_from(["", "", "", "run"])),
        missing=draw(some),
        faults=draw(st.sampled_from([(), (), (), ("broken",)])),
    )
    return protected(draw(st.none() | RULES), has_standby=has_standby), catalog


@given(catalogues())
def test_every_point_has_a_verdict_and_the_promises_hold(drawn):
    """Newest usable survives, floor holds, holds and restores are respected, doubt keeps everything."""
    protected_service, catalog = drawn
    rules = protected_service.retention

    plan = plan_prune(protected_service, catalog, NOW)

    gone = set(dying(plan))
    usable = [
        point for point in retention.newest_first(catalog.points)
        if point.expires_at > NOW and point.name not in catalog.missing
    ]  # fmt: skip
    assert [judged.name for judged in plan.points] == [
        point.name for point in sorted(catalog.points, key=lambda point: point.started_at)
    ]
    assert all(judged.reasons for judged in plan.points)
    assert not gone & {point.name for point in usable[: rules.keep_last if rules else None]}
    assert not gone & catalog.holds.keys()
    assert not gone & (catalog.restoring or {}).keys()
    left = [point for point in usable if point.name not in gone]
    assert len(left) >= min(len(usable), rules.keep_at_least if rules else len(usable))
    young = dt.timedelta(days=rules.keep_within_days if rules else 0)
    assert all(NOW - point.started_at >= young for point in catalog.points if point.name in gone)
    in_doubt = catalog.replicas is None or catalog.restoring is None or catalog.faults
    if rules is None or in_doubt or catalog.at_work or not usable:
        assert not gone


@given(catalogues(), st.randoms())
def test_the_order_of_reading_changes_nothing(drawn, random):
    """The same catalogue in another order gives the same plan."""
    protected_service, catalog = drawn
    shuffled = list(catalog.points)
    random.shuffle(shuffled)
    other = Catalog(
        points=tuple(shuffled),
        holds=catalog.holds,
        replicas=catalog.replicas,
        restoring=catalog.restoring,
        at_work=catalog.at_work,
        missing=catalog.missing,
        faults=catalog.faults,
    )

    assert plan_prune(protected_service, other, NOW) == plan_prune(protected_service, catalog, NOW)


@given(catalogues())
def test_what_is_left_after_pruning_stays_with_the_same_rules(drawn):
    """Pruning twice is pruning once: the survivors of one plan all survive the next."""
    protected_service, catalog = drawn
    gone = set(dying(plan_prune(protected_service, catalog, NOW)))
    rest = Catalog(
        points=tuple(point for point in catalog.points if point.name not in gone),
        holds=catalog.holds,
        replicas=catalog.replicas,
        restoring=catalog.restoring,
        at_work=catalog.at_work,
        missing=catalog.missing,
        faults=catalog.faults,
    )

    plan = plan_prune(protected_service, rest, NOW)

    assert dying(plan) == []
    assert all(judged.verdict is Verdict.KEEP for judged in plan.points)
