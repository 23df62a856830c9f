"""What a record says of a backup beyond size and hash: sidecar, coverage, changes, expiry, odd sizes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.core import layout
from shared.core.restore_points import RestorePoint
from tests.fakes.clock import START
from tests.fakes.points import make_point
from tests.steps.test_prepare import Scene


@pytest.fixture
def scene() -> Scene:
    """A service with which nothing is wrong."""
    return Scene()


def _point(scene: Scene, **entities: str) -> RestorePoint:
    """Back up; `entities` are there after it and were not before."""
    prepared = scene.prepare()
    scene.begin_and_end()
    service = scene.ports.arm.service(scene.wish.source)
    service.entities |= {f"/apis/{name}": digest for name, digest in entities.items()}
    return scene.verify(prepared)


def test_the_record_names_its_sidecar(scene: Scene) -> None:
    """Account, container and key, where it can be read without this app."""
    found = _point(scene).sidecar

    assert found is not None
    assert (found.account, found.container) == ("drprimary", "apim-dr")
    assert found.key == layout.sidecar_key("contoso", scene.wish.backup_name)
    assert scene.sidecar().backup == scene.wish.backup_name


def test_the_record_says_where_everything_is(scene: Scene) -> None:
    """Inside, beside, or nowhere."""
    where = {covered.what: covered.where for covered in _point(scene).coverage}

    assert where["users and subscriptions"] == "backup"
    assert where["diagnostic settings of Azure Monitor"] == "sidecar"
    assert where["content of the developer portal"] == "nowhere"


def test_a_part_that_could_not_be_read_is_nowhere(scene: Scene) -> None:
    """The sidecar has a hole there, and the record must not say otherwise."""
    del scene.ports.arm.resources[
        f"{scene.service_id}/providers/Microsoft.Insights/diagnosticSettings".lower()
    ]

    where = {covered.what: covered.where for covered in _point(scene).coverage}

    assert where["diagnostic settings of Azure Monitor"] == "nowhere"
    assert where["protocols and ciphers"] == "sidecar"
    (hole,) = scene.sidecar().not_read
    assert (hole.part, "Microsoft.Insights/diagnosticSettings/read" in hole.reason) == ("diagnostics", True)


def test_a_change_is_named_with_up_to_five_entities(scene: Scene) -> None:
    """Who reads the warning knows what to look at."""
    point = _point(scene, **{f"a{number}": "f" * 16 for number in range(7)})

    (line,) = point.warnings
    assert line == (
        "the configuration changed while the backup ran; it may hold either state of 7 entities: "
        "/apis/a0 added, /apis/a1 added, /apis/a2 added, /apis/a3 added, /apis/a4 added and 2 more"
    )
    assert point.inventory is not None
    assert point.inventory.changed_while_running is True


def test_a_single_change_is_named_without_a_rest(scene: Scene) -> None:
    """No "and 0 more"."""
    (line,) = _point(scene, new="f" * 16).warnings

    assert line.endswith("of 1 entities: /apis/new added")


@pytest.mark.parametrize(("days", "expected"), [(30, 30), (7, 7), (45, 30)])
def test_expiry_counts_from_the_start_and_is_never_later_than_azures(
    scene: Scene, days: int, expected: int
) -> None:
    """The plan may shorten it; the service itself refuses older ones."""
    scene.wish = scene.wish.model_copy(update={"validity_days": days})
    scene.prepare()
    scene.ports.clock.advance(3600)

    point = _point(scene)

    assert point.started_at == START + dt.timedelta(hours=1)
    assert point.expires_at == point.started_at + dt.timedelta(days=expected)


@pytest.mark.parametrize("scheduled_at", [None, START - dt.timedelta(minutes=1)])
def test_the_record_says_when_the_night_was_due(scene: Scene, scheduled_at: dt.datetime | None) -> None:
    """None for a backup that nobody scheduled."""
    scene.wish = scene.wish.model_copy(update={"scheduled_at": scheduled_at})

    assert _point(scene).scheduled_at == scheduled_at


def _before(scene: Scene, *sizes: int) -> None:
    """Record backups of these sizes on the nights before, oldest first."""
    for number, size in enumerate(reversed(sizes), start=1):
        at = START - dt.timedelta(days=number)
        name = scene.wish.backup_name.replace("20261123", f"{at:%Y%m%d}")
        point = make_point(scene.ports, at, name)
        key = layout.restore_point_key("contoso", name)
        scene.ports.records().put(key, point.model_copy(update={"size_bytes": size}).to_bytes())


@pytest.mark.parametrize(
    ("factors", "is_small"),
    [
        ((), False),
        ((1, 1, 1), False),
        ((1, 1, 2, 100, 100), False),
        ((2, 2, 2), False),
        ((2.1, 2.1, 2.1), True),
        ((1, *[3] * 10), True),
        ((*[3] * 5, *[1] * 10), False),
    ],
    ids=["first", "same", "middle", "exactly half", "under half", "ten newest", "old ones"],
)
def test_a_backup_smaller_than_half_of_the_usual_carries_a_warning(
    scene: Scene, factors: tuple[float, ...], is_small: bool
) -> None:
    """Against the middle of the last ten; without a history nothing is said."""
    size = _point(scene).size_bytes
    _before(scene, *(round(size * factor + 0.4) for factor in factors))

    warnings = scene.verify(scene.prepare()).warnings

    assert bool([line for line in warnings if line.startswith("suspiciously small: ")]) is is_small


def test_a_point_is_not_compared_with_itself(scene: Scene) -> None:
    """A second proof of a backup that was recorded already finds itself in the list, and looks past it."""
    point = _point(scene)
    key = layout.restore_point_key("contoso", point.name)
    scene.ports.records().put(key, point.model_copy(update={"size_bytes": 10**9}).to_bytes())

    assert scene.verify(scene.prepare()).warnings == ()


def test_an_unreadable_record_among_the_recent_hides_no_backup(scene: Scene) -> None:
    """A broken neighbour is passed over."""
    scene.ports.records().put(
        layout.restore_point_key("contoso", "contoso_20200101T000000Z.apimbackup"), b"{"
    )

    assert _point(scene).warnings == ()


def test_a_plain_backup_takes_two_inventories(scene: Scene) -> None:
    """One before the POST, one after the end, however often the steps run."""
    taken: list[Any] = []
    take = scene.ports.take_inventory

    def counted(service: Any, so_far: Any = None, **_more: Any) -> Any:
        taken.append(len(scene.ports.arm.posts))
        return take(service, so_far)

    scene.ports.take_inventory = counted  # type: ignore[method-assign]
    prepared = scene.prepare()
    scene.begin_and_end()
    scene.prepare()
    scene.verify(prepared)

    assert taken == [0, 1]
