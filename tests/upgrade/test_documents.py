"""What this version has written stays readable: one kept example of every kind of document."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import create_model

import function_app  # noqa: F401 - every document of the app is a class of a module that it imports
import shared.core
from shared.core.documents import Document
from shared.core.errors import ProtocolError
from shared.core.restore_points import RestorePoint
from tests.upgrade import kept


def classes(of: type[Document] = Document) -> Iterator[type[Document]]:
    """Yield every kind of document that the app has."""
    for module in pkgutil.iter_modules(shared.core.__path__):
        importlib.import_module(f"shared.core.{module.name}")
    for one in of.__subclasses__():
        if one.__module__.partition(".")[0] != "tests":
            yield one
            yield from classes(one)


FOUND = list(classes())
KINDS = {one.__name__: one for one in FOUND}
KEPT = {path.stem: path for path in sorted(kept.DOCUMENTS.glob("*.json"))}


def test_every_kind_has_its_example() -> None:
    """A new kind is recorded, and one that was taken away keeps a reader as long as it may be stored."""
    assert KEPT.keys() == KINDS.keys()
    assert len(FOUND) == len(KINDS), "two kinds of one name"


@pytest.mark.parametrize("name", KEPT)
def test_an_example_is_readable(name: str) -> None:
    """By today's class, whatever fields it got since."""
    document = KINDS[name].from_bytes(KEPT[name].read_bytes())

    assert type(document) is KINDS[name]


@pytest.mark.parametrize("name", KEPT)
def test_what_is_read_is_written_again_with_all_that_was_in_it(name: str) -> None:
    """Nothing of an old document is lost when a new version writes it again."""
    document = KINDS[name].from_bytes(KEPT[name].read_bytes())

    assert KINDS[name].from_json(document.to_json()) == document


def grown(**field: Any) -> type[Document]:
    """Return the restore point with one more field."""
    model: type[Document] = create_model("RestorePoint", __base__=RestorePoint, **field)
    return model


def test_a_new_field_without_a_default_is_found() -> None:
    """It makes yesterday's restore points unreadable."""
    with pytest.raises(ProtocolError, match="weight: is missing"):
        grown(weight=(int, ...)).from_bytes(KEPT["RestorePoint"].read_bytes())


def test_an_older_version_refuses_what_it_does_not_know() -> None:
    """Rolling back over a release that added a field makes what was written since unreadable; it is named."""
    newer = grown(weight=(int, 0)).from_bytes(KEPT["RestorePoint"].read_bytes())

    with pytest.raises(ProtocolError, match="weight: is not known here"):
        RestorePoint.from_bytes(newer.to_bytes())


def test_a_new_field_with_a_default_is_none_to_old_documents() -> None:
    """That is how a document grows."""
    document = grown(weight=(int, 0)).from_bytes(KEPT["RestorePoint"].read_bytes())

    assert document.to_json()["weight"] == 0
