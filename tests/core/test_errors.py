"""Our errors: codes, and texts that are safe to log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core import errors
from shared.core.errors import TEXT_LENGTH_MAX, ConfigError, DrError, RequestError, cut

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DrError) and kind is not errors.FaultsError
]


def _make(kind: type[DrError], **more: str) -> DrError:
    if issubclass(kind, errors.FaultsError):
        return kind("message", faults=[("$.a", "is odd")], **more)
    return kind("message", **more)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_code_status_and_hint(kind: type[DrError]) -> None:
    """Programs branch on the code, callers on the status, operators read the hint."""
    err = _make(kind, hint="Do this.")

    assert err.code == kind.code
    assert 400 <= err.http_status <= 599
    assert (err.message, err.hint) == ("message", "Do this.")


def test_codes_are_told_apart() -> None:
    """No two errors share one."""
    codes = [kind.code for kind in KINDS]

    assert len(set(codes)) == len(codes)


def test_an_error_may_carry_the_other_sides_code() -> None:
    """Its own class keeps its own."""
    assert DrError("m", code="AuthorizationFailed").code == "AuthorizationFailed"
    assert DrError("m").code == "Error"


def test_a_temporary_error_knows_when_to_come_back() -> None:
    """And whether the request may have been sent at all."""
    err = errors.UnavailableError("gone", retry_after_s=7)

    assert (err.retry_after_s, err.maybe_sent) == (7, True)
    assert errors.UnavailableError("never", maybe_sent=False).maybe_sent is False


@pytest.mark.parametrize("kind", [ConfigError, RequestError])
def test_an_error_with_faults_shows_all_of_them(kind: type[errors.FaultsError]) -> None:
    """One per line, then the hint."""
    err = kind("the plan is not usable", faults=[("$.a", "is missing"), ("$.b", "is odd")], hint="See docs.")

    assert str(err).splitlines() == [
        "the plan is not usable:",
        "  $.a: is missing",
        "  $.b: is odd",
        "See docs.",
    ]


CUTS = {
    "short": ("no", "no"),
    "empty": ("", ""),
    "lines and tabs": (" a\r\n\tb ", "a b"),
    "escapes of a terminal": ("a\x1b[31mb\x07", "a [31mb"),
    "a null": ("a\x00b", "a b"),
    "half a character": ("a\ud800b", "a b"),
    "letters of any script": ("Größe 大", "Größe 大"),
    "as long as may be": ("a" * TEXT_LENGTH_MAX, "a" * TEXT_LENGTH_MAX),
    "too long": ("a" * (TEXT_LENGTH_MAX + 1), "a" * (TEXT_LENGTH_MAX - 1) + "…"),
}


@pytest.mark.parametrize(("text", "expected"), CUTS.values(), ids=CUTS)
def test_foreign_text_is_cut_to_one_short_line(text: str, expected: str) -> None:
    """Nothing that a terminal obeys and nothing that cannot be stored is left."""
    assert cut(text) == expected


@given(text=st.text(st.characters(), max_size=600))
def test_whatever_is_cut_can_be_logged_and_stored(text: str) -> None:
    """One line, printable, encodable, short; and cutting twice changes nothing."""
    shown = cut(text)

    assert len(shown) <= TEXT_LENGTH_MAX
    assert shown.isprintable()
    assert shown.encode().decode() == shown
    assert cut(shown) == shown
