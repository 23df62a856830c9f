"""Names of ours: they sort by time, are legal where they are used, and cannot be mistaken."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import names
from tests.core import make

SERVICES = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True)
TIMES = st.integers(min_value=0, max_value=4_000_000_000).map(
    lambda s: dt.datetime.fromtimestamp(s + 0.5, dt.UTC)
)
KINDS = st.sampled_from(["backup", "restore", "replicate"])


@given(service=SERVICES, wishes=st.lists(st.tuples(TIMES, st.text(max_size=5)), min_size=2, max_size=8))
def test_backups_sorted_by_name_are_sorted_by_time(
    service: str, wishes: list[tuple[dt.datetime, str]]
) -> None:
    """A listing of one service's backups comes in order of the second of their wish, whatever its cause."""
    made = {names.backup_name(service, at, because=why): at for at, why in wishes}

    ordered = [made[name].replace(microsecond=0) for name in sorted(made)]

    assert ordered == sorted(ordered)


@given(runs=st.lists(st.tuples(KINDS, SERVICES, TIMES, st.text(max_size=5)), min_size=2, max_size=8))
def test_runs_sorted_by_id_are_sorted_by_time(runs: list[tuple[str, str, dt.datetime, str]]) -> None:
    """Whatever their kind and service, the newest runs come last."""
    ids = {names.run_id(kind, name, at, because=why): at for kind, name, at, why in runs}

    ordered = [ids[run_id].replace(microsecond=0) for run_id in sorted(ids)]

    assert ordered == sorted(ordered)


@given(kind=KINDS, service=SERVICES, at=TIMES, because=st.text(max_size=20))
def test_what_run_id_makes_is_a_run_id(kind: str, service: str, at: dt.datetime, because: str) -> None:
    """Every id of ours is known as one, whatever caused the run."""
    assert names.is_run_id(names.run_id(kind, service, at, because=because.replace("\ud800", "")))


@given(service=SERVICES, at=TIMES, text=st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_instance_ids_are_legal_for_durable(service: str, at: dt.datetime, text: str) -> None:
    """No slash, backslash, hash, question mark or control character, and at most 100 characters."""
    run_id = names.run_id("replicate", service, at, because=text)
    instances = [
        run_id,
        names.service_instance(text),
        names.night_instance(names.night_id(at, because=text)),
        names.replication_instance(text),
        names.follow_instance(run_id),
        names.follow_instance(run_id, 9),
    ]

    for instance in instances:
        assert len(instance) <= 100
        assert instance.isascii()
        assert instance.isprintable()
        assert not set(instance) & set("/\\#?")


@given(service=SERVICES, at=TIMES, because=st.text(max_size=5))
def test_what_backup_name_makes_is_our_backup(service: str, at: dt.datetime, because: str) -> None:
    """Of this service, listed with it, and the same name for the same wish."""
    name = names.backup_name(service, at, because=because)

    assert names.is_own_backup(name)
    assert names.is_backup_of(name, service)
    assert name.startswith(names.backups_prefix(service))
    assert name == names.backup_name(service, at.replace(microsecond=0), because=because)


def test_two_causes_in_one_second_are_two_blobs() -> None:
    """Two nights of one second never write into one blob; nor does the timer's."""
    made = {names.backup_name("contoso", make.NOW, because=why) for why in ("a", "b", "")}

    assert len(made) == 3


def test_a_backups_name_is_readable() -> None:
    """Service and second, as an operator sees them in the container."""
    assert names.backup_name("contoso", make.NOW) == "contoso_20261123T020000Z.apimbackup"
    assert names.run_id("backup", "contoso", make.NOW) == "20261123T020000Z-backup-contoso"


STRANGERS = [
    "contoso.apimbackup",
    "contoso_20261123T020000Z",
    "contoso_20261123T020000Z.apimbackup\n",
    "contoso_20261123T020000Z.apimbackup.bak",
    "contoso_20261123T020000Z-0123456.apimbackup",
    "contoso_20261123T020000Z-0123456G.apimbackup",
    "contoso_20261123T020000Z-01234567-01234567.apimbackup",
    "a/contoso_20261123T020000Z.apimbackup",
    "Contoso_20261123T020000Z.apimbackup",
    "contoso_\uff120261123T020000Z.apimbackup",
    "",
]


@pytest.mark.parametrize("name", STRANGERS)
def test_other_blobs_are_none_of_ours(name: str) -> None:
    """Nothing but our own backups is ever touched."""
    assert not names.is_own_backup(name)


NO_IDS = [
    "",
    "20261123T020000Z-backup-",
    "20261123T020000Z-drop-contoso",
    "20261123T020000Z-backup-contoso\n",
    "20261123T020000Z-backup-../../secret",
    "20261123T020000Z-backup-contoso/x",
    "20261123T020000Z-backup-contoso.json",
    "\u0662\u0660261123T020000Z-backup-contoso",
    "20261123T020000Z-backup-" + "a" * 100,
]


@pytest.mark.parametrize("text", NO_IDS)
def test_a_text_that_is_no_run_id_is_never_used_as_a_blob_name(text: str) -> None:
    """What comes in a URL is checked to its last character."""
    assert not names.is_run_id(text)


def test_the_same_wish_means_the_same_run() -> None:
    """A timer that fires twice in one night starts nothing new."""
    assert names.run_id("backup", "contoso", make.NOW) == names.run_id("backup", "contoso", make.NOW)
    assert names.night_instance(names.night_id(make.NOW)) == "night-20261123T020000Z"


def test_two_causes_in_one_second_are_two_runs() -> None:
    """Two calls that restore at the same moment are told apart."""
    first, second = (names.run_id("restore", "contoso", make.NOW, because=why) for why in ("a", "b"))

    assert first != second


def test_one_service_has_one_instance_in_any_case() -> None:
    """Azure compares ids without case, and so does the lock."""
    resource_id = make.service().resource_id

    assert names.service_instance(resource_id.upper()) == names.service_instance(resource_id)
    assert names.service_instance(resource_id) != names.service_instance(resource_id + "2")


@pytest.mark.parametrize(
    "at",
    [make.NOW.replace(tzinfo=None), make.NOW.astimezone(dt.timezone(dt.timedelta(hours=1)))],
    ids=["naive", "another zone"],
)
def test_only_utc_is_written_into_names(at: dt.datetime) -> None:
    """A name in local time would sort wrongly."""
    with pytest.raises(ValueError, match="only UTC"):
        names.stamp(at)
